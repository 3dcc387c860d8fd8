"""Tell one change: in short, or field by field, with texts line by line."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Iterator

from macstate.gateway import heads
from macstate.kernel.change import SIGNS, Change
from macstate.review.report.styled import Styled

CONTEXT = 2
"""Lines of context around a difference."""
ALIKE, LONG = 0.5, 4
"""Words are told alone only if this much of a command is as it was, and the command has so many words."""
FEW = 4
"""Most changed lines that are shown of a text made from the spec; its comments or headings come first."""
SHORT = 78
"""Most characters of a change that is told in one line."""
COLOURS = {"create": "green", "update": "yellow", "remove": "red"}
UNTOLD = re.compile(r".(# \w+: |\s*(add_)?header X-Macstate-Config )")
"""Lines of a gateway's configuration that tell a person nothing: its meaning is told apart, and a digest has none."""
LINES = {"+": "green", "-": "red", "@": "cyan", "~": "yellow"}


def told(change: Change, note: str, *, alone: bool, edited: bool) -> Iterator[Styled]:
    """Tell a change in short: what it is about in the first line, and below it what a person has to see.

    ``alone``: there is no other change that says the same. ``edited``: the actual text is not what macstate wrote, so
    that nothing that somebody else wrote may be hidden.
    """
    briefs, below = [], list[Styled]()
    if change.action == "create" and change.want:
        briefs = [change.want.brief() or ", ".join(f"{name}: {shown(value)}" for name, _, value in change.fields)]
    elif short := in_short(change):
        briefs = [short]
    elif change.action == "update":
        fields = [field for field, _, _ in change.fields]
        for field in fields:
            if change.kind.implied_by.get(field) not in fields:
                values, lines = _field(change, field, alone=alone, edited=edited)
                briefs += values
                below += lines
    first = f"{SIGNS[change.action]} {change.id}"
    reason = f"  # {change.why}" if change.why else ""
    if note and len(f"{first}  {', '.join([*briefs, note])}{reason}") <= SHORT:
        briefs.append(note)
    elif note:
        below.append(Styled(note))
    inline = f"{first}{'  ' if briefs else ''}{', '.join(briefs)}{reason}"
    if change.action == "update" and len(inline) > SHORT:
        inline, below = f"{first}{reason}", [*map(Styled, briefs), *below]
    yield Styled(inline, COLOURS[change.action])
    yield from (line.indented(4) for line in below)


def in_short(change: Change) -> str:
    """Return one sentence for a change, if its kind has one that tells more than the fields do; otherwise empty."""
    if change.action != "update" or change.want is None or change.foreign:
        return ""
    return change.want.in_short(change.have, [field for field, _, _ in change.fields])


def _field(change: Change, field: str, *, alone: bool, edited: bool) -> tuple[list[str], list[Styled]]:
    """Return the parts of a field that can stand in the first line, and the lines that go below it."""
    have, want, texts = (
        getattr(change.have, field, None),
        getattr(change.want or change.rest, field),
        _texts(change, field),
    )
    if field in change.kind.sensitive:
        return [f"{field}: (secret, changed)"], []
    if texts is None or (isinstance(have, dict) and not change.foreign):
        return list(_values(field, have, want)), []
    made = "" if change.foreign or edited or not change.want else change.want.made
    if made == "macstate":
        return ["another version of macstate's script"], []
    if not made:
        return [], [Styled(f"{field}:"), *(line.indented(2) for line in _unified(*texts))]
    changed = [line for line in _unified(*texts, context=0) if line.text[:1] != "@"]
    count = max(sum(line.text[:1] == sign for line in changed) for sign in "+-")
    was_meant, meant = map(heads.heads, texts)
    if meant.doors:  # a gateway's configuration: its whole meaning, never only a part
        few = [Styled(line, LINES.get(line[0])) for line in heads.told(was_meant, meant)]
        few = few or [line for line in changed if not UNTOLD.match(line.text)][:FEW]
    else:
        few = ([line for line in changed if line.text[1:3] == "# "] or changed)[:FEW]
    few = few if alone or made != "repeats" else []
    rest = " (`-v`: all)" if few != changed and (few or meant.doors) else ""
    return [f"changed: {_lines(count)}{rest}"], [line.indented(2) for line in few]


def lines(change: Change) -> Iterator[Styled]:
    """Yield every field that differs; of a text, every line, unless it repeats what the rest of the plan says."""
    fields = {field for field, _, _ in change.fields}
    for field, have, want in change.fields:
        texts = _texts(change, field)
        if field in change.kind.sensitive:
            yield Styled(f"{field}: (secret, {'changed' if change.action == 'update' else 'new'})")
        elif (other := change.kind.implied_by.get(field)) in fields:
            yield Styled(f"{field}: with the {other}")
        elif texts is None and change.action == "update":
            yield from map(Styled, _values(field, have, want))
        elif texts is None:
            yield Styled(f"{field}: {shown(have)} -> {shown(want)}")
        elif change.action == "create" and change.want and change.want.made == "repeats":
            yield Styled(f"{field}: (new, {_lines(len(texts[1].splitlines()))})")
        else:
            yield Styled(f"{field}:")
            yield from (line.indented(2) for line in _unified(*texts))
    for field in change.kind.sensitive:
        if change.want and getattr(change.want, field) is None:
            yield Styled(f"{field}: (secret, not compared)")


def _values(field: str, have: object, want: object) -> Iterator[str]:
    """Yield a value's change; for a mapping, that of each value that differs, at any depth."""
    if want and have and isinstance(want, dict) and isinstance(have, dict):
        for key in sorted(key for key in {*have, *want} if have.get(key) != want.get(key)):
            yield from _values(f"{field}.{key}", have.get(key), want.get(key))
    elif isinstance(want, list) and isinstance(have, list) and (parts := list(_words(have, want))):
        yield from (f"{field}{part}" for part in parts)
    else:
        yield f"{field}: {shown(have)} -> {shown(want)}"


def _words(have: list[str], want: list[str]) -> Iterator[str]:
    """Yield the words of a command that differ, each with the option before it; none if too little is as it was."""
    if not all(isinstance(word, str) for word in (*have, *want)):
        return
    matcher = difflib.SequenceMatcher(None, have, want, autojunk=False)
    if matcher.ratio() < ALIKE or min(len(have), len(want)) < LONG:
        return
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag != "equal":
            option = f" {have[start - 1]}" if start and have[start - 1].startswith("-") and tag == "replace" else ""
            yield f"{option}: {shown(have[start:end] or None)} -> {shown(want[first:last] or None)}"


def _texts(change: Change, field: str) -> tuple[str, str] | None:
    """Return the actual and the desired text, if one of them is best told line by line; otherwise None."""
    pair = (change.have if change.action == "update" else None, change.want)
    texts = [each.as_text(field) if each else None for each in pair]
    if texts == [None, None]:
        return None
    values = (getattr(each, field, None) for each in pair)
    old, new = (text or (value if isinstance(value, str) else "") for text, value in zip(texts, values, strict=True))
    return old, new


def _unified(old: str, new: str, context: int = CONTEXT) -> Iterator[Styled]:
    found = list(difflib.unified_diff(_split(old), _split(new), lineterm="", n=context))
    if not found:
        yield Styled("(only the end of the last line differs)")
    for line in found[2 if old else 3 :]:  # the first two lines name files, the third would say that all is new
        yield Styled(line, LINES.get(line[:1]), fixed=True)


def _split(text: str) -> list[str]:
    """Return the lines without their LF; a CR before it stays, which splitlines() would hide."""
    return text.removesuffix("\n").split("\n") if text else []


def _lines(count: int) -> str:
    return f"{count} line{'s' * (count != 1)}"


def shown(value: object) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.count("\n") > 1:
        return f"({len(value.splitlines())} lines)"
    if isinstance(value, dict):
        return "(absent)" if not value else "(present)"
    if isinstance(value, list) and value and all(isinstance(each, str) and each.isprintable() for each in value):
        return shlex.join(value)
    plain = isinstance(value, int) or (isinstance(value, str) and value and value.isprintable())
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
