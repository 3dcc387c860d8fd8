"""`ps` for made-up processes, which the laptop's own ps does not know; that one is asked about all others."""

from __future__ import annotations

import os
import sys
import time
from itertools import pairwise

from . import launchd
from .fresh import FIRST_PID
from .machine import Mac, out

WIDTHS = {"pid": 5, "ppid": 5, "pgid": 5, "etime": 11, "comm": 0}
REAL = "/bin/ps"


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `ps -o pid=,pgid=,comm= -p PIDS`; a made-up process has no other columns (no recording)."""
    columns = [part for word in _after(words, "-o") for part in word.split(",")]
    pids = [int(pid) for word in _after(words, "-p") for pid in word.split(",") if pid.isdigit()]
    known = programs(mac)
    mac.save()
    ages = {job["pid"]: job["began"] for job in mac.state["launchd"]["jobs"].values() if "began" in job}
    found = [pid for pid in pids if pid in known] if {part.rstrip("=") for part in columns} <= set(WIDTHS) else []
    for pid in found:
        values = {
            "pid": pid,
            "ppid": 1,
            "pgid": pid,
            "etime": clock(ages.get(pid, mac.state["born"])),
            "comm": known[pid],
        }
        names = [column.rstrip("=") for column in columns]
        out(" ".join(f"{values[name]:>{WIDTHS[name] or 1}}" for name in names))
    sys.stdout.flush()
    others = [pid for pid in pids if 0 < pid < FIRST_PID]  # with a larger one Linux would refuse the whole list
    formats = [word for column in columns for word in ("-o", column)]
    if others:
        asked = [REAL, *formats, "-p", ",".join(map(str, others))]
        if not found:
            os.execv(REAL, asked)  # noqa: S606 - a command
        import subprocess  # noqa: PLC0415 - slow to load

        subprocess.run(asked, check=False)
    return 0 if found else 1


def clock(since: float) -> str:
    """Return how long something has run, as [[DD-]HH:]MM:SS."""
    minutes, seconds = divmod(max(0, int(time.time() - since)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = f"{hours:02}:" if hours or days else ""
    return f"{f'{days}-' if days else ''}{parts}{minutes:02}:{seconds:02}"


def programs(mac: Mac) -> dict[int, str]:
    """Return the program of each made-up process, by process id."""
    jobs = [job for job in launchd.settle(mac).values() if job["pid"] is not None and not job.get("supervisor")]
    return {
        **{job["pid"]: launchd.program(job) for job in jobs},
        **{pid: path for pid, path, *_ in mac.state["listeners"]},
    }


def _after(words: list[str], option: str) -> list[str]:
    return [word for before, word in pairwise(words) if before == option]
