"""`plutil`: check, show, convert and change property lists."""

from __future__ import annotations

import sys

from . import plists
from .machine import Failure, Mac, err, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

VERBS = {"-lint": 0, "-p": 0, "-convert": 1, "-extract": 2, "-replace": 3, "-insert": 3, "-remove": 1}
"""The verbs, and how many words follow each before the options and files."""
NO_VALUE = "Could not {} value, error: No value at that key path or invalid key path: {}"


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `plutil`."""
    verb, *rest = words if words and words[0] in VERBS else ["-lint", *words]
    arguments, rest = rest[: VERBS[verb]], rest[VERBS[verb] :]
    if verb == "-extract" and "-expect" in rest:
        place = rest.index("-expect")
        del rest[place : place + 2]
    target = None
    if "-o" in rest:
        place = rest.index("-o")
        target = rest[place + 1]
        del rest[place : place + 2]
    files = [word for word in rest if word not in {"-r", "-s", "-n", "--"}]
    if not files:
        raise Failure(1, "No files specified.")
    piped = sys.stdin.buffer.read() if "-" in files else b""
    code = 0
    for name in files:
        try:
            content = plists.parse(piped) if name == "-" else plists.read(mac, name)
            _play(mac, verb, arguments, content, name, target)
        except plists.BadPlist as reason:
            code = 1
            shown = "<stdin>" if name == "-" else mac.outside(name)
            text = str(reason)
            if verb == "-convert" and " at line " in text:  # plutil then tries JSON as well
                text = (
                    f"Property List error: {text} / JSON error: JSON text did not start with array or object and "
                    "option to allow fragments not set. around line 1, column 0."
                )
            (out if verb == "-lint" else err)(f"{shown}: {text}")
    return code


def _play(mac: Mac, verb: str, arguments: list[str], content: Any, name: str, target: str | None) -> None:  # noqa: PLR0913, PLR0917 - one plist and what to do with it
    if verb == "-lint":
        out(f"{'<stdin>' if name == '-' else mac.outside(name)}: OK")
    elif verb == "-p":
        for line in _shown(content, ""):
            out(line)
    elif verb == "-convert":
        _put(mac, plists.dumps(content, arguments[0]), target or name)
    elif verb == "-extract":
        found = _descend(content, arguments[0].split("."), "extract", arguments[0])
        if arguments[1] == "raw":
            sys.stdout.write(_raw(found) + "\n")
        else:
            _put(mac, plists.dumps(found, arguments[1]), target or name)
    else:
        _change(verb, arguments, content)
        _put(mac, plists.dumps(content, "xml1"), target or name)


def _put(mac: Mac, content: bytes, target: str) -> None:
    if target == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    else:
        mac.file(target).write_bytes(content)


def _descend(content: Any, keys: list[str], verb: str, path: str) -> Any:
    try:
        for key in keys:
            content = plists.step(content, key)
    except KeyError:
        raise plists.BadPlist(NO_VALUE.format(verb, path)) from None
    return content


def _change(verb: str, arguments: list[str], content: Any) -> None:
    *parents, last = arguments[0].split(".")
    place = _descend(content, parents, verb[1:], arguments[0])
    value = plists.typed(arguments[1].lstrip("-"), arguments[2]) if len(arguments) > 1 else None
    if verb == "-remove":
        _descend(place, [last], "remove", arguments[0])
        del place[int(last) if isinstance(place, list) else last]
    elif isinstance(place, list) and verb == "-insert":
        place.insert(int(last), value)
    else:
        place[int(last) if isinstance(place, list) else last] = value


def _raw(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return str(len(value))
    return "\n".join(sorted(value)) if isinstance(value, dict) else str(value)


def _shown(value: Any, indent: str, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict | list):
        opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
        yield f"{indent}{prefix}{opening}"
        named = {f'"{key}"': value[key] for key in sorted(value)} if isinstance(value, dict) else dict(enumerate(value))
        for key, part in named.items():
            yield from _shown(part, f"{indent}  ", f"{key} => ")
        yield f"{indent}{closing}"
    else:
        text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
        yield f"{indent}{prefix}{text}"
