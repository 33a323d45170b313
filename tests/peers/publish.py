"""Publishes a file by FFmpeg's own WHIP muxer until it is stopped: publish.py FILE URL TOKEN.

A program of its own, because FFmpeg connects while it holds Python's lock. Packets go out unchanged, at the pace of the file.
"""

import sys
import time

import av


def main(path: str, url: str, token: str) -> None:
    options = {"authorization": token, "handshake_timeout": "10000"}
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
