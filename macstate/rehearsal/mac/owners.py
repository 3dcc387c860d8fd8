"""Owners of files, kept in the Mac's state, since only root can give files away on the real machine."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .machine import Mac

USERS = {"root": 0, "nobody": -2, "_www": 70}
GROUPS = {"wheel": 0, "staff": 20, "admin": 80, "_www": 70, "nobody": -2}


def entry(mac: Mac, word: str, *, follow: bool) -> str:
    """Return a file's place on this machine, with links in the folders above resolved, and its own with ``follow``."""
    if follow:
        return mac.place(word)
    folder, _, name = mac.absolute(word).rpartition("/")
    found = mac.place(folder or "/")
    return found if name in {"", "."} else os.path.join(found, name)


def of(mac: Mac, file: str) -> tuple[int, int]:
    """Return the owner and group of a file: as recorded by chown, otherwise by the folder that it lies in.

    A record follows the file when it is renamed (same inode, same time of change), and when the Mac's whole folder is
    copied (same path, same time); it does not pass to a new file.
    """
    found, path = os.lstat(file), mac.outside(file)
    for key, (owner, group, changed, place) in reversed(mac.state["owners"].items()):
        itself = key.startswith(f"{found.st_ino} ") and (changed == found.st_mtime_ns or place == path)
        renamed = changed == found.st_mtime_ns and place.startswith(path)  # renamed to this after chown
        if itself or renamed:
            return owner, group
    theirs = {f"/Users/{mac.state['user']}/": 20, "/opt/homebrew/": 80}  # Homebrew belongs to who installed it
    return next(((mac.state["uid"], group) for top, group in theirs.items() if f"{path}/".startswith(top)), (0, 0))


def give(mac: Mac, file: str, owner: int | None, group: int | None) -> None:
    """Record a file's new owner."""
    old_owner, old_group = of(mac, file)
    found = os.lstat(file)
    new = (old_owner if owner is None else owner, old_group if group is None else group)
    path, given = mac.outside(file), mac.state["owners"]
    key = f"{found.st_ino} {found.st_mtime_ns} {path}"  # in a copy of the Mac, another file may have the number
    given.pop(key, None)
    given[key] = [*new, found.st_mtime_ns, path]


def may_read(mac: Mac, file: str) -> bool:
    """Return whether the caller may read a file: its mode is real, its owner is recorded."""
    if mac.as_root or not os.path.exists(file):
        return True
    owner, group = of(mac, file)
    mode = os.stat(file).st_mode
    return bool(mode & (0o400 if owner == mac.uid else 0o040 if group in {20, 80} else 0o004))


def user_name(mac: Mac, number: int) -> str:
    """Return the name of a user."""
    return _name({**USERS, mac.state["user"]: mac.state["uid"]}, number)


def group_name(number: int) -> str:
    """Return the name of a group."""
    return _name(GROUPS, number)


def _name(numbers: dict[str, int], wanted: int) -> str:
    return next((name for name, number in numbers.items() if number == wanted), str(wanted))
