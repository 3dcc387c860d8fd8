"""Whom a run is about: the spec's Macs, and this laptop."""

from __future__ import annotations

from pathlib import Path

from macstate import spec
from macstate.record import FOLDERS, Record
from macstate.resources.home_file import HomeFile
from macstate.resources.line import Line
from macstate.wishes import Wishes

LAPTOP = "@local"
"""pyinfra's name for the machine that it runs on."""


def macs() -> list[str]:
    """Give pyinfra's names of the spec's Macs."""
    return [f"@mac/{name}" for name in spec.load().macs]


def laptops() -> list[str]:
    """Give this laptop, where the spec has clients, or something of ours is here from when it had."""
    record = Path("~", FOLDERS[False], "owned").expanduser()
    known = Record.read({False: record.read_text()} if record.exists() else {}, {})
    ours = known.of(lambda name: False if name.partition("/")[0] in {HomeFile.kind, Line.kind} else None)
    return [LAPTOP] if spec.load().clients or ours.lines else []


def wished(name: str) -> Wishes:
    """Give what the spec says of a host."""
    return spec.load().for_laptop() if name == LAPTOP else spec.load().for_host(name)
