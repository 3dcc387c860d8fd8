"""Our shell scripts: what carries a change out, and what other scripts share; a kind's own lies beside the kind."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

APPLY = ("digits.sh", "started.sh", "bytes.sh", "way.sh", "apply.sh", "apply_files.sh", "apply_gate.sh")
"""What carries out a change, in this order."""


@cache
def whole(name: str, package: str = __name__) -> str:
    """Return a script as it lies in a package: for a file on the Mac."""
    return files(package).joinpath(name).read_text()


@cache
def bare(name: str, package: str = __name__) -> str:
    """Return a script without its comment lines: tailscaled logs every command line whole."""
    return "\n".join(line for line in whole(name, package).splitlines() if not line.lstrip().startswith("#"))


@cache
def apply() -> str:
    """Return the program that carries out a change."""
    return "\n".join((*map(bare, APPLY), "carry_out"))
