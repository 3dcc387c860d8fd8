"""Errors that the user can fix: each prints one clear line a mistake and never a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import IO, Any

import click

from macstate.printable import printable

LONGEST = 420
"""The longest text, in characters: with the name of a Mac and of a change in front, the line has at most 500."""


def oneline(text: str) -> str:
    """Return a text as one line: what cannot be printed is escaped, and the middle of a long text is left out."""
    return _shortened(printable(_shortened(text)))


def lacking(error: OSError) -> str:
    """Return what this laptop lacks, such as room on a disk, and in which file."""
    said = str(error.strerror or error)
    return f"{error.filename}: {said}" if error.filename else said


def near(word: str, words: Iterable[str]) -> str:
    """Return a suggestion of the nearest word to append to a message; empty if no word is near."""
    matches = get_close_matches(word, list(words), n=1)
    return f"; did you mean `{matches[0]}`?" if matches else ""


def _shortened(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[: half - 3]} … {text[-half:]}"


class MacstateError(click.ClickException):
    """An error whose text is all that the user needs: where, what, why, and what to type.

    The text may quote a tool or a file, so it is made printable when the error is created, whoever prints it. In a
    process that has pyinfra it is one of pyinfra's errors too: ``macstate.transport`` sees to that.
    """

    def __init__(self, *lines: str) -> None:
        """Take the lines of the text, one for each mistake."""
        self.lines = tuple(map(oneline, lines))
        super().__init__("\n".join(self.lines))

    def on(self, name: str) -> MacstateError:
        """Return the same error with the Mac's name before each line."""
        return MacstateError(*(f"{name}: {line}" for line in self.lines))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the text alone, without a prefix or a traceback."""
        click.echo(self.message, file=file, err=file is None)
