"""What the person typed: pyinfra's options, and a terminal that can be asked on."""

from __future__ import annotations

import sys
from typing import Any

import click

from macstate import spec
from macstate.errors import MacstateError


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
    """Say whether pyinfra's own command was given --dry."""
    context = click.get_current_context(silent=True)
    return bool(context and context.params.get("dry"))


def check_terminal() -> None:
    """Refuse a run whose prompt nobody could answer; pyinfra itself would end it in a traceback.

    Raises:
        MacstateError: a deploy without a terminal, and neither -y nor --dry.
    """
    context = click.get_current_context(silent=True)
    options = context.params if context else {}
    deploys = all(word.endswith(".py") for word in options.get("operations") or ["exec"])
    answered = any(options.get(name) for name in ("yes", "dry", "json_output", "debug_operations", "debug_facts"))
    if deploys and not answered and not sys.stdin.isatty():
        raise MacstateError("there is no terminal to ask on: add -y to carry the plan out, or --dry to look at it")
