"""Errors that the user can fix: each prints one clear line a mistake and never a traceback."""

from __future__ import annotations

import gc
from typing import IO, Any

import click
from gevent.hub import Hub
from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.exceptions import CliError

from macstate.printable import printable

# What pyinfra loaded lives as long as the process. Without this call the collector walks it again at each import and
# at the end, which costs a run 0.1 s (benchmarks/kernel.py). The call stands here because it must come after gevent's
# patches, which look for locks among the objects that the collector can see.
gc.freeze()

LONGEST = 420
"""The longest text, in characters: with the name of a Mac and of a change in front, the line has at most 500."""


def oneline(text: str) -> str:
    """Return a text as one line: what cannot be printed is escaped, and the middle of a long text is left out."""
    return _shortened(printable(_shortened(text)))


def lacking(error: OSError) -> str:
    """Return what this laptop lacks, such as room on a disk, and in which file."""
    said = str(error.strerror or error)
    return f"{error.filename}: {said}" if error.filename else said


def _shortened(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[: half - 3]} … {text[-half:]}"


class MacstateError(PyinfraError, CliError):  # type: ignore[misc] # pyinfra_cli has no types
    """An error whose text is all that the user needs: where, what, why, and what to type.

    It is a ``PyinfraError`` so that pyinfra lets it through from inventory and deploy code, and a ``CliError``
    so that pyinfra's command shows the text unchanged. The text may quote a tool or a file, so it is made printable
    when the error is created, whoever prints it.
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


Hub.NOT_ERROR = (*Hub.NOT_ERROR, MacstateError)  # gevent prints a traceback when any other error ends a greenlet
