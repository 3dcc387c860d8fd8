"""The Mac's memory: one JSON file behind one lock; and its file system, which lies under one folder."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from functools import cached_property
from pathlib import Path

TYPE_CHECKING = False  # as in typing, whose import costs a tool 4 ms
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

MAX_LINKS = 32
"""So many symbolic links in one path are a loop (sys/param.h MAXSYMLINKS)."""
DAMAGED = 70
"""Exit status of a tool that cannot make sense of the Mac's memory (sysexits.h: EX_SOFTWARE)."""


class Failure(Exception):  # noqa: N818 - not an error of ours: what the real tool says
    """A tool's refusal: its exit status and its text."""

    def __init__(self, code: int, text: str, *, stdout: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.stdout = stdout


class Mac:
    """One rehearsal Mac, as a tool sees it."""

    def __init__(self, root: Path, *, as_root: bool = False) -> None:
        self.root = root
        self.as_root = as_root
        self.lock = -1
        self.found = ""
        self.checked: dict[str, Any] | None = None  # the state in which the real jobs were looked after

    @cached_property
    def state(self) -> dict[str, Any]:
        """What the Mac remembers. The first look takes the lock: whoever waits for input reads that first."""
        self.lock = os.open(self.root / ".mac/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.found = (self.root / ".mac/state.json").read_text()
        state: dict[str, Any] = json.loads(self.found)
        return state

    def save(self) -> None:
        """Write what has changed, let the lock go, and read anew at the next look."""
        if self.lock == -1 or "state" not in self.__dict__:  # it was not looked at, or could not be read
            return
        text = json.dumps(self.state, indent=1)
        if text != self.found:
            fresh = self.root / f".mac/state.json.{os.getpid()}"
            fresh.write_text(text)
            fresh.replace(self.root / ".mac/state.json")
        del self.state
        os.close(self.lock)
        self.lock = -1

    @property
    def user(self) -> str:
        """Whoever runs the tool."""
        return "root" if self.as_root else str(self.state["user"])

    @property
    def uid(self) -> int:
        """The number of whoever runs the tool."""
        return 0 if self.as_root else int(self.state["uid"])

    def outside(self, path: str | Path) -> str:
        """Give a path as the Mac's owner would say it."""
        text = str(path)
        root = str(self.root)
        return text[len(root) :] or "/" if text == root or text.startswith(f"{root}/") else text

    def absolute(self, path: str) -> str:
        """Give a path from the Mac's own /."""
        return self.outside(path if path.startswith("/") else Path.cwd() / path)

    def real(self, path: str) -> str:
        """Resolve links as in a chroot: a target that begins with / begins at the rehearsal folder."""
        todo = self.absolute(path).split("/")[::-1]
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            here = self.root.joinpath(*done, part)
            if part == "..":
                done = done[:-1]
            elif part not in {"", "."} and links < MAX_LINKS and here.is_symlink():
                links += 1
                target = self.outside(here.readlink())
                done = [] if target.startswith("/") else done
                todo += target.split("/")[::-1]
            elif part not in {"", "."}:
                done.append(part)
        return "/" + "/".join(done)

    def file(self, path: str) -> Path:
        """Say where a file of the Mac lies on this machine."""
        return Path(f"{self.root}{self.real(path)}")


def out(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def err(text: str) -> None:
    """Print a line on standard error, after whatever was printed before."""
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")


def play(module: ModuleType, tool: str, words: list[str]) -> int:
    """Run a tool as a process of the Mac that the environment names, and note the call."""
    mac = Mac(Path(os.environ["MACSTATE_ROOT"]), as_root=os.environ.get("MACSTATE_AS") == "root")
    try:
        with (mac.root / ".mac/calls").open("a") as calls:
            calls.write(json.dumps([time.time(), mac.as_root, [tool, *words]]) + "\n")
        try:
            code: int = module.main(mac, tool, words)
        finally:
            mac.save()
    except Failure as failure:
        if failure.text:
            (out if failure.stdout else err)(failure.text)
        code = failure.code
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        err(f"{tool}: this rehearsal is damaged, or its disk is ({type(error).__name__}: {error})")
        code = DAMAGED
    sys.stdout.flush()
    return code
