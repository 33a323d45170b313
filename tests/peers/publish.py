"""Publishes a file by FFmpeg's own WHIP muxer until it is stopped: publish.py FILE URL TOKEN FOLDER.

A program of its own, because FFmpeg connects while it holds Python's lock. Packets go out unchanged, at the pace of the file.
It brings a P-256 key of its own, made in FOLDER: the one that FFmpeg with GnuTLS makes by itself is of a kind that the bridge's DTLS
does not check.
"""

import datetime
import sys
import time
from pathlib import Path

import av
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(folder: Path) -> dict[str, str]:
    """A certificate for DTLS, as options of the muxer."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    files = {"cert_file": folder / "camera.pem", "key_file": folder / "camera-key.pem"}
    pem = serialization.Encoding.PEM
    files["cert_file"].write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    plain = (serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    files["key_file"].write_bytes(key.private_bytes(pem, *plain))
    return {option: str(path) for option, path in files.items()}


def main(path: str, url: str, token: str, folder: str) -> None:
    options = {"authorization": token, "handshake_timeout": "10000"} | certificate(Path(folder))
    with av.open(path) as source, av.open(url, "w", format="whip", options=options) as sink:
        target = {s.index: sink.add_stream_from_template(s) for s in (source.streams.video[0], source.streams.audio[0])}
        started, offset, longest = time.monotonic(), 0.0, 0.0
        while True:
            for packet in source.demux():
                if packet.dts is None:
                    continue
                at = offset + float(packet.dts * packet.time_base)
                longest = max(longest, at + float((packet.duration or 0) * packet.time_base))
                time.sleep(max(0.0, started + at - time.monotonic()))
                shift = round(offset / packet.time_base)
                packet.dts += shift
                packet.pts += shift
                packet.stream = target[packet.stream.index]
                sink.mux(packet)
            offset = longest
            source.seek(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
