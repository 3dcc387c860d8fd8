"""What a user can fix: one clear line (or one a mistake), never a traceback."""

from __future__ import annotations

import gc
from typing import IO, Any

import click
from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.exceptions import CliError

from macstate.printable import printable

# What pyinfra loaded lives as long as the process; without this, the collector walks it again at each import and at the
# end, which costs a run 0.1 s (benchmarks/kernel.py). Here, since it must come after gevent's patches: they look for
# locks among what the collector can see.
gc.freeze()


class MacstateError(PyinfraError, CliError):  # type: ignore[misc] # pyinfra_cli has no types
    """An error whose text is all a person needs: where, what, why, what to type.

    It is a ``PyinfraError`` so that pyinfra lets it through from inventory and deploy code, and a ``CliError``
    so that pyinfra's command shows it as it stands. What a tool or a file has said in it is printable from the start,
    whoever prints it.
    """

    def __init__(self, *lines: str) -> None:
        """Take one line a mistake."""
        self.lines = tuple(map(printable, lines))
        super().__init__("\n".join(self.lines))

    def on(self, name: str) -> MacstateError:
        """Give the same with the Mac's name before each line."""
        return MacstateError(*(f"{name}: {line}" for line in self.lines))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the text alone: no prefix, no frame, no traceback."""
        click.echo(self.message, file=file, err=file is None)
