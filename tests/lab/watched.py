"""What root does to files, read from strace's notes: one file for each process that a command of root's has started."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)")
PATHS = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
CHILD = {"clone", "clone3", "fork", "vfork"}
BECOMES = {"setuid": 0, "setreuid": 1, "setresuid": 1}
"""Which of the words is as whom the process acts from then on."""
CALLS = ",".join(("%file", *CHILD, *BECOMES))
"""What strace has to note."""
LOOKS = {"stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat"}
LOOKS |= {"statfs", "chdir", "getcwd", "getxattr", "lgetxattr", "listxattr", "llistxattr"}
FIRST = {"execve", "readlink", "readlinkat", "getcwd", "chdir"}
"""What stands behind their first text is no path."""
SECOND = {"symlink", "symlinkat"}
"""What stands first is what the link says."""
WRITES = re.compile("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
APPLES = "launchctl"
"""What launchd looks at is its own affair: a job's program, and the folder of its log."""


@dataclass(frozen=True, order=True)
class Touch:
    """One thing that root did to a path."""

    path: str
    how: str
    """``looks``, ``reads``, ``runs`` or ``changes``."""
    entered: bool
    """Whether it was spelled from a folder that the process was in: that one cannot be swapped."""


def commands(folder: Path) -> list[set[Touch]]:
    """Give what each command has touched, in the order of the commands: notes are called COMMAND.PROCESS."""
    notes: dict[str, dict[str, list[str]]] = {}
    for file in sorted(folder.iterdir()):
        command, _, process = file.name.partition(".")
        notes.setdefault(command, {})[process] = file.read_text(errors="replace").splitlines()
    return [set(_touches(processes)) for _, processes in sorted(notes.items())]


def _touches(notes: dict[str, list[str]]) -> Iterator[Touch]:
    calls = (CALL.match(line) for lines in notes.values() for line in lines)
    children = {call[3] for call in calls if call and call[1] in CHILD}
    for first in notes.keys() - children:
        yield from _of(first, "/", notes)


def _of(process: str, here: str, notes: dict[str, list[str]]) -> Iterator[Touch]:
    for line in notes.get(process, ()):
        call = CALL.match(line)
        if not call:
            continue
        what, words, result = call.groups()
        if what in CHILD:
            yield from _of(result, here, notes)
        elif what in BECOMES:
            if words.split(", ")[BECOMES[what]] not in {"0", "-1"} and result == "0":
                return  # it is the user from here on, and so are its children
        else:
            for folder, path in _paths(what, words):
                whole = os.path.normpath(f"{folder or here}/{path}" if path[0] != "/" else path)
                yield Touch(whole, _how(what, words), path[0] != "/")
                here = whole if what == "chdir" and result == "0" else here
                if what == "execve" and whole.endswith(f"/{APPLES}"):
                    return


def _paths(what: str, words: str) -> Iterator[tuple[str, str]]:
    found = PATHS.findall(words)
    yield from ((folder, path) for folder, path in (found[:1] if what in FIRST else found[what in SECOND :]) if path)


def _how(what: str, words: str) -> str:
    if what in LOOKS:
        return "looks"
    if what == "execve":
        return "runs"
    return "reads" if what in {"open", "openat"} and not WRITES.search(words) else "changes"
