"""`defaults`: read, write and delete keys of preference files."""

from __future__ import annotations

import os
import time

from . import plists
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `defaults`."""
    verb, domain, *rest = [word for word in words if word != "-currentHost"] + ["", ""]
    rest = rest[:-2] if len(rest) > 1 else []
    if verb not in {"read", "write", "delete"} or not domain:
        raise Failure(255, "Command line interface to a user's defaults.")
    place = _place(mac, domain)
    try:
        content = plists.read(mac, place) if mac.file(place).exists() else {}
    except plists.BadPlist:
        content = {}
    if verb == "read":
        out(_shown(_find(domain, content, rest)))
        return 0
    if place.startswith("/Library/") and not mac.as_root:
        raise Failure(1, f"{_stamp()} Could not write domain {domain}; exiting")  # no recording
    if verb == "write":
        key, *value = rest
        content[key] = plists.typed(value[0].lstrip("-"), value[1]) if value[1:] else value[0]
    else:
        _find(domain, content, rest)
        content = {key: value for key, value in content.items() if rest and key != rest[0]}
    mac.file(place).parent.mkdir(parents=True, exist_ok=True)
    plists.write(mac.file(place), content, "binary1")
    return 0


def _place(mac: Mac, domain: str) -> str:
    if domain.startswith("/"):
        return domain.removesuffix(".plist") + ".plist"
    name = ".GlobalPreferences" if domain in {"-g", "NSGlobalDomain", "-globalDomain"} else domain
    return f"{'/var/root' if mac.as_root else f'/Users/{mac.user}'}/Library/Preferences/{name}.plist"


def _find(domain: str, content: dict[str, Any], keys: list[str]) -> Any:
    if keys and keys[0] in content:
        return content[keys[0]]
    if not keys and content:
        return content
    # macOS 27 says "Could not find key" instead
    if not keys:
        raise Failure(1, f"{_stamp()}\nDomain {domain} does not exist")
    shown = "kCFPreferencesAnyApplication" if domain in {"-g", "NSGlobalDomain", "-globalDomain"} else domain
    raise Failure(1, f"{_stamp()}\nThe domain/default pair of ({shown}, {keys[0]}) does not exist")


def _stamp() -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S')}.000 defaults[{os.getpid()}:{os.getpid()}]"


def _shown(value: Any, indent: str = "") -> str:
    inner = f"{indent}    "
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dict):
        lines = "".join(f"{inner}{key} = {_shown(part, inner)};\n" for key, part in sorted(value.items()))
        return f"{{\n{lines}{indent}}}"
    if isinstance(value, list):
        return "(\n" + ",\n".join(f"{inner}{_shown(part, inner)}" for part in value) + f"\n{indent})"
    return f'"{value}"' if indent and not str(value).isalnum() else str(value)
