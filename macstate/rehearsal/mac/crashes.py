"""Jobs whose program ends with status 1 at every start (`rehearse crash-loop`), while no program really runs."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .machine import Mac

    Job = dict[str, Any]


def is_expected(mac: Mac, job: Job) -> bool:
    """Return whether a job's program shall end like that."""
    return job["label"] in mac.state["launchd"].get("crashing", ())


def happen(job: Job) -> None:
    """Let a program end with status 1; with KeepAlive, launchd starts it again for ever."""
    job["state"], job["pid"], job["last_exit"] = "not running", None, "1"
    if job["plist"].get("KeepAlive"):
        job["state"], job["tried"] = "spawn scheduled", time.time()


def go_on(mac: Mac, pause: float) -> None:
    """Count the starts since the last call: one for each pause (seconds)."""
    for job in mac.state["launchd"]["jobs"].values() if mac.state["launchd"].get("crashing") else ():
        throttle = float(job["plist"].get("ThrottleInterval", pause)) or pause
        starts = int((time.time() - job.get("tried", time.time())) // throttle)
        if starts > 0 and is_expected(mac, job) and job["state"] == "spawn scheduled" and not job.get("supervisor"):
            job["runs"] += starts
            job["tried"] += starts * throttle
