"""How one change is told: field by field, text line by line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from macstate.change import Change
from macstate.report.styled import Styled

CONTEXT = 2
"""Lines around a difference."""
COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def lines(change: Change, *, new: bool, repeated: bool) -> Iterator[Styled]:
    """Give the lines that tell what differs.

    ``new``: with the whole text of what is new; ``repeated``: with texts that only say once more what a plan says.
    """
    told = {field for field, _, _ in change.fields}
    for field, was, wish in change.fields:
        if field in change.kind.sensitive:
            yield Styled(f"{field}: (secret, {'changed' if change.action == 'update' else 'new'})")
        elif change.kind.implied_by.get(field) not in told:
            text = change.wish.as_text(field) if change.wish and (repeated or not change.kind.repeats) else None
            if text is None:
                yield from _values(change, field, was, wish)
            elif change.action == "create" and (change.kind.repeats or not new):
                yield Styled(f"{field}: (new, {len(text.splitlines())} lines)")
            else:
                yield Styled(f"{field}:")
                old = change.was.as_text(field) if change.was and change.action == "update" else None
                yield from (line.indented(2) for line in _unified(old or "", text))
    for field in change.kind.sensitive:
        if change.wish and getattr(change.wish, field) is None:
            yield Styled(f"{field}: (secret, not compared)")


def _values(change: Change, field: str, was: Any, wish: Any) -> Iterator[Styled]:
    if wish and was and isinstance(wish, dict) and isinstance(was, dict):
        for key in sorted(key for key in {*was, *wish} if was.get(key) != wish.get(key)):
            yield Styled(f"{field}.{key}: {shown(was.get(key))} -> {shown(wish.get(key))}")
    elif change.action != "create" or not isinstance(wish, dict):
        yield Styled(f"{field}: {shown(was)} -> {shown(wish)}")


def _unified(old: str, new: str) -> Iterator[Styled]:
    found = difflib.unified_diff(_split(old), _split(new), lineterm="", n=CONTEXT)
    for line in list(found)[2 if old else 3 :]:  # the first two name files, the third would say that all is new
        yield Styled(line, COLOURS.get(line[:1]), fixed=True)


def _split(text: str) -> list[str]:
    """Give the lines; what ends with CR and LF is another line than what ends with LF, which splitlines() hides."""
    return text.removesuffix("\n").split("\n") if text else []


def shown(value: Any) -> str:
    """Give a value as a person reads it."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.count("\n") > 1:
        return f"({len(value.splitlines())} lines)"
    if isinstance(value, dict):
        return "(absent)" if not value else "(present)"
    plain = isinstance(value, int) or (isinstance(value, str) and value and value.isprintable())
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
