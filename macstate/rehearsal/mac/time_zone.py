"""The time zone: `/etc/localtime` is a link to it, which anybody can read and `systemsetup` writes."""

from __future__ import annotations

import os
import time

from .machine import Mac, err

LINK = "private/etc/localtime"
ZONES = "/var/db/timezone/zoneinfo/"
NEW = "America/Los_Angeles"
"""What Apple gives a Mac that does not know where it is."""
COMPLAINT = "systemsetup[4242:490181] ### Error:-99 File:/AppleInternal/Sources/Admin/InternetServices.m Line:395"
"""What is printed at each change, which is made all the same, with exit status 0 (recorded on macOS 26)."""


def begin(root: str) -> None:
    """Return a Mac that has no time zone the first one."""
    if not os.path.lexists(f"{root}/{LINK}"):
        _link(root, NEW)


def play(mac: Mac, option: str, name: str) -> str:
    """Play `systemsetup -gettimezone` or `-settimezone NAME`; give what it says (the latter recorded on macOS 12.5).

    What it says of a zone that there is not is not known: here any name is taken.
    """
    if option == "-gettimezone":
        return f"Time Zone: {os.readlink(f'{mac.root}/{LINK}').rpartition('/zoneinfo/')[2]}"
    _link(mac.root, name)
    err(f"{time.strftime('%Y-%m-%d %H:%M:%S')}.260 {COMPLAINT}")
    return f"Set TimeZone: {name}"


def _link(root: str, name: str) -> None:
    draft = f"{root}/{LINK}.{os.getpid()}"
    os.symlink(f"{ZONES}{name}", draft)
    os.replace(draft, f"{root}/{LINK}")
