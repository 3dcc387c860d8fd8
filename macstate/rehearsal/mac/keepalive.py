"""When launchd starts a program again, and how long it waits for a program to end."""

from __future__ import annotations

import signal

from .launchd import EXIT_TIMEOUT, THROTTLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .launchd import Job

SOON = 2.0
"""Seconds until SIGKILL when jobs shall stop really running."""
CRASHES = {
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGABRT,
    signal.SIGFPE,
    signal.SIGBUS,
    signal.SIGSEGV,
    signal.SIGSYS,
}
"""The meaning of KeepAlive's ``Crashed``: signals typically associated with a crash (launchd.plist(5))."""


def wants_again(job: Job, code: int) -> bool:
    """Return whether a program that ended with this code is started again; a negative code is a signal's number."""
    keep_alive = job["plist"].get("KeepAlive")
    if isinstance(keep_alive, dict):  # one of its conditions is enough
        ended = {"SuccessfulExit": code == 0, "Crashed": -code in CRASHES}
        return any(keep_alive[key] == is_so for key, is_so in ended.items() if key in keep_alive)
    return bool(keep_alive)


def throttle(job: Job) -> float:
    """Return the shortest time between two starts, in seconds."""
    return float(job["plist"].get("ThrottleInterval", THROTTLE))


def patience(job: Job) -> float:
    """Return the time from SIGTERM to SIGKILL, in seconds."""
    if job["order"] == "end":
        return SOON
    return float(job["plist"].get("ExitTimeOut", EXIT_TIMEOUT)) or float("inf")  # 0: for ever (launchd.plist(5))
