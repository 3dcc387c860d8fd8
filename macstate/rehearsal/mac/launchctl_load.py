"""`launchctl bootstrap` and `bootout`."""

from __future__ import annotations

import os
import stat
import time

from . import launchd, owners
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RICHER = "\nTry re-running the command as root for richer errors."
"""Printed for all users but root since macOS 12.3 (recorded)."""


def bootstrap(mac: Mac, words: list[str]) -> int:
    """Load the named plists into a domain."""
    domain, paths = [*words, ""][1], words[2:]
    if not domain or not paths:
        raise Failure(64, "Usage: launchctl bootstrap <domain-target> [service-path, service-path2, ...]")
    if not launchd.has_domain(mac, domain):
        raise Failure(125, "Bootstrap failed: 125: Domain does not support specified action")
    for path in paths:
        _bootstrap_one(mac, domain, path)
    return 0


def _bootstrap_one(mac: Mac, domain: str, path: str) -> None:
    failed = Failure(5, "Bootstrap failed: 5: Input/output error" + ("" if mac.as_root else RICHER))
    plist = read(mac, path)
    if plist is None or (domain == "system" and not mac.as_root) or bad_ownership(mac, domain, path):
        raise failed
    if domain.startswith("user/") and "Background" not in plist.get("LimitLoadToSessionType", "Aqua"):
        raise Failure(134, "Service cannot load in requested session")
    if is_disallowed(mac, plist):  # others report this status (no recording)
        raise failed
    if launchd.is_disabled(mac, domain, plist):
        raise Failure(119, "Bootstrap failed: 119: Service is disabled")
    if f"{domain}/{plist['Label']}" in launchd.settle(mac):  # still loaded, or not yet gone: the same answer
        raise failed
    launchd.load(mac, domain, mac.absolute(path), plist)


def read(mac: Mac, path: str) -> dict[str, Any] | None:
    """Return a job's plist; None if launchd could not use it."""
    import plistlib  # noqa: PLC0415 - slow to load, and seldom needed
    from xml.parsers.expat import ExpatError  # noqa: PLC0415 - the same

    try:
        with open(mac.place(path), "rb") as file:
            plist = plistlib.load(file)
    except (OSError, ValueError, ExpatError):
        return None
    if (
        not isinstance(plist, dict)
        or not plist.get("Label")
        or not (plist.get("Program") or plist.get("ProgramArguments"))
    ):
        return None
    return plist


def is_disallowed(mac: Mac, plist: dict[str, Any]) -> bool:
    """Return whether a job was switched off in System Settings, which no `launchctl enable` changes."""
    return plist["Label"] in mac.state["launchd"].get("disallowed", ())


def bad_ownership(mac: Mac, domain: str, path: str) -> bool:
    """Return whether launchd refuses a file for its owner or mode: only root may own or write a daemon's plist."""
    file = mac.place(path)
    owner, _ = owners.of(mac, file)
    wanted = {0} if domain == "system" else {0, mac.state["uid"]}
    return owner not in wanted or bool(os.stat(file).st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def bootout(mac: Mac, words: list[str]) -> int:
    """Unload a job, named by its label or its plist."""
    wait = "--wait" in words
    domain, *rest = [word for word in words[1:] if word != "--wait"] or [""]
    if not domain or not (rest or "/" in domain):
        raise Failure(
            64, "Usage: launchctl bootout <domain-target> [service-path1, service-path2, ...] | <service-target>"
        )
    target = _target_of_file(mac, domain, rest[0]) if rest else domain
    if target.startswith("system") and not mac.as_root:  # the same for a job that is not loaded (measured)
        raise Failure(1, "Boot-out failed: 1: Operation not permitted")
    job = launchd.settle(mac).get(target)
    if job is None:
        raise (
            Failure(5, "Boot-out failed: 5: Input/output error")
            if rest
            else Failure(3, "Boot-out failed: 3: No such process")
        )
    if job["gone_at"] and not wait:
        raise Failure(36, "Boot-out failed: 36: Operation now in progress")
    launchd.unload(mac, job)
    while wait and target in launchd.settle(mac):
        mac.save()  # do not hold the lock while asleep
        time.sleep(0.02)
    return 0


def _target_of_file(mac: Mac, domain: str, path: str) -> str:
    plist = read(mac, path)
    return f"{domain}/{plist['Label']}" if plist else domain + "/"
