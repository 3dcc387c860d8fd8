"""Real processes, identified by number and start time, since numbers are reused."""

from __future__ import annotations

import os
import time

CLOCK_STEP = 2.0
"""Most seconds by which two start times of one process differ: `ps` computes them from a clock that is adjusted."""


def began(pid: int) -> str:
    """Return the start time of a process, as `ps` prints it; empty if the process is gone or a zombie."""
    import subprocess  # noqa: PLC0415 - slow to load, and needed only where jobs really run

    words = ["/bin/ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    environment = {"LC_ALL": "C", "TZ": "UTC0"}  # every caller must read the same time
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    status, _, since = done.stdout.strip().partition(" ")
    return "" if status.startswith("Z") else since.strip()


def is_same(pid: int, since: str) -> bool:
    """Return whether the process with this number is still the one that started then."""
    now = began(pid) if since else ""
    return bool(now) and (now == since or abs(_seconds(now) - _seconds(since)) <= CLOCK_STEP)


def number(name: str) -> int:
    """Return the number of a signal; KeyError for an unknown name."""
    import signal  # noqa: PLC0415 - as above

    return int(name) if name.isdigit() else signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"]


def send(pid: int, since: str, name: str, *, group: bool = False) -> None:
    """Send a signal to a process, or to its group, if it is still the same process."""
    from contextlib import suppress  # noqa: PLC0415 - as above

    if is_same(pid, since):
        with suppress(ProcessLookupError):  # it ended just now
            (os.killpg if group else os.kill)(pid, number(name))


def _seconds(text: str) -> float:
    return time.mktime(time.strptime(text))
