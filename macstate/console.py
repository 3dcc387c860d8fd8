"""Print to the terminal: text made printable, colours where they are wanted.

Nothing else in macstate prints, except an error that shows itself, and a plan (``transport/terminal.py``).
"""

from __future__ import annotations

import io
import os
import sys

import click

from macstate.printable import LINES, coloured, printable

RESET = "\x1b[0m"
"""Ends all colours."""


def plain() -> None:
    """Turn colours off if ``NO_COLOR`` is set (no-color.org), which click does not read.

    click's own switch is in its context, which a greenlet does not have, so the function that colours is replaced too.
    A letter that the terminal's encoding lacks is escaped.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if os.environ.get("NO_COLOR"):
        click.style = unstyled
        if context := click.get_current_context(silent=True):
            context.color = False


def unstyled(text: object, *_: object, **__: object) -> str:
    """Return a text as it is, whatever colour is asked for."""
    return str(text)


def say(*parts: object, err: bool = False) -> None:
    """Print one line, made printable; only parts that are no mere text, which are ``Styled``, have colours."""
    click.echo("".join(printable(part) if isinstance(part, str) else str(part) for part in parts), err=err)


def write(text: str, *, colours: bool = False, err: bool = False) -> None:
    """Print lines, made printable; with ``colours`` their own colours pass, even into a pipe."""
    shown = coloured(text) if colours else printable(text, LINES)
    click.echo(shown, nl=False, color=True if colours else None, err=err)
