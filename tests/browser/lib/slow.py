"""A link that takes its time: two network devices, one in this network namespace and one in another, and each packet late by so much.

    slow.py NAMESPACE MILLISECONDS

Runs until its input ends. The kernel's own way (tc netem) is not in every kernel."""

import ctypes
import fcntl
import heapq
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000


def device(name: str) -> int:
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return file


def main(namespace: str, late: float) -> None:
    near = device("slow")
    other = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(other, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    far = device("slow")
    opposite = {near: far, far: near}
    waiting: list[tuple[float, int, int, bytes]] = []
    count = 0
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to, packet = heapq.heappop(waiting)
            try:
                os.write(to, packet)
            except OSError:
                pass  # A queue that is full loses packets, as any.
        readable, _, _ = select.select([near, far, sys.stdin], [], [], max(0.0, waiting[0][0] - now) if waiting else None)
        for file in readable:
            if file is sys.stdin:
                if not os.read(0, 1024):
                    return
                continue
            try:
                packet = os.read(file, 65536)
            except OSError:
                continue
            count += 1
            heapq.heappush(waiting, (time.monotonic() + late, count, opposite[file], packet))


main(sys.argv[1], float(sys.argv[2]) / 1000)
