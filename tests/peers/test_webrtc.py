"""aiortc and FFmpeg's own WHIP muxer against the bridge: as the camera of a robot, and as a pupil's viewer.

The camera's token is the one that a coordinator gets on the page "Connect a camera"; the viewer's comes from the server as for any
paired tablet. A robot and a camera cannot publish at once: the newer one takes over. So the robot is switched off at its button while
a camera has its place, after the viewer got its permission: the server gives none to a seat whose robot is off.
"""

import asyncio
import html
import re
import subprocess
import sys
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from conftest import csrf, until

WITHIN_S = 20
SDP = "application/sdp"
PUBLISH = Path(__file__).with_name("publish.py")


def camera(product) -> tuple[str, str]:
    """Address and token for a camera in Robin's place, from the coordinator's page."""
    with closing(product.signed_in("Coordinator")) as browser:
        robots = browser.get("/robots").text
        path = re.search(r'href="(/robots/[0-9a-f-]{36})"[^>]*>(?:<[^>]+>)*\s*Robin', robots)
        assert path, "Robin is in the list of robots"
        page = browser.get(path[1]).text
        answer = browser.post(f"{path[1]}/camera", data={"csrf": csrf(page)})
        assert answer.status_code == 200, answer.text
        field = lambda name: html.unescape(re.search(rf'id="{name}"[^>]*>([^<]+)<', answer.text)[1]).strip()
        return field("whip-url"), field("whip-token")


def plain(url: str, product) -> str:
    """The same address by HTTP: FFmpeg here has no reason to trust a certificate that was made a minute ago."""
    return str(httpx.URL(product.url).join(httpx.URL(url).raw_path.decode()))


@pytest.fixture
def robin(product):
    """Robin, connected to the bridge."""
    page = product.robot_page("Robin")
    until("Robin is at the bridge", lambda: httpx.get(f"{page}state.json").json()["bridge_here"], 30)
    return page


@pytest.fixture
def empty_place(robin, tablet, product):
    """Robin's place without Robin, who is switched off at its button and on again at the end. Gives a viewer's permission."""
    permission = permit(tablet, product)
    switch = lambda to: httpx.post(f"{robin}fault/{to}").raise_for_status()
    switch("off")
    until("Robin is off", lambda: not httpx.get(f"{robin}state.json").json()["bridge_here"], 30)
    yield permission
    switch("on")


def permit(tablet, product) -> tuple[str, str]:
    """Address and token for a viewer, as the pupil's page asks for it."""
    answer = tablet.post("/class/join", headers={"x-windowseat": "1", "accept": "application/json"})
    assert answer.status_code == 200, answer.text
    permission = answer.json()
    return str(httpx.URL(product.url).join(permission["whep_url"])), permission["token"]


@asynccontextmanager
async def offered(peer: RTCPeerConnection, url: str, token: str):
    """POSTs the offer, takes the answer, and DELETEs the resource at the end."""
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"authorization": f"Bearer {token}", "content-type": SDP}
    async with httpx.AsyncClient(verify=False, timeout=10) as client:
        # 409: the camera is not connected yet, "please try again in a few seconds".
        for _ in range(WITHIN_S):
            answer = await client.post(url, content=peer.localDescription.sdp, headers=headers)
            if answer.status_code != 409:
                break
            await asyncio.sleep(1)
        assert answer.status_code == 201, (answer.status_code, answer.text)
        assert answer.headers["content-type"].startswith(SDP)
        resource = httpx.URL(url).join(answer.headers["location"])
        try:
            await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            yield resource
        finally:
            gone = await client.delete(resource, headers=headers)
            assert gone.status_code in (200, 204), gone.text
            await peer.close()


async def connected(peer: RTCPeerConnection):
    async with asyncio.timeout(WITHIN_S):
        while peer.connectionState != "connected":
            assert peer.connectionState not in ("failed", "closed"), peer.connectionState
            await asyncio.sleep(0.05)


async def frames(track, count: int) -> list:
    """The next `count` frames of a track."""
    async with asyncio.timeout(WITHIN_S):
        return [await track.recv() for _ in range(count)]


@asynccontextmanager
async def viewer(permission: tuple[str, str]):
    """aiortc as a pupil's viewer: picture and sound, and nothing of its own to send."""
    peer = RTCPeerConnection()
    for kind in ("video", "audio"):
        peer.addTransceiver(kind, direction="recvonly")
    async with offered(peer, *permission) as resource:
        await connected(peer)
        yield {receiver.track.kind: receiver.track for receiver in peer.getReceivers()}, resource


def test_aiortc_views_the_drawn_classroom(product, tablet, robin):
    async def story():
        async with viewer(permit(tablet, product)) as (tracks, _):
            pictures = await frames(tracks["video"], 45)
            sounds = await frames(tracks["audio"], 100)
            assert {(p.width, p.height) for p in pictures} == {(640, 360)}
            times = [p.pts for p in pictures]
            assert times == sorted(times)
            assert max(abs(s.to_ndarray()).max() for s in sounds) > 300, "sound above silence"

    asyncio.run(story())


def test_aiortc_publishes_a_file_as_the_camera_and_is_seen(product, clip, empty_place):
    async def story():
        url, token = camera(product)
        player = MediaPlayer(str(clip), loop=True)
        peer = RTCPeerConnection()
        for track in (player.audio, player.video):
            peer.addTransceiver(track, direction="sendonly")
        async with offered(peer, url, token):
            await connected(peer)
            async with viewer(empty_place) as (tracks, _):
                # FFmpeg's test picture has a saturated colour bar that the drawn classroom has not.
                async with asyncio.timeout(WITHIN_S):
                    while not is_test_picture(await tracks["video"].recv()):
                        pass
                await frames(tracks["video"], 30)
                sounds = await frames(tracks["audio"], 100)
                assert max(abs(s.to_ndarray()).max() for s in sounds) > 1000, "the sine is heard"

    asyncio.run(story())


def is_test_picture(frame) -> bool:
    """Whether this is FFmpeg's `testsrc`: strong red, green and blue all in one row."""
    row = frame.to_ndarray(format="rgb24")[frame.height // 4]
    strong = lambda this, *others: any((row[:, this] > 180) & (row[:, others[0]] < 90) & (row[:, others[1]] < 90))
    return strong(0, 1, 2) and strong(2, 0, 1) and strong(1, 0, 2)


def test_ffmpegs_whip_muxer_publishes_and_is_seen(product, clip, empty_place, tmp_path):
    """FFmpeg 8 from PyAV, in its own process: it holds Python's lock while it connects."""
    url, token = camera(product)
    command = [sys.executable, str(PUBLISH), str(clip), plain(url, product), token, str(tmp_path)]
    publisher = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:

        async def story():
            async with viewer(empty_place) as (tracks, _):
                async with asyncio.timeout(WITHIN_S):
                    while not is_test_picture(await tracks["video"].recv()):
                        assert publisher.poll() is None, publisher.stderr.read()
                await frames(tracks["video"], 30)
                await frames(tracks["audio"], 50)

        asyncio.run(story())
    finally:
        publisher.terminate()
        publisher.wait(10)
        print(publisher.stderr.read())


def test_the_robot_takes_its_place_again_after_the_camera(product, tablet, robin):
    async def story():
        async with viewer(permit(tablet, product)) as (tracks, _):
            async with asyncio.timeout(60):
                while is_test_picture(await tracks["video"].recv()):
                    pass
            await frames(tracks["video"], 15)

    asyncio.run(story())


def test_a_wrong_token_a_wrong_type_and_a_wrong_offer_are_told_apart(product, tablet):
    url, token = permit(tablet, product)
    offer = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

    def post(body=offer, kind=SDP, bearer=token, at=url):
        headers = {"content-type": kind} | ({"authorization": f"Bearer {bearer}"} if bearer else {})
        return httpx.post(at, content=body, headers=headers, timeout=10)

    assert post(bearer=None).status_code == 401
    assert post(bearer="x.y.z").status_code == 401
    altered = token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")
    assert post(bearer=altered).status_code == 401
    assert post(at=url.replace("/whep/", "/whip/")).status_code in (401, 403), "a viewer does not publish"
    assert post(kind="application/json").status_code == 415
    assert post(body="hello").status_code in (400, 422)
    assert post(body=offer + "a=x\r\n" * 100_000).status_code == 413
    for answer in (post(bearer=None), post(body="hello"), post(kind="application/json")):
        assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
        assert answer.json()["detail"] or answer.json()["title"]
