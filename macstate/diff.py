"""How one change is told: field by field, text line by line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

import click

from macstate.change import Change

CONTEXT = 2
"""Lines around a difference."""
COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def lines(change: Change, *, whole: bool) -> Iterator[str]:
    """Give the lines that tell what differs; ``whole`` shows the text of what is new too."""
    told = {field for field, _, _ in change.fields}
    for field, was, wish in change.fields:
        if field in change.kind.sensitive:
            yield f"{field}: (secret, {'changed' if change.action == 'update' else 'new'})"
        elif change.kind.follows.get(field) not in told:
            yield from _field(change, field, was, wish, whole=whole)
    for field in change.kind.sensitive:
        if change.wish and getattr(change.wish, field) is None:
            yield f"{field}: (secret, not compared)"


def _field(change: Change, field: str, was: Any, wish: Any, *, whole: bool) -> Iterator[str]:
    new = change.wish.as_text(field) if change.wish else None
    if new is not None and change.action == "create" and not whole:
        yield f"{field}: (new, {len(new.splitlines())} lines)"
    elif new is not None:
        old = change.was.as_text(field) if change.was and change.action == "update" else None
        yield f"{field}:"
        yield from (f"  {line}" for line in _unified(old or "", new))
    elif isinstance(wish, dict) and isinstance(was, dict) and was:
        for key in sorted(key for key in {*was, *wish} if was.get(key) != wish.get(key)):
            yield f"{field}.{key}: {shown(was.get(key))} -> {shown(wish.get(key))}"
    elif change.action != "create" or not isinstance(wish, dict):
        yield f"{field}: {shown(was)} -> {shown(wish)}"


def _unified(old: str, new: str) -> Iterator[str]:
    found = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=CONTEXT)
    for line in list(found)[2 if old else 3 :]:  # the first two name files, the third would say that all is new
        yield click.style(line, fg=COLOURS.get(line[:1]))


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
