"""Hide secrets in values that are shown: whatever is named a key, token, password or secret is left out."""

from __future__ import annotations

import re
from typing import Any

from macstate.language.secrets import fetch

NAMED = re.compile(r"KEY|TOKEN|PASSWORD|SECRET", re.IGNORECASE)
PAIR = re.compile(
    r"((?:^|[\s,;])-{0,2}[\w.-]*(?:KEY|TOKEN|PASSWORD|SECRET)[\w.-]*(?:=|:\s*)|"
    r"(?:^|\s)--?[\w-]*(?:KEY|TOKEN|PASSWORD|SECRET)[\w-]*\s+)(?!\d{1,6}(?:\s|$))[^\s,;]+",
    re.IGNORECASE,
)
"""``NAME=value``, ``NAME: value``, or an option and its value; a short number is a limit, for example of tokens."""
HARMLESS = re.compile(rf"{fetch.MEANT}|\d{{1,6}}|true|false|yes|no|on|off|always|never|funnel", re.IGNORECASE)
"""Values that are shown under such names: a reference to a key, a limit, or whether a key is required."""
GATE = re.compile(r"(?=.*\d)\S{8,}")
"""A text that may be a key anywhere in a gateway entry."""
LIKE_A_KEY = re.compile(r"sk-.*|(?=.*\d)(?=.*[A-Za-z])\S{32,}")
"""A text that is a key itself and not the name of one."""
LEFT_OUT = "…"


def masked(value: Any, names: tuple[Any, ...] = ()) -> Any:
    """Return a value without its secrets; ``names`` is the path of keys to the value."""
    named = any(NAMED.search(each) for each in names if isinstance(each, str))
    if isinstance(value, dict):
        return {name: masked(each, (*names, name)) for name, each in value.items()}
    if isinstance(value, list):
        before = ["", *value]
        return [masked(each, (*names, _option(last))) for last, each in zip(before, value, strict=False)]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    text = str(value)
    if HARMLESS.fullmatch(text):
        return value
    if named or ("gateway" in names[:3] and isinstance(value, str) and GATE.fullmatch(text)):
        return LEFT_OUT
    return PAIR.sub(rf"\g<1>{LEFT_OUT}", value) if isinstance(value, str) else value


def _option(word: Any) -> str:
    """Return the word if it is an option, which names the value behind it; otherwise an empty text."""
    return word if isinstance(word, str) and re.fullmatch(r"--?[\w-]+", word) else ""
