"""What the person typed: pyinfra's options; and the terminal: one that can be asked on, with colours or without."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import click
from pyinfra.api.output import set_formatter

from macstate import spec
from macstate.errors import MacstateError
from macstate.review import Review


def named(name: str | None) -> tuple[str, Any]:
    """Give the name and the spec's Mac behind ``@mac/NAME`` and ``@rehearsal/NAME``.

    Raises:
        MacstateError: nobody could answer a prompt, the spec has mistakes, or it has no such Mac.
    """
    check_terminal()
    known = spec.load()
    known.for_host(name or "")
    return name or "", known.macs[name or ""]


def is_dry() -> bool:
    """Say whether pyinfra's own command was given --dry; a deploy runs in a greenlet, where click has no context."""
    return "--dry" in sys.argv


def check_terminal() -> None:
    """Refuse a run whose prompt nobody could answer; pyinfra itself would end it in a traceback.

    Raises:
        MacstateError: a deploy without a terminal, and neither -y nor --dry.
    """
    plain()
    context = click.get_current_context(silent=True)
    options = context.params if context else {}
    deploys = all(word.endswith(".py") for word in options.get("operations") or ["exec"])
    answered = any(options.get(name) for name in ("yes", "dry", "json_output", "debug_operations", "debug_facts"))
    if deploys and not answered and not sys.stdin.isatty():
        raise MacstateError("there is no terminal to ask on: add -y to carry the plan out, or --dry to look at it")


def plain() -> None:
    """Print no colours where ``NO_COLOR`` is set (no-color.org), which neither click nor pyinfra reads.

    click's own switch is in its context, and a greenlet has none: so what makes the colours is taken away too.
    """
    if os.environ.get("NO_COLOR"):
        click.style = _unstyled
        set_formatter(_unstyled)
        if context := click.get_current_context(silent=True):
            context.color = False


def _unstyled(text: Any, *_: Any, **__: Any) -> str:
    return str(text)


def show(seen: Review, *, several: bool, steps: bool) -> None:
    """Print one Mac's plan at once, with the Mac's name in front where there are several."""
    err = "--json" in sys.argv  # there, standard output is pyinfra's
    prefix = f"[{seen.name}] " if several else ""
    stream = sys.stderr if err else sys.stdout
    width = shutil.get_terminal_size().columns - len(prefix) if stream.isatty() else None
    for warning in seen.warnings:
        click.echo(f"warning: {warning}", err=True)
    lines = (line if line.startswith("No changes.") else prefix + line for line in seen.text(steps=steps, width=width))
    sys.stderr.flush()  # pyinfra's spinner has left there what clears its line
    click.echo("\n".join(lines), err=err)
