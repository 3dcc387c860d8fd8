"""`/usr/libexec/PlistBuddy -c COMMAND FILE`."""

from __future__ import annotations

import shlex

from . import plists
from .machine import Failure, Mac, err, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Carry out the commands one after the other; write the file if one has changed something."""
    commands = [words[index + 1] for index, word in enumerate(words[:-1]) if word == "-c"]
    if not commands:
        raise Failure(1, "Usage: PlistBuddy [-cxh] <file.plist>")
    file = mac.file(words[-1])
    if file.exists():
        try:
            content = plists.read(mac, words[-1])
        except plists.BadPlist as reason:
            raise Failure(1, f"Error Reading File: {mac.outside(words[-1])}: {reason}") from None
    else:
        out(f"File Doesn't Exist, Will Create: {mac.outside(words[-1])}")
        content = {}
    code = 0
    changed = False
    for command in commands:
        verb, *arguments = shlex.split(command)
        try:
            changed = _play(verb.capitalize(), arguments, content) or changed
        except Failure as failure:
            err(failure.text)
            code = failure.code
    if changed:
        plists.write(file, content)
    return code


def _play(verb: str, arguments: list[str], content: Any) -> bool:
    path = (arguments or [""])[0]
    keys = [key for key in path.split(":") if key]
    if verb == "Print":
        for line in _shown(_descend(content, keys, verb, path)):
            out(line)
        return False
    if verb not in {"Set", "Add", "Delete"} or not keys:
        raise Failure(1, "Unrecognized Command")
    place = _descend(content, keys[:-1], verb, path)
    if verb == "Add":
        kind, value = (*arguments[1:], "", "")[:2]
        if isinstance(place, dict) and keys[-1] in place:
            raise Failure(1, f'Add: "{path}" Entry Already Exists')
        new = plists.typed(kind, value)
        place.append(new) if isinstance(place, list) else place.update({keys[-1]: new})
        return True
    old = _descend(place, keys[-1:], verb, path)
    key = int(keys[-1]) if isinstance(place, list) else keys[-1]
    if verb == "Delete":
        del place[key]
    else:
        kind = "bool" if isinstance(old, bool) else "integer" if isinstance(old, int) else "string"
        place[key] = plists.typed(kind, " ".join(arguments[1:]))
    return True


def _descend(content: Any, keys: list[str], verb: str, path: str) -> Any:
    try:
        for key in keys:
            content = plists.step(content, key)
    except KeyError:
        raise Failure(1, f'{verb}: Entry, "{path}", Does Not Exist') from None
    return content


def _shown(value: Any, indent: str = "", prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict | list):
        yield f"{indent}{prefix}{'Dict' if isinstance(value, dict) else 'Array'} {{"
        parts = value.items() if isinstance(value, dict) else [("", part) for part in value]
        for key, part in parts:
            yield from _shown(part, f"{indent}    ", f"{key} = " if key else "")
        yield f"{indent}}}"
    else:
        yield f"{indent}{prefix}{str(value).lower() if isinstance(value, bool) else value}"
