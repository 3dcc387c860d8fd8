"""Read property lists, with the complaints of Apple's parser, and show their values."""

from __future__ import annotations

import json
import os
import plistlib
import re
from datetime import datetime

from . import owners
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

COMPLAINTS = (
    (r"missing value for key .* at line (\d+)", "Value missing for key inside <dict> at line {}"),
    (r"unexpected (?:element|key) at line (\d+)", "Found non-key inside <dict> at line {}"),
    (r"mismatched tag: line (\d+)", "Encountered mismatched tag on line {}"),  # no recording
    (r"line (\d+)", "Encountered unexpected character on line {}"),  # no recording
)
"""plistlib's complaints, and CoreFoundation's words for the same."""
UNREADABLE = "file does not exist or is not readable or is not a regular file"


class BadPlist(Exception):  # noqa: N818 - the reason is another tool's text
    """A file is no property list; the text says why."""


def read(mac: Mac, name: str) -> Any:
    """Return the content of a property list in any form, JSON too."""
    file = mac.place(name)
    if not os.path.isfile(file) or not owners.may_read(mac, file):
        raise BadPlist(UNREADABLE)
    with open(file, "rb") as content:
        return parse(content.read())


def parse(content: bytes) -> Any:
    """Return the content of a property list in any form, JSON too, although launchd accepts fewer forms."""
    if content.lstrip()[:1] in {b"{", b"["}:
        try:
            return json.loads(content)
        except ValueError:
            raise BadPlist("Unexpected character { at line 1") from None
    try:
        return plistlib.loads(content)
    except Exception as error:  # noqa: BLE001 - expat's, plistlib's own and ValueError alike
        for pattern, text in COMPLAINTS:
            line = re.search(pattern, str(error))
            if line:
                raise BadPlist(text.format(line[1])) from None
        raise BadPlist("Unexpected character at line 1") from None


def write(file: Path, content: Any, form: str = "xml1") -> None:
    """Write a property list."""
    file.write_bytes(dumps(content, form))


def dumps(content: Any, form: str) -> bytes:
    """Return a property list as bytes; JSON has neither dates nor data."""
    if form == "json":
        try:
            return json.dumps(content, separators=(",", ":"), sort_keys=True).replace("/", "\\/").encode()
        except TypeError:
            raise BadPlist("Invalid object in plist for JSON format") from None
    return plistlib.dumps(content, fmt=plistlib.FMT_BINARY if form == "binary1" else plistlib.FMT_XML)


def step(content: Any, key: str) -> Any:
    """Return the value of one key or index; KeyError if there is none."""
    if isinstance(content, list) and key.isdigit() and int(key) < len(content):
        return content[int(key)]
    if isinstance(content, dict) and key in content:
        return content[key]
    raise KeyError(key)


def typed(kind: str, text: str) -> Any:
    """Return a value given on a command line, such as `-bool YES` or `:key integer 5`."""
    try:
        if kind in {"bool", "boolean"}:
            return text.lower() in {"yes", "true", "1"}
        if kind in {"integer", "int"}:
            return int(text, 0)
        if kind in {"float", "real"}:
            return float(text)
        if kind == "date":
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - plistlib's dates are naive
        if kind in {"json", "xml"}:
            return parse(text.encode())
    except (ValueError, BadPlist):
        raise Failure(1, f"Invalid value for type {kind}: {text}") from None
    return {"dict": {}, "array": [], "dictionary": {}}.get(kind, text)
