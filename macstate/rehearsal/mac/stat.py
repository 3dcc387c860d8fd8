"""`stat` in its BSD form, with the owners from the Mac's state."""

from __future__ import annotations

import os
import stat as modes
import sys
import time

from . import owners
from .machine import Failure, Mac, err

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TYPES = {modes.S_IFDIR: "Directory", modes.S_IFREG: "Regular File", modes.S_IFLNK: "Symbolic Link"}
DEFAULT = '%d %i %Sp %l %Su %Sg %r %z "%Sa" "%Sm" "%Sc" "%SB" %k %b %f %N'
"""The format without options: one line (recorded)."""
USAGE = "usage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file ...]"


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `stat`."""
    form, follow, end = DEFAULT, False, "\n"
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        for index, letter in enumerate(option[1:], start=2):
            if letter == "f":
                form = option[index:] or rest.pop(0)
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
        if not os.path.lexists(file):
            err(f"stat: {mac.outside(word)}: stat: No such file or directory")
            code = 1
        else:
            sys.stdout.write(_formatted(mac, file, word, form) + end)
    return code


def _console(mac: Mac, form: str) -> str:
    user = mac.state["console"] or "root"  # the owner of the console is the user who is logged in there
    uid = str(mac.state["uid"] if mac.state["console"] else 0)
    return form.replace("%Su", user).replace("%u", uid).replace("%N", "/dev/console")


def _formatted(mac: Mac, file: str, word: str, form: str) -> str:
    found = os.lstat(file)
    owner, group = owners.of(mac, file)
    kind = modes.S_IFMT(found.st_mode)
    target = mac.outside(os.readlink(file)) if os.path.islink(file) else ""
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
    return _filled(form, values)


def _filled(form: str, values: dict[str, Any]) -> str:
    text, percent, rest = form.partition("%")
    while percent:
        name = next((rest[:size] for size in (3, 2, 1) if rest[:size] in values), "")
        if not name and rest[:1].isascii() and rest[:1].isalpha():
            text, rest = f"{text}?", rest[1:]
        else:
            text, rest = f"{text}{values.get(name, '%')}", rest[len(name) :]
        plain, percent, rest = rest.partition("%")
        text += plain
    return text
