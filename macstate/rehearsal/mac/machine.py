"""The Mac's memory: one JSON file behind one lock; and its file system, which lies under one folder."""

from __future__ import annotations

import fcntl
import os
import sys

from . import quick_json

TYPE_CHECKING = False  # as in typing, whose import costs a tool 4 ms
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

MAX_LINKS = 32
"""So many symbolic links in one path are a loop (sys/param.h MAXSYMLINKS)."""
LINES = ",\n"
"""Between two items of the state: people read it too, and an indent would take the package's slow encoder."""


class Failure(Exception):  # noqa: N818 - not an error of ours: what the real tool says
    """A tool's refusal: its exit status and its text."""

    def __init__(self, code: int, text: str, *, stdout: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.stdout = stdout


class Mac:
    """One rehearsal Mac, as a tool sees it."""

    def __init__(self, root: str | Path, *, as_root: bool = False) -> None:
        self.root = str(root)
        self.as_root = as_root
        self.lock = -1
        self.found = ""
        self.read: dict[str, Any] | None = None
        self.checked: dict[str, Any] | None = None  # the state in which the real jobs were looked after

    @property
    def state(self) -> dict[str, Any]:
        """What the Mac remembers. The first look takes the lock: whoever waits for input reads that first."""
        if self.read is None:
            self.lock = os.open(f"{self.root}/.mac/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            with open(f"{self.root}/.mac/state.json") as file:
                self.found = file.read()
            self.read = quick_json.loads(self.found)
        return self.read

    def save(self) -> None:
        """Write what has changed, let the lock go, and read anew at the next look."""
        if self.read is None:  # it was not looked at, or could not be read
            return
        text = quick_json.dumps(self.read, LINES)
        if text != self.found:
            fresh = f"{self.root}/.mac/state.json.{os.getpid()}"
            with open(fresh, "w") as file:
                file.write(text)
            os.replace(fresh, f"{self.root}/.mac/state.json")
        self.read = None
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
        """Return a path as the Mac's owner would say it."""
        text, root = str(path), self.root
        return text[len(root) :] or "/" if text == root or text.startswith(f"{root}/") else text

    def absolute(self, path: str) -> str:
        """Return a path from the Mac's own /."""
        if path.startswith("/"):
            return self.outside(path)
        parts = [part for part in path.split("/") if part not in {"", "."}]
        return self.outside("/".join([os.getcwd().rstrip("/"), *parts]))

    def real(self, path: str) -> str:
        """Resolve links as in a chroot: a target that begins with / begins at the rehearsal folder."""
        todo = self.absolute(path).split("/")[::-1]
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            here = "/".join([self.root, *done, part])
            if part == "..":
                done = done[:-1]
            elif part not in {"", "."} and links < MAX_LINKS and os.path.islink(here):
                links += 1
                target = self.outside(os.readlink(here))
                done = [] if target.startswith("/") else done
                todo += target.split("/")[::-1]
            elif part not in {"", "."}:
                done.append(part)
        return "/" + "/".join(done)

    def place(self, path: str) -> str:
        """Say where a file of the Mac lies on this machine."""
        return self.root + self.real(path)

    def file(self, path: str) -> Path:
        """Return that as a path, for tools that are seldom run."""
        from pathlib import Path  # noqa: PLC0415 - slow to load: it costs as much as a whole small tool

        return Path(self.place(path))


def out(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def err(text: str) -> None:
    """Print a line on standard error, after whatever was printed before."""
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")
