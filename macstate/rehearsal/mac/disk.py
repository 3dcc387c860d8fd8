"""`df`: the disk that holds a Mac's data, and external ones."""

from __future__ import annotations

from . import library
from .machine import Failure, Mac, out

DEVICE, MOUNT = "/dev/disk3s5", "/System/Volumes/Data"
EXTERNAL = "/dev/disk5s1"
TOTAL = 2 * library.DISK


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `df -Pk PATH` in the layout of BSD's df, as in public captures; no recording."""
    paths = [word for word in words if not word.startswith("-")]
    for path in paths:
        if not mac.file(path).exists():
            raise Failure(1, f"df: {mac.absolute(path)}: No such file or directory")
    volumes: dict[str, int] = mac.state.get("volumes", {})
    free = library.free(mac) // 1024
    total = max(TOTAL // 1024, free)
    used = total - free
    wide = max(len("Used"), len(str(used)))
    available = max(len("Available"), len(str(free)))
    blocks = max(len("1024-blocks"), len(str(total)))
    out(f"Filesystem   {'1024-blocks':>{blocks}} {'Used':>{wide}} {'Available':>{available}} Capacity  Mounted on")
    for path in paths or [MOUNT]:
        volume = next((each for each in volumes if f"{mac.real(path)}/".startswith(f"{each}/")), "")
        device, mount = (EXTERNAL, volume) if volume else (DEVICE, MOUNT)
        here = volumes[volume] // 1024 if volume else free
        rest = max(total - here, 0)
        share = f"{100 * rest / total:5.0f}%"
        out(f"{device:<12} {total:>{blocks}} {rest:>{wide}} {here:>{available}} {share}    {mount}")
    return 0


def mount(mac: Mac, words: list[str]) -> None:
    """Connect an external disk; the second word is its free bytes."""
    name, free = [*words, str(library.DISK)][:2]
    mac.file("/Volumes").mkdir(exist_ok=True)
    away = mac.file(f"/private/.unmounted-{name}")
    place = mac.file(f"/Volumes/{name}")
    away.rename(place) if away.exists() else place.mkdir(exist_ok=True)
    mac.state.setdefault("volumes", {})[f"/Volumes/{name}"] = int(free)


def unmount(mac: Mac, words: list[str]) -> None:
    """Disconnect an external disk with its content; macOS removes its folder too."""
    mac.state.get("volumes", {}).pop(f"/Volumes/{words[0]}", None)
    place = mac.file(f"/Volumes/{words[0]}")
    if place.exists():
        place.rename(mac.file(f"/private/.unmounted-{words[0]}"))


KNOBS = {"mount": mount, "unmount": unmount}
