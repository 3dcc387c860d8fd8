"""The folder that a command is about: the nearest one, here or above, that has an inventory or a spec."""

from __future__ import annotations

import os
from pathlib import Path

import click

from macstate import spec

INVENTORY = "inventory.py"


def enter() -> str:
    """Go there, and give the folder where we were; empty where nothing had to be left.

    What the environment names stays what was meant where it was typed.
    """
    here = Path.cwd()
    owners = {os.geteuid(), here.stat().st_uid}
    there = next((each for each in (here, *here.parents) if _is_meant(each, owners)), here)
    if there == here:
        return ""
    os.environ["MACSTATE_SPEC"] = os.path.abspath(os.environ.get("MACSTATE_SPEC") or there / spec.DEFAULT)  # noqa: PTH100 - links stay
    if rehearsals := os.environ.get("MACSTATE_REHEARSAL"):
        os.environ["MACSTATE_REHEARSAL"] = os.path.abspath(rehearsals)  # noqa: PTH100 - the same
    os.chdir(there)
    return str(here)


def typed(path: str | Path) -> Path:
    """Give a path as it was meant where it was typed."""
    return Path(click.get_current_context().obj or "", path)


def has_inventory() -> bool:
    """Say whether there is an inventory here that may be run without being named."""
    here = Path.cwd()
    return _is_owned(here, INVENTORY, {os.geteuid(), here.stat().st_uid})


def _is_meant(folder: Path, owners: set[int]) -> bool:
    return any(_is_owned(folder, name, owners) for name in (INVENTORY, spec.DEFAULT))


def _is_owned(folder: Path, name: str, owners: set[int]) -> bool:
    """Say whether a file is there, and nobody else's: what anybody put into /tmp is neither run nor read.

    A link counts for itself, and so does each folder on the way: beside a spec lies what pyinfra runs.
    """
    try:
        file = folder / name
        way = (file, *(each for each in file.parents if each.is_relative_to(folder)))
        return file.is_file() and {each.lstat().st_uid for each in way} <= owners
    except OSError:
        return False
