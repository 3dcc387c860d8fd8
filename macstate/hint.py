"""The commands that our texts tell a person to type: about the TARGET that they have typed themselves."""

from __future__ import annotations

import shlex

_target = ""
"""What stood for TARGET; one process is one command. pyinfra's own has none."""


def about(target: str | None) -> None:
    """Remember the TARGET; None: it was left out."""
    global _target  # noqa: PLW0603 - a context variable would not be the same in pyinfra's greenlets
    _target = target or ""


def command(verb: str, *words: str) -> str:
    """Return a command of ours to type, in backticks."""
    return f"`{shlex.join(filter(None, ('macstate', verb, _target, *words)))}`"
