"""The shells and awks that run our scripts in tests: the machine's own, and with the lab those of Debian.

A Mac's are bash 3.2 in POSIX mode and an awk of 2020, which nobody packages: original-awk is the nearest to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import build

DEBIAN = (("dash", "mawk"), ("bash", "original-awk"), ("busybox", "original-awk"))


def pairs() -> Iterator[object]:
    """Give parameters of the fixture ``shell``: (shell, awk)."""
    yield pytest.param(("sh", "awk"), id="sh")
    if shutil.which("bash"):
        yield pytest.param(("bash", "awk"), id="bash", marks=pytest.mark.slow)
    yield from (pytest.param(pair, id="-".join(pair), marks=pytest.mark.lab) for pair in DEBIAN)


def linked(folder: Path, names: tuple[str, str]) -> Path:
    """Give a folder where `sh` and `awk` are these: a bash that is called sh is in POSIX mode, as a Mac's is."""
    for link, name in zip(("sh", "awk"), names, strict=True):
        (folder / link).symlink_to(build.shell(name))
    return folder
