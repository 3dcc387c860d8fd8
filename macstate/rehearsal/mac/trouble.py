"""Knobs of `rehearse` for trouble with jobs, models, the disk and the clock."""

from __future__ import annotations

import time
from pathlib import Path

from . import launchd, library, real
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def number(name: str) -> Callable[[Mac, list[str]], None]:
    """Return a knob that stores a number."""

    def turn(mac: Mac, words: list[str]) -> None:
        mac.state[name] = int(words[0])

    return turn


def disk(mac: Mac, words: list[str]) -> None:
    """Set the free bytes of the disk, whatever was pulled before."""
    mac.state["disk"] = int(words[0]) + library.used(mac)


def clock(mac: Mac, words: list[str]) -> None:
    """Set the Mac's clock ahead of this machine's; it is a file, since `date` is called often."""
    file = Path(mac.root, ".mac/clock")
    file.unlink(missing_ok=True)
    if int(words[0]):
        file.write_text(str(int(words[0])))


def load(mac: Mac, words: list[str]) -> None:
    """Put a model into memory, for 300 seconds or as given."""
    seconds = float(words[1]) if words[1:] else 300
    mac.state.setdefault("loaded", {})[library.full(words[0])] = time.time() + seconds


def uninstall(mac: Mac, words: list[str]) -> None:
    """Remove a program, which then stays removed."""
    mac.file(words[0]).unlink(missing_ok=True)
    if words[0] not in mac.state["installed"]:
        mac.state["installed"].append(words[0])


def penalty(mac: Mac, words: list[str]) -> None:
    """Put a job into launchd's penalty box: until it is loaded again, a kickstart hangs."""
    jobs = _jobs(mac, words[0])
    if not jobs:
        raise Failure(1, f"rehearse: {words[0]} is not loaded")
    real.end(mac, [job for job in jobs if job.get("supervisor")])
    for job in _jobs(mac, words[0]):  # read again, since the lock was released
        job.update(state="spawn scheduled", pid=None, signal=None, last_exit="1", penalty=True)


def disallow(mac: Mac, words: list[str]) -> None:
    """Switch a job off in System Settings > General > Login Items & Extensions; a loaded job stays loaded."""
    _mark(mac, "disallowed", words[0])


def allow(mac: Mac, words: list[str]) -> None:
    """Switch a job on again."""
    _unmark(mac, "disallowed", words[0])


def crash_loop(mac: Mac, words: list[str]) -> None:
    """Let a job's program end with status 1 at every start, from now on."""
    _mark(mac, "crashing", words[0])
    for job in _jobs(mac, words[0]):
        launchd.spawn(mac, job)


def mend(mac: Mac, words: list[str]) -> None:
    """Let a job's program run again; with KeepAlive it is started at once."""
    _unmark(mac, "crashing", words[0])
    for job in _jobs(mac, words[0]):
        if job["state"] == "spawn scheduled" and not job.get("penalty"):
            launchd.spawn(mac, job)


def _jobs(mac: Mac, label: str) -> list[launchd.Job]:
    return [job for job in launchd.settle(mac).values() if job["label"] == label]


def _mark(mac: Mac, name: str, label: str) -> None:
    labels: list[str] = mac.state["launchd"].setdefault(name, [])
    labels += [] if label in labels else [label]


def _unmark(mac: Mac, name: str, label: str) -> None:
    labels = mac.state["launchd"].get(name, [])
    mac.state["launchd"][name] = [each for each in labels if each != label]


KNOBS = {
    "pull-rate": number("pull_rate"),
    "pull-drop": number("pull_drop"),
    "disk": disk,
    "clock": clock,
    "load": load,
    "uninstall": uninstall,
    "penalty": penalty,
    "disallow": disallow,
    "allow": allow,
    "crash-loop": crash_loop,
    "mend": mend,
}
