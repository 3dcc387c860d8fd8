"""What the lab's tests need to know of the machine that they run on."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from lab import build


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


@contextmanager
def local_user(*options: str) -> Iterator[str]:
    """Give a throw-away local user, whose processes end with it."""
    assert os.geteuid() == 0, "the lab adds a local user: run it as root, or leave out --lab and CI=true"
    build.machine_has("sudo")
    name = f"macstate{os.getpid()}"
    subprocess.run(["useradd", *options, name], check=True)
    try:
        yield name
    finally:
        left = subprocess.run(["ps", "-o", "pid=", "-u", name], capture_output=True, text=True, check=False)
        for process in left.stdout.split():
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(int(process), signal.SIGKILL)
        subprocess.run(["userdel", "-r", "-f", name], check=True, capture_output=True)


def reachable_python(user: str) -> str:
    """Find a Python that the user may run: this one may lie below /root."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (str(Path(sys.executable).resolve()), "/usr/bin/python3", "/usr/local/bin/python3"):
        words = ["runuser", "-u", user, "--", python, "-I", "-S", "-c", check]
        if subprocess.run(words, cwd="/", capture_output=True, check=False).returncode == 0:
            return python
    raise AssertionError("no Python 3.11 that another user than root may run: install python3")


def remove(folder: Path) -> None:
    """Take a folder away, though a pull that ends by itself in the background takes away files of its own meanwhile."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    shutil.rmtree(folder)
