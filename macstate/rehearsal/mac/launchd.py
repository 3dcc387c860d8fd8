"""The state of launchd: its domains, its jobs, and how jobs come and go."""

from __future__ import annotations

import os
import time

from . import crashes, real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .machine import Mac

    Job = dict[str, Any]

NEVER = "(never exited)"
THROTTLE = 10
"""Seconds between two starts of a job unless its plist says otherwise, as in launchd's own `print`."""
TRIGGERS = {"StartInterval", "StartCalendarInterval", "WatchPaths"}
"""The plist's keys that start a job from time to time."""
ERRANDS = {"/usr/sbin/sysctl"}
"""Programs that end at once, even without an interval."""
EXIT_TIMEOUT = 5
"""Seconds from SIGTERM to SIGKILL unless the plist says otherwise."""


def settle(mac: Mac) -> dict[str, Job]:
    """Return the jobs by target, without those that have had their time to stop."""
    real.settle(mac)
    crashes.go_on(mac, THROTTLE)
    jobs: dict[str, Job] = mac.state["launchd"]["jobs"]
    for target, job in list(jobs.items()):
        if job["gone_at"] and job["gone_at"] <= time.time() and not job.get("supervisor"):
            del jobs[target]
        elif job["state"] == "not running" and job["runs"] == 0 and _has_come(mac, job):
            spawn(mac, job)
    return jobs


def _has_come(mac: Mac, job: Job) -> bool:
    """Return whether the path that a job waits for exists now, such as an external disk."""
    keep = job["plist"].get("KeepAlive")
    return isinstance(keep, dict) and "PathState" in keep and is_wanted(mac, job["plist"])


def has_domain(mac: Mac, domain: str) -> bool:
    """Return whether a domain exists: gui/UID only while that user is at the console; user/UID after any login."""
    if domain.startswith("gui/"):
        return domain == f"gui/{mac.state['uid']}" and mac.state["console"] is not None
    return domain in {"system", "user/0", f"user/{mac.state['uid']}"}


def overrides(mac: Mac, domain: str) -> dict[str, str]:
    """Return the labels that were enabled or disabled by hand; gui/UID and user/UID share them (disabled.UID.plist)."""
    key = domain.replace("gui/", "user/")
    found: dict[str, str] = mac.state["launchd"]["overrides"].setdefault(key, {})
    return found


def is_disabled(mac: Mac, domain: str, plist: dict[str, Any]) -> bool:
    """Return whether a job must not be loaded; an override wins over the plist."""
    word = overrides(mac, domain).get(plist["Label"])
    return word == "disabled" or (word is None and bool(plist.get("Disabled")))


def load(mac: Mac, domain: str, path: str, plist: dict[str, Any]) -> None:
    """Load a COPY of the plist: a later change to the file does not change the loaded job."""
    launchd = mac.state["launchd"]
    launchd["coalition"] += 2
    job: Job = {
        "domain": domain,
        "label": plist["Label"],
        "path": path,
        "plist": plist,
        "sudo": mac.as_root and "SUDO_UID" in os.environ,
        "state": "not running",
        "pid": None,
        "runs": 0,
        "last_exit": NEVER,
        "signal": None,
        "gone_at": None,
        "pended": None,
        "coalition": launchd["coalition"],
    }
    settle(mac)[f"{domain}/{plist['Label']}"] = job
    at_load, agent = is_wanted(mac, plist), domain.startswith("gui/")
    if at_load and agent:  # loaded from SSH, not from the console: launchd pends the spawn (measured on a Mac Studio)
        job["pended"] = "speculative"
    if at_load and not agent:
        spawn(mac, job)
    elif real.is_on(mac) and "StartInterval" in plist:
        real.begin(mac, job)


def is_wanted(mac: Mac, plist: dict[str, Any]) -> bool:
    """Return whether launchd starts a job that was just loaded, or whose path has appeared (launchd.plist(5))."""
    keep = plist.get("KeepAlive")
    if not isinstance(keep, dict):
        return bool(plist.get("RunAtLoad") or keep)
    paths = keep.get("PathState") or {}
    found = (os.path.exists(mac.place(path)) == is_there for path, is_there in paths.items())
    return bool(plist.get("RunAtLoad")) or "SuccessfulExit" in keep or any(found)


def program(job: Job) -> str:
    """Return the path of the program that a job runs."""
    plist = job["plist"]
    return str(plist.get("Program") or (plist.get("ProgramArguments") or [""])[0])


def can_start(mac: Mac, job: Job) -> bool:
    """Return whether everything exists that a job's program needs."""
    # launchd opens the log files itself, before the program
    logs = [job["plist"].get(key) for key in ("StandardOutPath", "StandardErrorPath")]
    if not all(os.path.isdir(mac.place(os.path.dirname(log))) for log in logs if log):
        return False
    binary = mac.place(program(job))
    return os.path.isfile(binary) and os.access(binary, os.X_OK)


def spawn(mac: Mac, job: Job) -> None:
    """Start a job's program: as a made-up process, or with the state of a program that cannot start."""
    if real.is_on(mac):
        real.start(mac, job)
        return
    from . import ports  # noqa: PLC0415 - slow to load: it takes re

    job["runs"] += 1
    job["pended"] = job["signal"] = job["pid"] = None
    if not can_start(mac, job):  # measured: no log, and this exit code
        job["state"], job["last_exit"] = "spawn scheduled", "78: EX_CONFIG"
    elif ports.taken(mac, job) or crashes.is_expected(mac, job):
        crashes.happen(job)
    elif TRIGGERS & set(job["plist"]) or program(job) in ERRANDS:  # it ends at once
        job["state"], job["last_exit"] = "not running", "0"
    else:
        job["state"], job["pid"], job["began"] = "running", next_pid(mac), time.time()


def crash(job: Job) -> None:
    """Let a running program end with status 1 and stay down."""
    job["state"], job["pid"], job["last_exit"] = "not running", None, "1"


def kill(mac: Mac, job: Job, signal: str) -> None:
    """End a running program with a signal; launchd starts it again if KeepAlive says so."""
    if job.get("supervisor"):
        real.kill(job, signal)
        return
    job["state"], job["pid"], job["signal"] = "not running", None, signal
    if job["plist"].get("KeepAlive") and not job["domain"].startswith("gui/"):
        spawn(mac, job)


def unload(mac: Mac, job: Job) -> None:
    """Unload a job; a running one takes time, and bootout returns when launchd has accepted, not when it is gone."""
    if job.get("supervisor"):
        real.unload(mac, job)
    elif job["pid"] is None:
        del settle(mac)[f"{job['domain']}/{job['label']}"]
    else:
        job["gone_at"] = time.time() + mac.state["launchd"]["stop_delay"]


def next_pid(mac: Mac) -> int:
    """Return a process id that no real process of this machine can have, so that a `kill` hits nobody."""
    mac.state["launchd"]["pid"] += 1
    return int(mac.state["launchd"]["pid"])
