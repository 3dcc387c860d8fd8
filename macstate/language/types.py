"""The types of the spec's values: what may be typed, and what to type instead of an invalid value."""

from __future__ import annotations

import json
import posixpath
import re
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from macstate.language import meant

MINUTES = r"^(never|\d+[mh])$"
"""How idle minutes are typed, if not as a number."""
UNITS = {"s": 1, "m": 60, "h": 3600}
LONGEST_NAME = 63
LONGEST_PATH = 255
"""Most characters of a path in a URL; a word of nginx' configuration ends at 4,096 bytes."""
LONGEST_FILE, LONGEST_PART = 1023, 255
"""Most bytes of a path on the Mac and of a name in it (limits.h: PATH_MAX, NAME_MAX)."""
LONGEST_HOST = 253
"""Most characters of a DNS name."""
SIZES = {"KB": 1000, "MB": 1000**2, "GB": 1000**3}
YEAR = 366 * 24 * 3600


def shown(value: object) -> str:
    """Return a value roughly as it was typed."""
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def seconds(value: object) -> int:
    """Return the seconds of a typed duration.

    Raises:
        ValueError: the value is not a duration, or longer than a year.
    """
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,9})([smh])", value)):
        count = int(match[1]) * UNITS[match[2]]
        if count <= YEAR:
            return count
        raise ValueError(f"{value!r} is longer than a year; type `{YEAR // UNITS['h']}h` or less")
    raise ValueError(f"{shown(value)} is not a duration; type {meant.duration(value)}")


def time_of_day(value: str, example: str, otherwise: str = "") -> str:
    """Return a valid time of day; ``otherwise`` is a word that is accepted instead.

    Raises:
        ValueError: the value is neither.
    """
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value) and not (otherwise and value == otherwise):
        more, at = f", or `{otherwise}`" if otherwise else "", meant.time_of_day(value) or example
        raise ValueError(f"{value!r} is not a time of day; type it in quotes, with two digits each: `'{at}'`{more}")
    return value


def _size(value: object) -> int:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,9})([KMG]B)", value)):
        return int(match[1]) * SIZES[match[2]]
    raise ValueError(f"{shown(value)} is not a size; type {meant.size(value)}")


def _rate(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,5}/[sm]", value):
        raise ValueError(f"{value!r} is not a rate; type requests for each second or minute: `{meant.rate(value)}`")
    return value


def _absolute(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", value):
        raise ValueError("a path cannot hold control characters and ends of lines; remove them")
    if not value.startswith("/"):
        raise ValueError(f"{value!r} is not an absolute path; type it from the root: `{meant.path(value)}`")
    if any(part in {"", ".", ".."} for part in value[1:].split("/")):
        short = posixpath.normpath(f"/{value.lstrip('/')}")
        raise ValueError(f"{value!r} is not in its shortest form; type `{short}`")
    if len(value.encode()) > LONGEST_FILE or any(len(part.encode()) > LONGEST_PART for part in value.split("/")):
        raise ValueError(f"{value!r} is longer than macOS takes ({LONGEST_FILE} bytes, a name in it {LONGEST_PART})")
    return value


def _label(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        label = re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-._") or "com.example.server"
        raise ValueError(f"{value!r} is not a launchd label: letters, digits, dots and dashes; type `{label}`")
    return value


def _name(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters, and this has {len(value)}; type a shorter one")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value):
        raise ValueError(f"{value!r} is not a name here: small letters, digits, - and _; type `{meant.name(value)}`")
    return value


def _url_path(value: str) -> str:
    _is_short(value)
    path = value.partition("?")[0]
    if not re.fullmatch(r"/([A-Za-z0-9._~!&()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", value):
        raise ValueError(
            f"{value!r} is not a path as a URL has it; type `/{quote(value.lstrip('/'), safe='/?&=._~-')}`"
        )
    if re.search(r"//|/\.{1,2}(/|$)|%([01][0-9a-f]|7f|2e|2f|5c)", path, re.IGNORECASE):
        plain = posixpath.normpath("/" + re.sub("%..", "", path).lstrip("/"))
        raise ValueError(
            f"{value!r} has a doubled slash, dots for a folder, or hides one of these behind %; type the path itself: "
            f"`{plain}`"
        )
    return value


def _open_path(value: str) -> str:
    _is_short(value)
    path = value.removesuffix("*") if value.endswith("/*") else value
    if not re.fullmatch(r"/[A-Za-z0-9._~!&()+,;=:@/-]*", path):
        raise ValueError(
            f"{value!r} is not a path to open; type it from the root, in plain letters: `{meant.plain_path(path)}`, or "
            "all below it, with /* at its end"
        )
    if re.search(r"//|/\.{1,2}(/|$)", path):
        plain = posixpath.normpath(meant.plain_path(path)) + ("/*" if value.endswith("/*") else "")
        raise ValueError(f"{value!r} has a doubled slash or dots for a folder; type the path itself: `{plain}`")
    return value


def _is_short(value: str) -> None:
    if len(value) > LONGEST_PATH:
        raise ValueError(f"a path has at most {LONGEST_PATH} characters here, and this has {len(value)}")


def _word(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("a word of a command cannot hold control characters; remove them")
    return value


def _user(value: str) -> str:
    if len(value) > LONGEST_PART or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*", value):
        login = value.partition("@")[0] if "@" in value else ""
        how = f"`{login}`" if login else "it as `id -un` prints it there"
        raise ValueError(f"{value!r} is not a user's name on a Mac; type {how}")
    if value != "root" and value.lower() == "root":
        raise ValueError(f"{value!r} is root to a Mac; type `root`")
    return value


def short(kinds: Any) -> BeforeValidator:
    """Return what tells the JSON Schema which short forms may be typed; ``Entry.written_out`` makes them long."""
    return BeforeValidator(lambda value: value, json_schema_input_type=kinds)


def minutes(value: object) -> object:
    """Return the idle minutes of ``10``, ``10m``, ``2h`` or ``never`` (0); leave other types to pydantic.

    Raises:
        ValueError: the value is not a duration in whole minutes.
    """
    if isinstance(value, bool):  # True is 1
        raise ValueError(f"{str(value).lower()} is no number of minutes; type `{10 if value else 'never'}`")  # noqa: TRY004
    if not isinstance(value, str):
        return value
    if value == "never":
        return 0
    if value.lower() in meant.NO - {"0"}:
        raise ValueError(f"{value!r} is not how no sleep is typed; type `never`")
    if value.isdecimal():
        raise ValueError(f"'{value}' is a text; type the number without quotes: `{int(value)}`")
    count = seconds(value)
    if count % 60 or not count:
        raise ValueError(f"{value!r} is not in whole minutes; type `{-(-count // 60) or 'never'}`")
    return count // 60


def _no_bool(value: object) -> object:
    if isinstance(value, bool):  # to Python, and to a Literal, True is 1
        raise ValueError(f"{str(value).lower()} is not a whole number; type `{int(value)}`")  # noqa: TRY004
    return value


def _host(value: str) -> str:
    if len(value) > LONGEST_HOST or not re.fullmatch(r"[A-Za-z0-9_:][A-Za-z0-9._:%-]*", value):
        raise ValueError(f"{value!r} is not the name or address of a host; type {meant.host(value)}")
    return value


def _digits(value: object) -> object:
    """Return a whole number as its digits, since a program reads texts only.

    Raises:
        ValueError: the value is true or false, which programs spell in different ways.
    """
    if isinstance(value, bool):
        both = "`'1'` or `'true'`" if value else "`'0'` or `'false'`"
        raise ValueError(f"{str(value).lower()} is not a text; a program reads one: type {both}")  # noqa: TRY004
    return str(value) if isinstance(value, int) else value


def _shell_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        name = re.sub(r"^(?=\d)", "_", re.sub(r"[^A-Za-z0-9_]+", "_", value)) or "NAME"
        raise ValueError(f"{value!r} is not the name of an environment variable: letters, digits and _; type `{name}`")
    return value


Seconds = Annotated[int, BeforeValidator(seconds, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+[smh]$")])]
"""A duration as typed (``30s``, ``5m``, ``2h``), in seconds."""
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+[KMG]B$")])]
"""A size as typed (``500KB``, ``10MB``, ``1GB``), in bytes; a KB is 1,000 bytes, as in the Finder."""
Rate = Annotated[str, AfterValidator(_rate)]
"""Requests per second or minute."""
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
UrlPath = Annotated[str, AfterValidator(_url_path)]
"""A path to request from a server, encoded as in a request, perhaps with a query."""
OpenPath = Annotated[str, AfterValidator(_open_path)]
"""A decoded path of a server: exact, or everything below it if it ends with ``/*``. Case matters."""
Label = Annotated[str, AfterValidator(_label)]
Name = Annotated[str, AfterValidator(_name)]
Word = Annotated[str, AfterValidator(_word)]
User = Annotated[str, AfterValidator(_user)]
Host = Annotated[str, AfterValidator(_host)]
ShellName = Annotated[str, AfterValidator(_shell_name)]
Variable = Annotated[Word, BeforeValidator(_digits, json_schema_input_type=Word | int)]
"""The value of an environment variable."""
Days = Literal[
    "daily", "weekdays", "weekends", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
]
Warned = Literal[
    "sleep",
    "disablesleep",
    "autorestart",
    "macos",
    "filevault",
    "clock",
    "record",
    "tailscale",
    "hostname",
    "login",
    "disk",
    "models",
    "memory",
    "gpu-memory",
    "volume",
    "root-program",
    "listens-everywhere",
    "firewall-program",
    "ssh-host",
    "no-urls",
    "own-variable",
]
"""The names of warnings, which `accept` silences: of the spec, the Mac, what runs there, and the laptop."""
Accept = Annotated[tuple[Warned, ...], Strict(strict=False)]
NoBool = BeforeValidator(_no_bool)
Port = Annotated[int, Field(ge=1, le=65535)]
Minutes = Annotated[
    int,
    BeforeValidator(
        minutes, json_schema_input_type=Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=MINUTES)]
    ),
    Field(ge=0, json_schema_extra={"x-unit": "minutes"}),
]
"""Idle minutes; 0 and ``never`` mean the same."""
Words = Annotated[tuple[Word, ...], Strict(strict=False)]
