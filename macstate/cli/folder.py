"""The folder that a command is about: the nearest one, here or above, that has an inventory or a spec.

pyinfra runs what lies there as Python: the inventory, and all of ``group_data``. Unless a person has named the file,
only what is theirs alone is run.
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
    """Go there, and give the folder where we were; empty where nothing had to be left.

    What the environment names stays what was meant where it was typed.
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
    """Return a path as it was meant where it was typed."""
    return Path(click.get_current_context().obj or "", path)


def has_inventory() -> bool:
    """Say whether there is an inventory here that may be run without being named."""
    here = Path.cwd()
    return (here / INVENTORY).is_file() and not doubt(here)


def check(*words: str) -> None:
    """Refuse to be about a folder that is not ours alone; ``words``: what was typed behind the command but TARGET.

    Raises:
        MacstateError: whose it is, and what to type.
    """
    if (near := _nearest()) and (why := doubt(near)):
        where = "" if near == Path.cwd() else f"go to {near} and "
        typed = " ".join((click.get_current_context().command_path, f"./{INVENTORY}", *words))
        raise MacstateError(f"{why}, so nothing there is run unasked; if you trust it, {where}name it: `{typed}`")


def check_spec() -> None:
    """Refuse where the spec would be one above that is not ours alone.

    Raises:
        MacstateError: the same.
    """
    if not (os.environ.get("MACSTATE_SPEC") or Path(spec.DEFAULT).is_file()):
        check()


def check_data(target: str) -> bool:
    """Say whether pyinfra may look for ``group_data`` here, for a target that lies elsewhere.

    Raises:
        MacstateError: it would find Python there that is not ours alone.
    """
    here = Path.cwd()
    if not (why := doubt(here)):
        return True
    if any(_pythons(here / DATA)):
        said = f"{why}, and for {target} pyinfra would run {DATA}/*.py there"
        raise MacstateError(f"{said}; go to a folder of your own, and name the spec by MACSTATE_SPEC")
    return False


def doubt(folder: Path) -> str:
    """Say what keeps a folder from being ours alone; empty: nothing.

    A link counts for itself and for what it leads to. Where anybody may write, anybody may have put a file there.
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
    """Say whether a group is a user's own, as most Linux systems make it; there a usual umask is 002."""
    with suppress(KeyError):
        user, named = pwd.getpwuid(owner), grp.getgrgid(group)
        return (named.gr_gid, named.gr_name) == (user.pw_gid, user.pw_name) and {*named.gr_mem} <= {user.pw_name}
    return False
