"""The folder that a command works in: the nearest one, here or above, with an inventory or a spec.

pyinfra runs Python from there: the inventory, and all of ``group_data``. Unless the user named the file, only files
that are the user's alone are run.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click

from macstate import spec
from macstate.errors import MacstateError

INVENTORY = "inventory.py"
DATA = "group_data"


def enter() -> str:
    """Change to that folder, and return the folder where we were; empty if we did not move.

    Relative paths in the environment keep the meaning that they had where they were typed.
    """
    here = Path.cwd()
    there = _nearest()
    if there in {None, here} or doubt(there):
        return ""
    os.environ["MACSTATE_SPEC"] = os.path.abspath(os.environ.get("MACSTATE_SPEC") or there / spec.DEFAULT)  # noqa: PTH100 - links stay
    if rehearsals := os.environ.get("MACSTATE_REHEARSAL"):
        os.environ["MACSTATE_REHEARSAL"] = os.path.abspath(rehearsals)  # noqa: PTH100 - the same
    os.chdir(there)
    return str(here)


def typed(path: str | Path) -> Path:
    """Return a path relative to the folder where it was typed."""
    return Path(click.get_current_context().obj or "", path)


def has_inventory() -> bool:
    """Return whether there is an inventory here that may be run although nobody named it."""
    here = Path.cwd()
    return (here / INVENTORY).is_file() and not doubt(here)


def check(*words: str) -> None:
    """Refuse to work in a folder that others can write to; ``words`` were typed behind the command, without TARGET.

    Raises:
        MacstateError: whose the folder is, and what to type.
    """
    if (near := _nearest()) and (why := doubt(near)):
        where = "" if near == Path.cwd() else f"go to {near} and "
        typed = " ".join((click.get_current_context().command_path, f"./{INVENTORY}", *words))
        raise MacstateError(f"{why}, so nothing there is run unasked; if you trust it, {where}name it: `{typed}`")


def check_spec() -> None:
    """Refuse a spec from a folder above that others can write to.

    Raises:
        MacstateError: whose the folder is, and what to type.
    """
    if not (os.environ.get("MACSTATE_SPEC") or Path(spec.DEFAULT).is_file()):
        check()


def check_data(target: str) -> bool:
    """Return whether pyinfra may look for ``group_data`` here, for a target that lies elsewhere.

    Raises:
        MacstateError: pyinfra would run Python here that others can write to.
    """
    here = Path.cwd()
    if not (why := doubt(here)):
        return True
    if any(_pythons(here / DATA)):
        said = f"{why}, and for {target} pyinfra would run {DATA}/*.py there"
        raise MacstateError(f"{said}; go to a folder of your own, and name the spec by MACSTATE_SPEC")
    return False


def doubt(folder: Path) -> str:
    """Return why a folder is not the user's alone; empty if it is.

    A link is checked, and so is what it leads to. A folder that others can write to is not the user's alone, since any
    file in it could be theirs.
    """
    try:
        data = folder / DATA
        seen = (folder, *_pythons(folder), *([data] if data.exists() else []), *_pythons(data), folder / spec.DEFAULT)
        return next(filter(None, map(_stranger, seen)), "")
    except OSError as error:
        return f"{folder} cannot be looked through ({error.strerror})"


def _nearest() -> Path | None:
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if _has(each, INVENTORY) or _has(each, spec.DEFAULT)), None)


def _has(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except OSError:
        return False


def _pythons(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(each for each in folder.iterdir() if each.name.endswith(".py"))


def _stranger(path: Path) -> str:
    try:
        link, file = path.lstat(), path.stat()
    except FileNotFoundError:
        return ""
    ours = {os.geteuid()}
    if os.geteuid() == 0 and (person := os.environ.get("SUDO_UID", "")).isdecimal():
        ours.add(int(person))
    for owner in (link.st_uid, file.st_uid):
        if owner not in ours:
            return f"{path} belongs to {_called(owner)}, not to you"
    if file.st_mode & stat.S_IWOTH or (file.st_mode & stat.S_IWGRP and not _is_private(file.st_gid, file.st_uid)):
        return f"others may write to {path} (`chmod go-w` ends that)"
    return ""


def _called(owner: int) -> str:
    with suppress(KeyError):
        return f"{pwd.getpwuid(owner).pw_name} (uid {owner})"
    return f"uid {owner}"


def _is_private(group: int, owner: int) -> bool:
    """Return whether a group is a user's own, as most Linux systems make it; such systems often use umask 002."""
    with suppress(KeyError):
        user, named = pwd.getpwuid(owner), grp.getgrgid(group)
        return (named.gr_gid, named.gr_name) == (user.pw_gid, user.pw_name) and {*named.gr_mem} <= {user.pw_name}
    return False
