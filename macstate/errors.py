"""What a user can fix: one clear line (or one a mistake), never a traceback."""

from __future__ import annotations

import gc
from typing import IO, Any

import click
from gevent.hub import Hub
from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.exceptions import CliError

from macstate.printable import printable

# What pyinfra loaded lives as long as the process; without this, the collector walks it again at each import and at the
# end, which costs a run 0.1 s (benchmarks/kernel.py). Here, since it must come after gevent's patches: they look for
# locks among what the collector can see.
gc.freeze()

LONGEST = 420
"""Characters of a line, so that it has no more than 500 with the name of a Mac and of a change before it."""


def oneline(text: str) -> str:
    """Return any text as one line: what cannot be printed as an escape, and of a long one the beginning and the end."""
    return _shortened(printable(_shortened(text)))


def lacking(error: OSError) -> str:
    """Say what this laptop lacks, such as room on a disk, and where."""
    said = str(error.strerror or error)
    return f"{error.filename}: {said}" if error.filename else said


def _shortened(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[: half - 3]} … {text[-half:]}"


class MacstateError(PyinfraError, CliError):  # type: ignore[misc] # pyinfra_cli has no types
    """An error whose text is all a person needs: where, what, why, what to type.

    It is a ``PyinfraError`` so that pyinfra lets it through from inventory and deploy code, and a ``CliError``
    so that pyinfra's command shows it as it stands. What a tool or a file has said in it is printable from the start,
    whoever prints it.
    """

    def __init__(self, *lines: str) -> None:
        """Take one line a mistake."""
        self.lines = tuple(map(oneline, lines))
        super().__init__("\n".join(self.lines))

    def on(self, name: str) -> MacstateError:
        """Return the same with the Mac's name before each line."""
        return MacstateError(*(f"{name}: {line}" for line in self.lines))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the text alone: no prefix, no frame, no traceback."""
        click.echo(self.message, file=file, err=file is None)


Hub.NOT_ERROR = (*Hub.NOT_ERROR, MacstateError)  # gevent prints a traceback of what a greenlet ends with, but for these
