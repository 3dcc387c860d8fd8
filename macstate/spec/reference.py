"""The reference of all fields, as Markdown: what ``macstate explain`` tells of each, on one page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from macstate.spec.explain import Schema, Told, told

MAC = "on the Mac"
REQUIRED = "it must be there"
HEAD = """\
# Reference: every field of the YAML

`macstate explain --reference` writes this page; `macstate explain FIELD` tells the same of one field. `NAME` stands for
a name that you choose. What has no "it must be there" may be left out. [Several Macs](several-macs.md) says how a Mac's
own part is laid over the rest. A mistake in the YAML is told with file, line and column before any Mac is contacted.
"""


def reference() -> Iterator[str]:
    """Yield the lines of the page."""
    tree = Schema()
    top = told(tree, "")
    yield from (*HEAD.splitlines(), "", "| Section | What it says |", "| --- | --- |")
    yield from (f"| {_link(name, name)} | {_cell(about)} |" for name, about in top.fields.items())
    known: dict[str, str] = {}
    for name in top.fields:
        yield from _section(tree, name, known, 2)


def _section(tree: Schema, path: str, known: dict[str, str], level: int) -> Iterator[str]:
    """Yield a heading with what stands below it; ``known`` has the path under which fields were told before."""
    seen = told(tree, path)
    yield from ("", f"{'#' * level} `{path}`", "", *seen.about.splitlines(), "")
    yield from (f"- {line}" for line in _notes(seen))
    if not seen.fields:
        return
    yield from (("", f"Each entry, `{path}.NAME`, has:") if seen.entry else ())
    yield from ("", "| Field | What it means | Type | On the Mac |", "| --- | --- | --- | --- |")
    parts = []
    for name, about in seen.fields.items():
        own = f"{path}.{seen.entry}{name}"
        field, leads = told(tree, own), ""
        if path == "macs" and name in told(tree, "").fields:
            leads = name  # laid over what is told there
        elif field.fields:
            leads = known.setdefault(str(_below(tree, own)), own)
            parts += [own] * (leads == own)
        notes = "<br>".join(line for line in _notes(field) if not line.startswith(MAC)).removeprefix("type: ")
        cells = (_link(name, leads), about, notes, field.notes.get(MAC, ""))
        yield f"| {' | '.join(map(_cell, cells))} |"
    for part in parts:
        yield from _section(tree, part, known, level + 1)


def _notes(seen: Told) -> Iterator[str]:
    """Yield the facts about a field besides its meaning; a default of many fields is told by each of them."""
    for word, text in seen.notes.items():
        if word != "default" or not seen.fields:
            yield f"{word}: {f'`{text}`' if word == 'default' else text}"
    if seen.required:
        yield REQUIRED


def _below(tree: Schema, path: str) -> list[Told]:
    """Return all that is told below a field."""
    seen = told(tree, path)
    below = [f"{path}.{seen.entry}{name}" for name in seen.fields]
    return [told(tree, each) for each in below] + [one for each in below for one in _below(tree, each)]


def _link(name: str, path: str) -> str:
    """Return a name that leads to the heading of a path, as GitHub calls it; without a path: the name alone."""
    return f"[`{name}`](#{re.sub(r'[^a-z0-9_]', '', path.lower())})" if path else f"`{name}`"


def _cell(text: str) -> str:
    """Return what may stand in a cell of a table: one line, whose bars are no borders."""
    return " ".join(text.split()).replace("|", r"\|")
