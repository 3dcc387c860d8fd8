"""The command that prints a key: for macstate itself, and for the laptop's own shells."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def of(reference: str, generated: Path) -> tuple[str, ...]:
    """Give the command that prints a reference's key; ``generated`` is where macstate keeps the one that it made."""
    return tuple(map(os.path.expanduser, _words(reference, str(generated))))


def for_any_laptop(reference: str, name: str) -> str:
    """Give the same for the guide: a line of shell, with ``~`` for whoever types it; ``name`` is that of a made key.

    A ``cmd:`` may hold what is nobody else's business: it has none.
    """
    if reference.startswith("cmd:"):
        return ""
    kept = (f"~/{folder}/macstate/keys/{name}" for folder in (".config", "Library/Application Support"))
    line = " ".join(map(_quoted, _words(reference, *kept)))
    return f"{line} 2>/dev/null" if reference == "generate" else line  # of its two places one is there


def _quoted(word: str) -> str:
    return f"~/{shlex.quote(word[2:])}" if word.startswith("~/") else shlex.quote(word)


def _words(reference: str, *generated: str) -> tuple[str, ...]:
    scheme, _, rest = reference.partition(":")
    match scheme:
        case "env":
            return "printenv", rest
        case "generate" | "file":
            return ("cat", rest) if rest else ("cat", *generated)
        case "keychain":
            service, _, account = rest.partition("/")
            return "security", "find-generic-password", "-w", "-s", service, "-a", account
        case "op":
            return "op", "read", "--no-newline", reference
        case "sops":
            file, _, key = rest.partition("#")
            path = "".join(f'["{part}"]' for part in key.split("."))
            return "sops", "decrypt", "--extract", path, file
        case _:
            return "sh", "-c", rest
