"""Jobs that really run: a tool leaves an order in the state and wakes the job's supervisor, which carries it out.

The orders: ``start``; ``restart``; ``stop`` and unload; ``end`` soon, and stay loaded.
"""

from __future__ import annotations

import os
import time

from . import processes
from .machine import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .machine import Mac

    Job = dict[str, Any]

PAUSE = 0.02
"""Seconds between two checks whether an order was carried out."""
WAKE = "CHLD"
"""The signal that wakes a supervisor: it waits for CHLD anyway, and CHLD does no harm before it listens."""


def is_on(mac: Mac) -> bool:
    """Return whether jobs really run."""
    return bool(mac.state["launchd"].get("real"))


def ask(mac: Mac, words: list[str]) -> None:
    """Become the laptop's own curl if jobs really run, since they really answer; otherwise return."""
    on = is_on(mac)
    mac.save()  # do not hold the lock while a server answers
    if on:
        os.execvpe("curl", ["curl", *words], {**os.environ, "PATH": "/bin:/usr/bin"})  # noqa: S606 - a command


def switch(mac: Mac, words: list[str]) -> None:
    """Let jobs really run from their next start on, or end those that do and return to made-up ones."""
    if words not in (["on"], ["off"]):
        raise Failure(64, "rehearse: run-jobs on | off")
    mac.state["launchd"]["real"] = words == ["on"]
    if words == ["off"]:
        settle(mac)
        end(mac, [job for job in mac.state["launchd"]["jobs"].values() if job.get("supervisor")])


def end(mac: Mac, jobs: list[Job]) -> None:
    """End the programs of jobs that really run; the jobs stay loaded."""
    for job in jobs:
        job["order"] = "end"
        processes.send(**job["supervisor"], name=WAKE)
    left = [job["supervisor"] for job in jobs]
    while left := [supervisor for supervisor in left if processes.is_same(**supervisor)]:
        _sleep(mac)
    settle(mac)


def settle(mac: Mac) -> None:
    """Mark jobs whose supervisor has died as not running, and end the programs left behind."""
    if mac.checked is mac.state:
        return
    mac.checked = mac.state
    for job in mac.state["launchd"]["jobs"].values():
        copied = job.get("root") != mac.root  # a copy of a Mac has no processes
        if job.get("supervisor") and (copied or not processes.is_same(**job["supervisor"])):
            if job["pid"] is not None and not copied:
                processes.send(job["pid"], job["since"], "KILL", group=True)
            job.update(supervisor=None, order=None, pid=None, since=None, state="not running")


def start(mac: Mac, job: Job) -> None:
    """Start or restart a job's program; return when that is done or has failed."""
    if job["gone_at"]:
        raise Failure(37, "Could not kickstart service: 37: Operation already in progress")  # no recording
    begin(mac, job, "restart" if job.get("supervisor") and job["pid"] is not None else "start")
    _wait(mac, job)


def begin(mac: Mac, job: Job, order: str | None = None) -> None:
    """Give a job a supervisor, if it has none, and the supervisor an order."""
    job["order"] = order
    if job.get("supervisor"):
        processes.send(**job["supervisor"], name=WAKE)
    else:
        from . import detach  # noqa: PLC0415 - slow to load, and needed only where jobs really run

        job.update(root=mac.root, pid=None, since=None, state="not running")
        pid = detach.start(mac.root, ["supervise", _target(job)])
        job["supervisor"] = {"pid": pid, "since": processes.began(pid)}


def unload(mac: Mac, job: Job) -> None:
    """Unload a job: at once if nothing runs, otherwise when its program has ended."""
    job["gone_at"] = time.time()
    begin(mac, job, "end" if job["order"] == "end" else "stop")
    if job["pid"] is None:
        _wait(mac, job)


def kill(job: Job, name: str) -> None:
    """Send a signal to a job's program."""
    try:
        processes.number(name)
    except KeyError:
        raise Failure(64, f"Unrecognized signal: {name}") from None  # no recording
    processes.send(job["pid"], job["since"], name)


def crash(mac: Mac, job: Job) -> None:
    """Kill a job's program, and wait until its supervisor has noticed."""
    pid, target = job["pid"], _target(job)
    kill(job, "KILL")
    while mac.state["launchd"]["jobs"].get(target, {}).get("pid") == pid:
        _sleep(mac)


def _wait(mac: Mac, job: Job) -> None:
    order, target = job["order"], _target(job)
    while mac.state["launchd"]["jobs"].get(target, {}).get("order") == order:
        _sleep(mac)


def _sleep(mac: Mac) -> None:
    mac.save()  # do not hold the lock while asleep
    time.sleep(PAUSE)
    settle(mac)


def _target(job: Job) -> str:
    return f"{job['domain']}/{job['label']}"
