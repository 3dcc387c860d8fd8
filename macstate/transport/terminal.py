"""What the user typed (pyinfra's options), and the terminal within a run: asking, telling, showing the plan."""

from __future__ import annotations

import getpass
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from pyinfra import logger, state
from pyinfra.api.host import Host
from pyinfra.api.output import set_formatter
from pyinfra.context import ctx_state

from macstate import console, spec
from macstate.errors import MacstateError
from macstate.language.mac import MacEntry
from macstate.printable import printable

if TYPE_CHECKING:
    from macstate.review import Review


def named(name: str | None) -> tuple[str, MacEntry]:
    """Return the name and the spec's Mac of ``@mac/NAME`` or ``@rehearsal/NAME``.

    Raises:
        MacstateError: a prompt could not be answered, the spec has mistakes, or it has no such Mac.
    """
    check_terminal()
    known = spec.load()
    known.for_host(name or "")
    return name or "", known.macs[name or ""]


def is_dry() -> bool:
    """Return whether pyinfra's command was given --dry; a deploy runs in a greenlet, where click has no context."""
    return "--dry" in sys.argv


def check_terminal() -> None:
    """Refuse a run whose prompt cannot be answered; pyinfra itself would end it with a traceback. Take over Ctrl-C.

    pyinfra also asks if one of several Macs cannot be reached. Without a terminal it does not: the run goes on with the
    others and ends with 1.

    Raises:
        MacstateError: a deploy has no terminal, and neither -y nor --dry was given.
    """
    plain()
    _end_when_told()
    context = click.get_current_context(silent=True)
    options = context.params if context else {}
    deploys = all(word.endswith(".py") for word in options.get("operations") or ["exec"])
    answered = any(options.get(name) for name in ("yes", "dry", "json_output", "debug_operations", "debug_facts"))
    if sys.stdin.isatty():
        return
    if deploys and not answered:
        raise MacstateError("there is no terminal to ask on: add -y to carry the plan out, or --dry to look at it")
    if ctx_state.isset():
        state.should_raise_failed_hosts = lambda _: False


def _end_when_told() -> None:
    """End a run with 130 if its user presses Ctrl-C; pyinfra ends with 0, as if all had been done."""
    if getattr(signal.getsignal(signal.SIGINT), "__module__", "") == "pyinfra_cli.main":
        signal.signal(signal.SIGINT, _ended)


def _ended(*_: object) -> None:
    console.say("ended by you; run again: it goes on where it stopped", err=True)
    sys.exit(128 + signal.SIGINT)


def plain() -> None:
    """Turn colours off if ``NO_COLOR`` is set, pyinfra's too."""
    console.plain()
    if os.environ.get("NO_COLOR"):
        set_formatter(console.unstyled)


def tell(host: Host, text: str, level: int = logging.INFO) -> None:
    """Log a line about a Mac in the middle of a run, in pyinfra's form."""
    logger.log(level, f"{host.print_prefix}{printable(text)}")


def fail(host: Host, about: str, error: MacstateError) -> None:
    """Log an error about a Mac in the middle of a run."""
    for line in error.lines:
        tell(host, f"{about}: {line}", logging.ERROR)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show on a terminal what the run waits for, and for how long so far."""
    from rich.console import Console  # noqa: PLC0415 - slow to load, and for those who wait only
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - the same

    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        progress.add_task(printable(text), total=None)
        yield


def ask(prompt: str) -> str:
    """Ask for a password."""
    return getpass.getpass(printable(prompt))


def show(seen: Review, *, several: bool, steps: bool) -> None:
    """Print one Mac's plan, with the Mac's name before each line if there are several Macs."""
    err = "--json" in sys.argv  # then standard output belongs to pyinfra
    prefix = f"[{seen.name}] " if several else ""
    stream = sys.stderr if err else sys.stdout
    width = shutil.get_terminal_size().columns - len(prefix) if stream.isatty() else None
    for warning in seen.warnings:
        console.say(f"warning: {warning}", err=True)
    lines = (line if line.startswith("No changes.") else prefix + line for line in seen.text(steps=steps, width=width))
    sys.stderr.flush()  # first what pyinfra's spinner wrote to clear its line
    click.echo("\n".join(lines), err=err)
