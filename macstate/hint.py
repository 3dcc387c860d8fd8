"""The commands that our messages tell the user to type, with the TARGET that the user typed."""

from __future__ import annotations

import shlex

_target = ""
"""The TARGET of this process, which runs one command; empty in pyinfra's own command, which has no TARGET."""


def about(target: str | None) -> None:
    """Remember the TARGET; None: the user left it out."""
    global _target  # noqa: PLW0603 - a context variable would not be the same in pyinfra's greenlets
    _target = target or ""


def command(verb: str, *words: str) -> str:
    """Return a macstate command for the user to type, in backquotes."""
    return f"`{shlex.join(filter(None, ('macstate', verb, _target, *words)))}`"
