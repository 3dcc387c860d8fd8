"""A line, or a part of one, before it is fitted to a terminal and coloured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click

from macstate.printable import printable


@dataclass(frozen=True)
class Styled:
    """Printable text, and how it looks on a terminal."""

    text: str
    colour: str | None = None
    bold: bool | None = None
    fixed: bool = False
    """Whether it is never broken: a command or a file's line, whose second half would look like another one."""

    def __post_init__(self) -> None:
        """Escape the text before it is measured and coloured; a ``fixed`` line keeps its tabs."""
        object.__setattr__(self, "text", printable(self.text, keep="\t" if self.fixed else ""))

    def __str__(self) -> str:
        return self.shown(self.text)

    def indented(self, columns: int) -> Styled:
        """Return the same line, indented by this many columns."""
        return replace(self, text=" " * columns + self.text)

    def shown(self, text: str) -> str:
        """Return a text, which is this one or a part of it, in this style."""
        return click.style(text, fg=self.colour, bold=self.bold) if self.colour or self.bold else text
