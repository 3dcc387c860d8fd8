"""The parts of a guide: sections of paragraphs, lists, tables and commands, for Markdown and HTML alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Block:
    """One piece of a section."""

    kind: str
    """``text``, ``list``, ``table`` or ``code``."""
    body: str | tuple[str, ...] | tuple[tuple[str, ...], ...]
    """A text, texts, rows, or code, depending on the kind. Words between backquotes are code."""
    header: tuple[str, ...] = ()
    """A table's first row."""
    language: str = ""
    where: str = ""
    """Where code is run (``laptop`` or ``mac``), or what it is part of (``policy``, ``spec``)."""
    on_page: bool = True
    """Whether the page shows it; the page leaves out what its cards already tell."""


@dataclass(frozen=True)
class Chapter:
    """A heading and the blocks below it."""

    title: str
    blocks: tuple[Block, ...] = field(default=())

    @property
    def on_page(self) -> bool:
        """Whether the page shows any of its blocks."""
        return any(block.on_page for block in self.blocks)

    @property
    def anchor(self) -> str:
        """The chapter's anchor within a page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def text(words: str) -> Block:
    """Return a paragraph."""
    return Block("text", words)


def points(lines: Iterable[str]) -> Block:
    """Return a list."""
    return Block("list", tuple(lines))


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, on_page: bool = True) -> Block:
    """Return a table."""
    return Block("table", tuple(rows), header, on_page=on_page)


def code(language: str, where: str, lines: Iterable[str]) -> Block:
    """Return commands, or code to read."""
    return Block("code", "\n".join(lines), (), language, where)
