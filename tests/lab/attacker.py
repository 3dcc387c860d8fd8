"""A local user without rights, who puts something of theirs where root will look. It runs alone, as that user.

Standard input, or its one word, is JSON: what to do, and at which places.
"""

from __future__ import annotations

import json
import os
import random
import stat
import sys
import time
from contextlib import suppress

KEY = b'"~*^(?i:bearer) +x"\\noutput=/etc/sudoers;$(id>&2)$" 1;' + b"\n"
HOSTILE = KEY + b"owned\tfile/etc/sudoers\tx\n\x00\xff\x1b]0;$(id >&2)`id`\n../../../etc/sudoers\n'\"\\\t\t\n" * 20_000
"""Longer than a log that is rotated, and no line of it is what a record, a key file or a plist holds."""


def may_replace(place: str) -> bool:
    """Say whether this user may give the name to something else."""
    folder = os.path.dirname(place)
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    owners = {os.stat(folder).st_uid, os.lstat(place).st_uid if os.path.lexists(place) else os.getuid()}
    return os.getuid() in owners or not os.stat(folder).st_mode & stat.S_ISVTX


def put(kind: str, place: str, canary: str) -> None:
    """Put something else there; what was there is kept beside it, unless it is only filled."""
    folder = os.path.isdir(place)
    if kind != "fill" and os.path.lexists(place):
        os.rename(place, f"{place}.mine")
    if kind == "link":
        os.symlink(canary, place)
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder" and not folder:
        os.makedirs(f"{place}/x")
    elif kind in {"folder", "fill"} or not folder:
        with open(place, "wb") as file:
            file.write(HOSTILE)


def swap(pairs: list[tuple[str, str]]) -> None:
    """Have each place be what it was, then a link, and so on, whatever else becomes of it."""
    for place, canary in pairs:
        os.symlink(canary, f"{place}.link")
    print("ready", flush=True)
    while os.getppid() != 1:
        for away, back in ((".mine", ".link"), (".link", ".mine")):
            for place, _ in pairs:
                with suppress(OSError):  # root may have taken it away
                    os.rename(place, place + away)
                with suppress(OSError):
                    os.rename(place + back, place)
            time.sleep(random.random() / 500)


def main() -> None:
    """Do what is asked."""
    told = json.loads(sys.argv[1] if sys.argv[1:] else sys.stdin.read())
    if told["kind"] == "swap":
        swap(told["pairs"])
    elif told["kind"] == "which":
        print(json.dumps([place for place, _ in told["pairs"] if may_replace(place)]))
    else:
        for place, canary in told["pairs"]:
            put(told["kind"], place, canary)


if __name__ == "__main__":
    main()
