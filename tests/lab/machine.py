"""What the lab's tests need to know of the machine that they run on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self


class Processes:
    """Notes the machine's process list again and again."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.over = threading.Event()
        self.watcher = threading.Thread(target=self.watch)

    def watch(self) -> None:
        while not self.over.is_set():
            self.seen.append(subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout)
            time.sleep(0.02)

    def __enter__(self) -> Self:
        self.watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.watcher.join()


def reachable_python(user: str) -> str:
    """Find a Python that the user may run: this one may lie below /root."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (str(Path(sys.executable).resolve()), "/usr/bin/python3", "/usr/local/bin/python3"):
        words = ["runuser", "-u", user, "--", python, "-I", "-S", "-c", check]
        if subprocess.run(words, cwd="/", capture_output=True, check=False).returncode == 0:
            return python
    raise AssertionError("no Python 3.11 that another user than root may run: install python3")
