"""One line of a plan, before it is fitted to a terminal and coloured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click


@dataclass(frozen=True)
class Styled:
    """Plain text, and how it looks on a terminal."""

    text: str
    colour: str | None = None
    bold: bool | None = None
    fixed: bool = False
    """Whether it stays in one piece: a command, or the line of a file, whose second half would look like another."""

    def indented(self, columns: int) -> Styled:
        """Give the same, further to the right."""
        return replace(self, text=" " * columns + self.text)

    def shown(self, text: str) -> str:
        """Give this text, or a piece of it, as it looks."""
        return click.style(text, fg=self.colour, bold=self.bold) if self.colour or self.bold else text
