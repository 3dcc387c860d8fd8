"""Guess what a value of the wrong kind was meant to be; the functions return text that can be typed instead."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Callable
from typing import Any

import yaml

PLAIN = re.compile(r"(?!(?i:true|false|yes|no|on|off|null|y|n)$)(?:[A-Za-z/]|--?[A-Za-z])[A-Za-z0-9/._=+@-]*")
"""A word that YAML reads as plain text, also inside a list."""
NAME = re.compile(r"(?!(?i:true|false|yes|no|on|off|null|y|n)$)[A-Za-z][A-Za-z0-9._/-]*(:[A-Za-z0-9._-]+)?")
"""A model's name that YAML reads as plain text."""
APP = re.compile(r"/[^'\"]+?\.app/Contents/MacOS/[^'\"]+?(?=\s+-|$)")
"""The program of an app, in a command."""
YES = {"1", "true", "yes", "on", "always", "unless-stopped", "enabled", "enable"}
NO = {"0", "false", "no", "off", "never", "disabled", "disable", "none"}


def typed(value: object) -> str:
    """Return a value as one line of YAML."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def word_list(value: str) -> str:
    """Return the words of one text as a YAML list, which was probably meant."""
    app = APP.match(value)  # its name may have blanks
    try:
        found = [app[0], *shlex.split(value[app.end() :])] if app else shlex.split(value)
    except ValueError:  # a quote that is not closed
        found = [value]
    return f"[{', '.join(word if PLAIN.fullmatch(word) else json.dumps(word, ensure_ascii=False) for word in found)}]"


def command(value: object) -> str:
    """Return a text or list that begins with an absolute path as the list of a command; empty if it does not."""
    words = value if isinstance(value, list) and all(isinstance(each, str | int) for each in value) else []
    text = value if isinstance(value, str) else shlex.join(map(str, words))
    return word_list(text) if re.match(r"/[^/\s]+/[^/\s]", text) else ""


def mapping(value: object) -> dict[str, Any] | None:
    """Return the mapping that a list of pairs was meant to be; None if it is no such list.

    A pair is ``A=b``, ``A: b``, or an entry with its name inside.
    """
    if isinstance(value, str) and (pair := re.fullmatch(r"([A-Za-z_]\w*):(\S.*)", value)) and "=" not in value:
        return {pair[1]: yaml_scalar(pair[2])}  # the blank behind the colon is missing
    parts = value.split() if isinstance(value, str) else value
    if not isinstance(parts, list) or not parts:
        return None
    found: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, str) and (pair := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", part, re.DOTALL)):
            found[pair[1]] = pair[2]
        elif isinstance(part, dict) and (key := next((key for key in ("name", "label") if key in part), "")):
            found[str(part[key])] = {each: value for each, value in part.items() if each != key}
        elif isinstance(part, dict) and len(part) == 1:
            found |= part
        else:
            return None
    return found


def yaml_scalar(text: str) -> Any:
    """Return the value that YAML reads from a text; the text itself if that is no number, boolean or text."""
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text
    return value if isinstance(value, int | str) else text


def number(value: object) -> int | None:
    """Return the number that a text, a list of one item, or a pair of ports stands for; None if there is none."""
    if isinstance(value, list) and len(value) == 1:
        return number(value[0])
    if isinstance(value, bool):
        return None
    match = re.fullmatch(r"\s*(?:\S*[:/])?(\d{1,9}):\d{1,5}\s*|\s*:?(\d{1,9})(?:\.0+)?\s*", str(value))
    return int(match[1] or match[2]) if match else None


def of(kind: str, value: object) -> str:
    """Return what to type where a value of this kind is needed; empty if the value gives no hint."""
    return READ[kind](value) if kind in READ else ""


def _mapping(value: object) -> str:
    pairs = mapping(value)
    return typed(pairs) if pairs is not None else ""


def _names(value: object) -> str:
    names = re.split(r"[,\s]+", value.strip(", ")) if isinstance(value, str) else value
    names = names if isinstance(names, list) else [names]
    if any(isinstance(each, dict | list | bool) or each is None or re.search(r"\s", str(each)) for each in names):
        return ""
    words = (each if isinstance(each, str) and NAME.fullmatch(each) else f"'{each}'" for each in names)
    return f"[{', '.join(words)}]"


def _list(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return typed([str(value)])
    return word_list(value) if isinstance(value, str) and value else ""


def _number(value: object) -> str:
    count = number(value)
    return "" if count is None else str(count)


def megabytes(value: object) -> str:
    """Return the megabytes (1024 to the gigabyte) that a typed size stands for; empty if it is no size."""
    match = re.fullmatch(r"\s*(\d{1,6})\s*([mg])i?b?\s*", str(value).lower())
    return str(int(match[1]) * (1024 if match[2] == "g" else 1)) if match else ""


def mount(value: str) -> str:
    """Return the path of a URL, for a mount; ``true`` (the endpoint's own name) if the URL has no path."""
    path = re.sub(r"^\w+://[^/]*", "", value).rstrip("/").removesuffix("/v1")
    return plain_path(path) if path else "true"


def _truth(value: object) -> str:
    word = str(value).lower()
    return "true" if word in YES else "false" if word in NO else ""


def _text(value: object) -> str:
    if isinstance(value, list) and len(value) == 1 and value[0] is not None and not isinstance(value[0], list | dict):
        return typed(str(value[0]))
    if isinstance(value, dict) and [*value.values()] == [None]:
        return f"'{{{next(iter(value))}}}'"  # a word in braces is a mapping to YAML
    return f"'{json.dumps(value)}'" if isinstance(value, int | float) else ""


READ: dict[str, Callable[[object], str]] = {
    "mapping": _mapping,
    "names": _names,
    "list": _list,
    "int": _number,
    "bool": _truth,
    "str": _text,
}


def duration(value: object) -> str:
    """Return the duration that was probably meant, or how a duration is typed."""
    match = re.fullmatch(r"\s*(\d{1,6})\s*(s|m|h|d|)[a-z]*\s*", str(value).lower())
    if not match or isinstance(value, bool):
        return "a number with its unit: `30s`, `5m` or `2h`"
    return f"`{int(match[1]) * 24}h`" if match[2] == "d" else f"`{match[1]}{match[2] or 's'}`"


def size(value: object) -> str:
    """Return the size that was probably meant, or how a size is typed."""
    match = re.fullmatch(r"\s*(\d{1,6})\s*([kmg])?i?b?\s*", str(value).lower())
    unit = (match[2] or "m").upper() if match else ""
    return f"`{match[1]}{unit}B`" if match else "a number with its unit: `500KB`, `10MB` or `1GB`"


def rate(value: str) -> str:
    """Return the rate that was probably meant, or an example."""
    match = re.fullmatch(r"([1-9]\d{0,5})(?:\s*(?:/|per)\s*([smhd])\w*)?", value)
    if not match:
        return "60/m"
    minutes = {"h": 60, "d": 60 * 24}.get(match[2], 1)
    return f"{-(-int(match[1]) // minutes)}/{'s' if match[2] == 's' else 'm'}"


def time_of_day(value: str) -> str:
    """Return the time that was probably meant (``8:25`` is 08:25, ``8am`` is 08:00); empty if it is no time."""
    match = re.fullmatch(r"(\d{1,2})(?:[:.](\d\d))? ?([ap]m)?", value.lower())
    if not match:
        return ""
    hour = int(match[1]) % 12 + 12 * (match[3] == "pm") if match[3] else int(match[1])
    found = f"{hour:02}:{match[2] or '00'}"
    return found if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", found) else ""


def from_root(path: str) -> str:
    """Return a path as an absolute path."""
    rest = re.sub(r"^(~|\$HOME|\$\{HOME\})/?", "Users/NAME/", path)
    return posixpath.normpath(f"/{rest.lstrip('./')}")


def path(path: str) -> str:
    """Return an absolute path; a single word is taken for a program of Homebrew's."""
    return program(path) if re.fullmatch(r"[\w-]+", path) else from_root(path)


def program(path: str) -> str:
    """Return the absolute path of a program; a bare name is taken for a program of Homebrew's."""
    return from_root(path) if "/" in path else f"/opt/homebrew/bin/{path}"


def plain_path(path: str) -> str:
    """Return an absolute path of plain letters, digits and ``._~/-``."""
    return f"/{re.sub(r'[^A-Za-z0-9._~/-]+', '-', path).strip('/-') or 'x'}"


def name(value: str) -> str:
    """Return a valid name: small letters, digits, - and _."""
    return re.sub(r"[^a-z0-9_-]+", "-", value.lower()).strip("-_") or "vllm"


def bare_host(value: str) -> str:
    """Return the host of a URL or a login: for ``https://mini.ts.net/x`` it is mini.ts.net, for ``me@mini`` mini."""
    host = re.sub(r"^\w+://", "", value.strip()).partition("/")[0].rpartition("@")[2]
    return re.sub(r"\s+", "-", host.partition(":")[0] if host.count(":") == 1 else host)


def host(value: str) -> str:
    """Return what to type for a host, or where to find it."""
    found = bare_host(value)
    return f"`{found}`" if re.fullmatch(r"[A-Za-z0-9_:][A-Za-z0-9._:%-]*", found) else "what stands behind `ssh`"
