"""`caffeinate`: prevent sleep for a time, or as long as a process or a command lives."""

from __future__ import annotations

import os
import time

from . import processes
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

POLL = 0.2
"""Seconds between two checks of the awaited process and of the Mac's folder, which may be deleted."""
USAGE = "usage: caffeinate [-disu] [-t timeout] [-w Process ID] [command arguments...]"
ASSERTIONS = {
    "d": "PreventUserIdleDisplaySleep",
    "i": "PreventUserIdleSystemSleep",
    "m": "PreventDiskIdle",
    "s": "PreventSystemSleep",
    "u": "UserIsActive",
}


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `caffeinate [-dimsu] [-t SECONDS] [-w PID] [COMMAND…]`."""
    letters, numbers, rest = "", {"-t": 0, "-w": 0}, list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in numbers and rest and rest[0].isdecimal():
            numbers[option] = int(rest.pop(0))
        elif option.strip("-") and set(option[1:]) <= set(ASSERTIONS):
            letters += option[1:]
        else:
            raise Failure(64, USAGE)
    from pathlib import Path  # noqa: PLC0415 - slow to load, and pmset, which asks who holds it awake, does without

    mine = Path(mac.root, f".mac/awake/{os.getpid()}.{letters or 'i'}")
    mine.parent.mkdir(exist_ok=True)
    mine.touch()
    try:
        return _run(mac, rest) if rest else _wait(mine, numbers["-t"], numbers["-w"])
    finally:
        mine.unlink(missing_ok=True)


def _run(mac: Mac, words: list[str]) -> int:
    import subprocess  # noqa: PLC0415 - slow to load, and seldom needed

    program = f"{mac.root}{mac.outside(words[0])}" if words[0].startswith("/") else words[0]
    try:
        return subprocess.run([program, *words[1:]], check=False).returncode
    except OSError:
        raise Failure(1, f"caffeinate: {words[0]}: No such file or directory") from None  # no recording


def _wait(mine: Path, seconds: int, pid: int) -> int:
    end = time.monotonic() + seconds if seconds else float("inf")
    while time.monotonic() < end and (not pid or _lives(pid)) and mine.exists():
        time.sleep(POLL)
    return 0


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def holders(mac: Mac) -> list[tuple[int, list[str]]]:
    """Return process id and assertions of each running caffeinate, and of each made-up job that would start one."""
    folder = f"{mac.root}/.mac/awake"
    names = sorted(name.partition(".") for name in (os.listdir(folder) if os.path.isdir(folder) else ()))
    alive = ((int(pid), letters) for pid, _, letters in names if processes.began(int(pid)))
    found = [(pid, [ASSERTIONS[letter] for letter in dict.fromkeys(letters)]) for pid, letters in alive]
    for job in mac.state["launchd"]["jobs"].values():
        told = " ".join(str(word) for word in job["plist"].get("ProgramArguments", []))
        if job["pid"] is not None and not job.get("supervisor") and "caffeinate" in told:
            found.append((job["pid"], [ASSERTIONS["i"]]))
    return found
