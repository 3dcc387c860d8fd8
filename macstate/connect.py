"""How pyinfra reaches a Mac, and what must hold before it tries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from macstate.errors import MacstateError


def data(mac: Any) -> dict[str, Any]:  # noqa: ANN401 - the model is made in spec.py
    """Give pyinfra's host data for one of the spec's Macs. A host key that is not known yet is refused."""
    file = Path(mac.identity_file or "").expanduser()
    key = {"ssh_key": str(file)} if file.is_file() else {}
    return {"ssh_hostname": mac.hostname, "ssh_user": mac.user, "ssh_strict_host_key_checking": "yes", **key}


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
