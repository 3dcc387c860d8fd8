"""A line, or a piece of one, before it is fitted to a terminal and coloured."""

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
    """Whether it stays in one piece: a command, or the line of a file, whose second half would look like another."""

    def __post_init__(self) -> None:
        """Escape before the text is measured and coloured; a tab may stand in the line of a file."""
        object.__setattr__(self, "text", printable(self.text, keep="\t" if self.fixed else ""))

    def __str__(self) -> str:
        return self.shown(self.text)

    def indented(self, columns: int) -> Styled:
        """Return the same, further to the right."""
        return replace(self, text=" " * columns + self.text)

    def shown(self, text: str) -> str:
        """Return this text, or a piece of it, as it looks."""
        return click.style(text, fg=self.colour, bold=self.bold) if self.colour or self.bold else text
