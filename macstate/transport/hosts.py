"""The hosts of a run: the spec's Macs, and this laptop."""

from __future__ import annotations

from macstate import files, spec
from macstate.errors import MacstateError
from macstate.kernel.record import FOLDERS, Record
from macstate.kinds.home_file import HomeFile
from macstate.kinds.line import Line
from macstate.laptop import machine as laptop
from macstate.spec.declared import Declared

LAPTOP = "@local"
"""pyinfra's name for the machine that it runs on."""


def macs() -> list[str]:
    """Return pyinfra's names of the spec's Macs."""
    return [f"@mac/{name}" for name in spec.load().macs]


def laptops() -> list[str]:
    """Return this laptop if the spec has clients, or if its record still has files or lines from earlier ones."""
    recorded = Record.read({False: _record()}, {}).lines
    ours = any(name.partition("/")[0] in {HomeFile.kind, Line.kind} for name in recorded)
    return [LAPTOP] if spec.load().clients or ours else []


def _record() -> str:
    file = laptop.home() / FOLDERS[False] / "owned"
    try:
        return files.read(file).decode("utf-8", "replace") if files.exists(file) else ""
    except OSError as error:
        raise MacstateError(f"{file}: {error.strerror}; macstate keeps in it what it made on this laptop") from None


def declared(name: str) -> Declared:
    """Return what the spec declares for a host."""
    return spec.load().for_laptop() if name == LAPTOP else spec.load().for_host(name)
