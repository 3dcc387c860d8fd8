"""`stat` in its BSD form, with the Mac's own owners."""

from __future__ import annotations

import re
import stat as modes
import sys
import time

from . import owners
from .machine import Failure, Mac, err

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

TYPES = {modes.S_IFDIR: "Directory", modes.S_IFREG: "Regular File", modes.S_IFLNK: "Symbolic Link"}
DEFAULT = '%d %i %Sp %l %Su %Sg %r %z "%Sa" "%Sm" "%Sc" "%SB" %k %b %f %N'
"""The one line without options (recorded)."""
USAGE = "usage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file ...]"


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `stat`."""
    form, follow, end = DEFAULT, False, "\n"
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        for place, letter in enumerate(option[1:], start=2):
            if letter == "f":
                form = option[place:] or rest.pop(0)
                break
            if letter not in "Lnqx":
                raise Failure(1, f"stat: illegal option -- {letter}\n{USAGE}")
            follow, end = follow or letter == "L", "" if letter == "n" else end
    code = 0
    for word in rest:
        if mac.absolute(word) == "/dev/console":
            sys.stdout.write(_console(mac, form) + end)
            continue
        file = owners.entry(mac, word, follow=follow)
        if not file.exists() and not file.is_symlink():
            err(f"stat: {mac.outside(word)}: stat: No such file or directory")
            code = 1
        else:
            sys.stdout.write(_formatted(mac, file, word, form) + end)
    return code


def _console(mac: Mac, form: str) -> str:
    user = mac.state["console"] or "root"  # its owner is who is logged in there
    values = {"%Su": user, "%u": str(mac.state["uid"] if mac.state["console"] else 0), "%N": "/dev/console"}
    return re.sub("%Su|%u|%N", lambda found: values[found[0]], form)


def _formatted(mac: Mac, file: Path, word: str, form: str) -> str:
    found = file.lstat()
    owner, group = owners.of(mac, file)
    kind = modes.S_IFMT(found.st_mode)
    target = mac.outside(file.readlink()) if file.is_symlink() else ""
    moments = {"a": found.st_atime, "m": found.st_mtime, "c": found.st_ctime, "B": found.st_mtime}
    values = {
        "Su": owners.user_name(mac, owner), "Sg": owners.group_name(group), "u": owner, "g": group,
        "p": f"{found.st_mode:o}", "Lp": f"{modes.S_IMODE(found.st_mode):o}",
        "OLp": f"0{modes.S_IMODE(found.st_mode):o}",
        "Sp": modes.filemode(found.st_mode), "z": found.st_size, "d": found.st_dev, "i": found.st_ino,
        "l": found.st_nlink, "r": 0, "k": found.st_blksize, "b": found.st_blocks, "f": 0,
        "N": mac.outside(word), "Y": target, "SY": f" -> {target}" if target else "", "HT": TYPES.get(kind, "Other"),
        "T": {"Directory": "/", "Symbolic Link": "@"}.get(TYPES.get(kind, ""), ""), "%": "%", "n": "\n", "t": "\t",
    }  # fmt: skip
    for letter, moment in moments.items():
        values[letter] = int(moment)
        values[f"S{letter}"] = time.strftime("%b %e %H:%M:%S %Y", time.localtime(moment))
    return re.sub(r"%(OLp|HT|Lp|S[ugpYamcB]|[a-zA-Z%])", lambda match: str(values.get(match[1], "?")), form)
