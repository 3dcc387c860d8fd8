"""The command that prints a key: for macstate itself, and for the laptop's own shells."""

from __future__ import annotations

from pathlib import Path


def of(reference: str, generated: Path) -> tuple[str, ...]:
    """Give the command that prints a reference's key; ``generated`` is where macstate keeps the one that it made."""
    scheme, _, rest = reference.partition(":")
    match scheme:
        case "env":
            return "printenv", rest
        case "generate" | "file":
            return "cat", str(Path(rest).expanduser() if rest else generated)
        case "keychain":
            service, _, account = rest.partition("/")
            return "security", "find-generic-password", "-w", "-s", service, "-a", account
        case "op":
            return "op", "read", "--no-newline", reference
        case "sops":
            file, _, key = rest.partition("#")
            path = "".join(f'["{part}"]' for part in key.split("."))
            return "sops", "decrypt", "--extract", path, str(Path(file).expanduser())
        case _:
            return "sh", "-c", rest
