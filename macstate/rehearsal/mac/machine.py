"""The Mac's state, one JSON file behind one lock; and its file system, which lies under one folder."""

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
"""More symbolic links than this in one path are a loop (sys/param.h MAXSYMLINKS)."""
LINES = ",\n"
"""The text between two items of the state file: people read it, and an indent would need json's slow encoder."""


class Failure(Exception):  # noqa: N818 - not an error of ours: the words of the real tool
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
        self.checked: dict[str, Any] | None = None  # the state for which the real jobs were checked

    @property
    def state(self) -> dict[str, Any]:
        """The Mac's state. The first use takes the lock, so a tool that reads standard input must do so before."""
        if self.read is None:
            self.lock = os.open(f"{self.root}/.mac/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            with open(f"{self.root}/.mac/state.json") as file:
                self.found = file.read()
            self.read = quick_json.loads(self.found)
        return self.read

    def save(self) -> None:
        """Write the state if it has changed, release the lock, and read the state anew at the next use."""
        if self.read is None:  # it was not used, or could not be read
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
        """The name of the user who runs the tool."""
        return "root" if self.as_root else str(self.state["user"])

    @property
    def uid(self) -> int:
        """The number of the user who runs the tool."""
        return 0 if self.as_root else int(self.state["uid"])

    def outside(self, path: str | Path) -> str:
        """Return a path as it is on the Mac, without the rehearsal's folder."""
        text, root = str(path), self.root
        return text[len(root) :] or "/" if text == root or text.startswith(f"{root}/") else text

    def absolute(self, path: str) -> str:
        """Return an absolute path on the Mac."""
        if path.startswith("/"):
            return self.outside(path)
        parts = [part for part in path.split("/") if part not in {"", "."}]
        return self.outside("/".join([os.getcwd().rstrip("/"), *parts]))

    def real(self, path: str) -> str:
        """Return a path with its links resolved as in a chroot: a target that begins with / is in the Mac's folder."""
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
        """Return where a file of the Mac lies on this machine."""
        return self.root + self.real(path)

    def file(self, path: str) -> Path:
        """Return the same place as a Path, for tools that seldom run."""
        from pathlib import Path  # noqa: PLC0415 - slow to load: it costs as much as a whole small tool

        return Path(self.place(path))


def out(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def err(text: str) -> None:
    """Print a line on standard error, after everything that was printed before."""
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")
