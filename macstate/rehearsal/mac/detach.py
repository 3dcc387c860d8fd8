"""Start a tool that outlives its caller: no parent, no terminal, and none of the caller's files open."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def start(root: str, words: list[str]) -> int:
    """Start one of the Mac's own tools, and return its process id; its output goes to .mac/jobs.log."""
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setsid()
            pid = os.fork()
            if not pid:
                _become(root, words)
            os.write(writable, str(pid).encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as answer:
        pid = int(answer.read())
    os.waitpid(child, 0)
    return pid


def _become(root: str, words: list[str]) -> NoReturn:
    os.chdir(root)
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(".mac/jobs.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number, source in enumerate((nothing, log, log)):
        os.dup2(source, number)
        os.set_inheritable(number, True)
    for number in map(int, os.listdir("/dev/fd")):
        if number > 2:  # noqa: PLR2004 - standard error
            with suppress(OSError):
                os.close(number)
    python = [sys.executable, "-I", "-S", str(Path(__file__).resolve().with_name("__main__.py"))]
    os.execve(python[0], [*python, *words], {"MACSTATE_ROOT": root, "LC_ALL": "C"})  # noqa: S606 - a command
