"""One running Windowseat for all tests of this folder: the real program, its own folder, free ports. Stopped at the end."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("WINDOWSEAT") or str(ROOT / "target/release/windowseat")
READY_WITHIN_S = 60
STOPPED_WITHIN_S = 8


@dataclass
class Product:
    """How to reach what runs, as its welcome tells it."""

    process: subprocess.Popen
    data: Path
    welcome: str = ""
    log: list[str] = field(default_factory=list)

    def find(self, pattern: str) -> str:
        match = re.search(pattern, self.welcome, re.MULTILINE)
        assert match, f"the welcome does not say {pattern}:\n{self.welcome}"
        return match[1]

    @property
    def url(self) -> str:
        return self.find(r"On this machine +(\S+?)/?$")

    @property
    def https(self) -> str:
        port = self.find(r"Tablet or phone +https://[^/]+:(\d+)/")
        return f"https://127.0.0.1:{port}"

    @property
    def pairing_keyword(self) -> str:
        return self.find(r"Pupil's tablet +\S+#(\S+)$")

    @property
    def broker(self) -> tuple[str, int]:
        host, port = self.find(r"mqtt://(\S+) user").rsplit(":", 1)
        return host, int(port)

    @property
    def operator(self) -> str:
        return self.find(r"mqtt://\S+ user (\S+)")

    def staff(self, role: str) -> tuple[str, str]:
        """Email and password of a role."""
        match = re.search(rf"^ {{4}}{role} +(\S+@\S+) +(\S+)$", self.welcome, re.MULTILINE | re.IGNORECASE)
        assert match, f"no sign-in for {role}:\n{self.welcome}"
        return match[1], match[2]

    def robot_page(self, name: str) -> str:
        return self.find(rf"Robot {name} +(http:\S+)$")

    @property
    def secrets(self) -> dict[str, str]:
        """The MQTT secrets by user."""
        return tomllib.loads((self.data / "keys/devices.toml").read_text())["secret"]

    @property
    def device_ids(self) -> list[str]:
        """The users that are devices: their names are ids."""
        return [user for user in self.secrets if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", user)]

    def client(self) -> httpx.Client:
        """A browser without scripts: HTTPS, because the cookies are for that, with the certificate made at the first start."""
        tls = ssl.create_default_context(cafile=self.data / "keys/tls.pem")
        return httpx.Client(base_url=self.https, verify=tls, follow_redirects=True, timeout=15)

    def signed_in(self, role: str) -> httpx.Client:
        """A browser in which a member of staff is signed in."""
        client = self.client()
        email, password = self.staff(role)
        form = client.get("/sign-in").text
        answer = client.post("/sign-in", data={"csrf": csrf(form), "then": "", "email": email, "password": password})
        assert answer.status_code == 200 and "/sign-in" not in str(answer.url), (answer.status_code, answer.url)
        return client


def csrf(page: str) -> str:
    """The token that a form of this page needs."""
    match = re.search(r'name="csrf" value="([^"]+)"', page)
    assert match, "a form with a csrf field"
    return match[1]


@pytest.fixture(scope="session")
def product():
    data = Path(tempfile.mkdtemp(prefix="windowseat-"))
    anywhere = ["--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--media-port", "0"]
    # A few minutes into a lesson: no test crosses its end, whenever it runs.
    command = [PROGRAM, "up", "--data", str(data), "--at", "2026-11-24T08:54", *anywhere]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    running = Product(process, data)
    ready = threading.Event()

    def read_welcome():
        for line in process.stdout:
            running.welcome += line
            if "Everything kept" in line:
                ready.set()
        ready.set()

    readers = [
        threading.Thread(target=read_welcome, daemon=True),
        threading.Thread(target=lambda: running.log.extend(process.stderr), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        ready.wait(READY_WITHIN_S)
        assert process.poll() is None and "Everything kept" in running.welcome, "not ready:\n" + "".join(running.log)
        yield running
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPED_WITHIN_S) == 0, "Ctrl-C stops it in order\n" + "".join(running.log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def tablet(product):
    """A pupil's tablet, joined by the keyword and opened by a PIN."""
    client = product.client()
    answer = client.post("/pair", data={"code": product.pairing_keyword})
    assert answer.url.path == "/pin", (answer.status_code, answer.url)
    answer = client.post("/pin/choose", data={"pin": "2580", "again": "2580"})
    assert answer.url.path == "/today", (answer.status_code, answer.url)
    yield client
    client.close()


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """Five seconds of H.264 (constrained baseline) and Opus, made by FFmpeg: what a cheap camera would send."""
    path = tmp_path_factory.mktemp("clip") / "classroom.mkv"
    sources = ["-f", "lavfi", "-i", "testsrc=size=640x360:rate=15", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    video = ["-c:v", "libx264", "-profile:v", "baseline", "-level", "3.1", "-bf", "0", "-g", "15", "-pix_fmt", "yuv420p", "-b:v", "600k"]
    audio = ["-c:a", "libopus", "-ac", "2", "-b:a", "32k"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *sources, "-t", "5", *video, *audio, str(path)], check=True, timeout=60)
    return path


def until(what: str, look, within_s: float = 20):
    """Waits until `look` answers with something true, and returns it."""
    end = time.monotonic() + within_s
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"{what}: not within {within_s} s; last seen {seen!r}"
        time.sleep(0.1)
