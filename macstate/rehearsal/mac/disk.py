"""`df`: the one disk that a Mac's data lies on."""

from __future__ import annotations

from . import library
from .machine import Failure, Mac, out

DEVICE, MOUNT = "/dev/disk3s5", "/System/Volumes/Data"
TOTAL = 2 * library.DISK


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `df -Pk PATH`, in the layout of BSD's df and of public captures; no recording."""
    paths = [word for word in words if not word.startswith("-")]
    for path in paths:
        if not mac.file(path).exists():
            raise Failure(1, f"df: {mac.absolute(path)}: No such file or directory")
    free = library.free(mac) // 1024
    total = max(TOTAL // 1024, free)
    used = total - free
    wide = max(len("Used"), len(str(used)))
    available = max(len("Available"), len(str(free)))
    blocks = max(len("1024-blocks"), len(str(total)))
    out(f"Filesystem   {'1024-blocks':>{blocks}} {'Used':>{wide}} {'Available':>{available}} Capacity  Mounted on")
    for _ in paths or [MOUNT]:
        share = f"{100 * used / total:5.0f}%"
        out(f"{DEVICE:<12} {total:>{blocks}} {used:>{wide}} {free:>{available}} {share}    {MOUNT}")
    return 0
