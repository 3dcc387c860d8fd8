"""`chown`, `realpath` with the Mac's own root, and `shasum`."""

from __future__ import annotations

import os
import sys

from . import owners
from .machine import Failure, Mac, err, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def main(mac: Mac, tool: str, words: list[str]) -> int:
    """Play the tool."""
    return {"chown": _chown, "realpath": _realpath, "shasum": _shasum}[tool](mac, words)


def _chown(mac: Mac, words: list[str]) -> int:
    options = "".join(word[1:] for word in words if word.startswith("-"))
    names = [word for word in words if not word.startswith("-")]
    if len(names) < 2:  # noqa: PLR2004 - an owner and a file
        raise Failure(1, "usage: chown [-fhnvx] [-R [-H | -L | -P]] owner[:group] file ...")
    user, _, group = names[0].partition(":")
    numbers = {**owners.USERS, mac.state["user"]: mac.state["uid"]}
    owner = _number(user, numbers, "user")
    group_number = _number(group, owners.GROUPS, "group")
    code = 0
    for word in names[1:]:
        file = owners.entry(mac, word, follow="h" not in options)
        if not os.path.lexists(file):
            err(f"chown: {mac.outside(word)}: No such file or directory")
            code = 1
        elif not mac.as_root:
            err(f"chown: {mac.outside(word)}: Operation not permitted")
            code = 1
        else:
            for each in [file, *(_below(file) if "R" in options else ())]:
                owners.give(mac, each, owner, group_number)
    return code


def _below(folder: str) -> Iterator[str]:
    for top, folders, files in os.walk(folder):
        yield from (os.path.join(top, name) for name in (*folders, *files))


def _number(name: str, numbers: dict[str, int], what: str) -> int | None:
    if not name:
        return None
    if name not in numbers and not name.isdigit():
        raise Failure(1, f"chown: {name}: illegal {what} name")
    return numbers.get(name) if name in numbers else int(name)


def _realpath(mac: Mac, words: list[str]) -> int:
    code = 0
    for word in [word for word in words if word not in {"-q", "--"}]:
        if os.path.exists(mac.place(word)):
            out(mac.real(word))
        else:
            err(f"realpath: {mac.outside(word)}: No such file or directory")
            code = 1
    return code


def _shasum(mac: Mac, words: list[str]) -> int:
    import hashlib  # noqa: PLC0415 - slow to load, and for this tool alone

    rest = list(words)
    algorithm = "1"
    if rest[:1] and rest[0].startswith("-a"):
        algorithm = rest.pop(0)[2:] or rest.pop(0)
    code = 0
    for word in rest or ["-"]:
        file = mac.file(word)
        if word != "-" and not file.is_file():
            err(f"shasum: {word}: No such file or directory")
            code = 1
            continue
        if file.suffix == ".plist" and file.stat().st_mode & 0o100 and not mac.as_root:  # as tailscaled writes its own
            err(f"shasum: {word}: Permission denied")
            code = 1
            continue
        content = sys.stdin.buffer.read() if word == "-" else file.read_bytes()
        name = mac.outside(word)
        escaped = name.replace("\\", r"\\").replace("\n", r"\n")  # and then a backslash stands before the sum
        sign = "" if escaped == name else "\\"
        out(f"{sign}{hashlib.new(f'sha{algorithm}', content).hexdigest()}  {escaped}")
    return code
