"""Our shell scripts: sent to a machine (probe, apply), or become a file on a Mac (watchdog, pull, rotate)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

APPLY = ("digits.sh", "started.sh", "bytes.sh", "way.sh", "apply.sh", "apply_files.sh", "apply_gate.sh")
"""What carries out a change, in this order."""


@cache
def whole(name: str) -> str:
    """Give a script as it lies there: for a file on the Mac."""
    return files(__name__).joinpath(name).read_text()


@cache
def bare(name: str) -> str:
    """Give a script without its comment lines: tailscaled logs every command line whole."""
    return "\n".join(line for line in whole(name).splitlines() if not line.lstrip().startswith("#"))


@cache
def apply() -> str:
    """Give the program that carries out a change."""
    return "\n".join((*map(bare, APPLY), "carry_out"))


@cache
def rotate() -> str:
    """Give the program that rotates logs."""
    return "\n".join((whole("rotate.sh"), *map(bare, ("digits.sh", "bytes.sh", "way.sh")), 'each_log "$@"\n'))


@cache
def pull() -> str:
    """Give the program that has models pulled."""
    return "\n".join((whole("pull.sh"), *map(bare, ("digits.sh", "bounded.sh", "started.sh")), 'begin "$@"\n'))


@cache
def watchdog() -> str:
    """Give the program that looks after a server."""
    return "\n".join((whole("watchdog_ask.sh"), bare("digits.sh"), bare("bounded.sh"), whole("watchdog.sh")))
