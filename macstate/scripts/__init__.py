"""Our shell scripts: sent to a machine (probe, apply), or become a file on a Mac (watchdog, pull, rotate)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


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
    return "\n".join((*map(bare, ("way.sh", "apply.sh", "apply_files.sh", "apply_gate.sh")), "carry_out"))


@cache
def rotate() -> str:
    """Give the program that rotates logs."""
    return "\n".join((whole("rotate.sh"), bare("way.sh"), 'each_log "$@"\n'))
