"""Real processes, known by their number and the time they began: numbers are used again."""

from __future__ import annotations

import os
import time

CLOCK_STEP = 2.0
"""Seconds by which the beginning of one process may seem to differ: `ps` computes it from a clock that is set."""


def began(pid: int) -> str:
    """Say when a process began, in the words of `ps`; nothing for one that is gone, or dead and not yet buried."""
    import subprocess  # noqa: PLC0415 - slow to load, and needed only where jobs really run

    words = ["/bin/ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    environment = {"LC_ALL": "C", "TZ": "UTC0"}  # every caller shall read the same time
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    status, _, since = done.stdout.strip().partition(" ")
    return "" if status.startswith("Z") else since.strip()


def is_same(pid: int, since: str) -> bool:
    """Say whether the process of this number is still the one that began then."""
    now = began(pid) if since else ""
    return bool(now) and (now == since or abs(_seconds(now) - _seconds(since)) <= CLOCK_STEP)


def number(name: str) -> int:
    """Return the number of a signal; KeyError for a name that no signal has."""
    import signal  # noqa: PLC0415 - as above

    return int(name) if name.isdigit() else signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"]


def send(pid: int, since: str, name: str, *, group: bool = False) -> None:
    """Send a signal to a process, or to its whole group, if it is still the same one."""
    from contextlib import suppress  # noqa: PLC0415 - as above

    if is_same(pid, since):
        with suppress(ProcessLookupError):  # it ended just now
            (os.killpg if group else os.kill)(pid, number(name))


def _seconds(text: str) -> float:
    return time.mktime(time.strptime(text))
