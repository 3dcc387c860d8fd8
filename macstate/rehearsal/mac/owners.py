"""Who owns a file: kept in the Mac's memory, for nobody but root can give files away on the machine below."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from .machine import Mac

USERS = {"root": 0, "nobody": -2, "_www": 70}
GROUPS = {"wheel": 0, "staff": 20, "admin": 80, "_www": 70, "nobody": -2}


def entry(mac: Mac, word: str, *, follow: bool) -> Path:
    """Give the file itself, or what it leads to, through links of the folders above."""
    if follow:
        return mac.file(word)
    path = mac.absolute(word)
    return mac.file(path.rpartition("/")[0] or "/") / path.rpartition("/")[2]


def of(mac: Mac, file: Path) -> tuple[int, int]:
    """Give the owner and group of a file: as recorded by chown, else by the folder it lies in.

    A record goes with the file when that is renamed (same inode, same time of change), and with the whole Mac when its
    folder is copied (same path, same time); it does not pass to a new file.
    """
    found, path = file.lstat(), mac.outside(file)
    for key, (owner, group, changed, place) in reversed(mac.state["owners"].items()):
        itself = key.startswith(f"{found.st_ino} ") and (changed == found.st_mtime_ns or place == path)
        renamed = changed == found.st_mtime_ns and place.startswith(path)  # to this, after it was given away
        if itself or renamed:
            return owner, group
    home, homebrew = mac.root / "Users" / mac.state["user"], mac.root / "opt/homebrew"
    theirs = {home: 20, homebrew: 80}  # Homebrew belongs to whoever has installed it
    return next(((mac.state["uid"], group) for top, group in theirs.items() if top in {file, *file.parents}), (0, 0))


def give(mac: Mac, file: Path, owner: int | None, group: int | None) -> None:
    """Record a file's new owner."""
    old_owner, old_group = of(mac, file)
    found = file.lstat()
    new = (old_owner if owner is None else owner, old_group if group is None else group)
    path, given = mac.outside(file), mac.state["owners"]
    key = f"{found.st_ino} {found.st_mtime_ns} {path}"  # in a copy of the Mac, the number may be another file's
    given.pop(key, None)
    given[key] = [*new, found.st_mtime_ns, path]


def may_read(mac: Mac, file: Path) -> bool:
    """Say whether the caller may read a file: its mode is real, its owner is recorded."""
    if mac.as_root or not file.exists():
        return True
    owner, group = of(mac, file)
    mode = file.stat().st_mode
    return bool(mode & (0o400 if owner == mac.uid else 0o040 if group in {20, 80} else 0o004))


def user_name(mac: Mac, number: int) -> str:
    """Name a user."""
    return _name({**USERS, mac.state["user"]: mac.state["uid"]}, number)


def group_name(number: int) -> str:
    """Name a group."""
    return _name(GROUPS, number)


def _name(numbers: dict[str, int], wanted: int) -> str:
    return next((name for name, number in numbers.items() if number == wanted), str(wanted))
