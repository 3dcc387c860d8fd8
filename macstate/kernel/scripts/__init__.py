"""The shell scripts that carry out a change, and parts that other scripts share. A kind's own lies beside the kind."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

APPLY = ("digits.sh", "started.sh", "bytes.sh", "way.sh", "apply.sh", "apply_files.sh", "apply_gate.sh")
"""The parts of the program that carries out a change, in order."""


@cache
def whole(name: str, package: str = __name__) -> str:
    """Return the text of a script in a package, as it becomes a file on the Mac."""
    return files(package).joinpath(name).read_text()


@cache
def bare(name: str, package: str = __name__) -> str:
    """Return a script without its comment lines, since tailscaled logs every command line whole."""
    return "\n".join(line for line in whole(name, package).splitlines() if not line.lstrip().startswith("#"))


@cache
def apply() -> str:
    """Return the program that carries out a change."""
    return "\n".join((*map(bare, APPLY), "carry_out"))
