"""The schemes of references to keys, and the commands that print a key for macstate and for a laptop's shell."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scheme:
    """One way to say where a key is."""

    typed: str
    """How a reference of this scheme is typed, for people."""
    shape: str
    """A regular expression for a reference."""
    words: Callable[[str, tuple[str, ...]], tuple[str, ...]]
    """Returns the command that prints the key, from the text behind the colon and the files of a generated key."""
    told: str = ""
    """What the guide says about where the key is; empty: the reference itself."""
    private: bool = False
    """Whether the command may hold something that others must not see."""
    system: str = ""
    """The only ``sys.platform`` that has the tool; empty: any."""


def _keychain(rest: str, kept: tuple[str, ...]) -> tuple[str, ...]:
    del kept
    service, _, account = rest.partition("/")
    return "security", "find-generic-password", "-w", "-s", service, "-a", account


def _sops(rest: str, kept: tuple[str, ...]) -> tuple[str, ...]:
    del kept
    file, _, key = rest.partition("#")
    path = "".join(f'["{part}"]' for part in key.split("."))
    return "sops", "decrypt", "--extract", path, file


SCHEMES: Mapping[str, Scheme] = {
    "generate": Scheme(
        "`generate`", "generate", lambda _, kept: ("cat", *kept), "made by macstate, kept on the laptop that made it"
    ),
    "env": Scheme("env:NAME", "env:.+", lambda rest, _: ("printenv", rest)),
    "file": Scheme("file:PATH", "file:.+", lambda rest, _: ("cat", rest)),
    "op": Scheme(
        "op://VAULT/ITEM/FIELD", "op://[^/]+/[^/]+/.+", lambda rest, _: ("op", "read", "--no-newline", f"op:{rest}")
    ),
    "keychain": Scheme("keychain:SERVICE/ACCOUNT", "keychain:.+", _keychain, system="darwin"),
    "sops": Scheme("sops:FILE#KEY", "sops:.+", _sops),
    "cmd": Scheme(
        "cmd:COMMAND", "cmd:.+", lambda rest, _: ("sh", "-c", rest), "printed by a command in the YAML", private=True
    ),
}
"""The schemes, by the text before the colon."""
SHAPE = "|".join(scheme.shape for scheme in SCHEMES.values())
MEANT = "|".join(name if scheme.shape == name else f"{name}:.*" for name, scheme in SCHEMES.items())
"""What was meant as a reference, as a regular expression: one that is not whole is no key either."""
TYPED = " or ".join(", ".join(scheme.typed for scheme in SCHEMES.values()).rsplit(", ", 1))


def scheme_of(reference: str) -> Scheme:
    """Return the scheme of a valid reference."""
    return SCHEMES[reference.partition(":")[0]]


def of(reference: str, generated: Path) -> tuple[str, ...]:
    """Return the command that prints a reference's key; ``generated`` is the file of a generated key."""
    return tuple(map(os.path.expanduser, _words(reference, str(generated))))


def for_any_laptop(reference: str, name: str) -> str:
    """Return the same command as a line of shell for the guide; empty if the command is private.

    ``~`` stays for whoever types the line; ``name`` is the name of a generated key.
    """
    if scheme_of(reference).private:
        return ""
    kept = (f"~/{folder}/macstate/keys/{name}" for folder in (".config", "Library/Application Support"))
    line = " ".join(map(_quoted, _words(reference, *kept)))
    return f"{line} 2>/dev/null" if reference == "generate" else line  # the key is in one of the two places


def _quoted(word: str) -> str:
    return f"~/{shlex.quote(word[2:])}" if word.startswith("~/") else shlex.quote(word)


def _words(reference: str, *generated: str) -> tuple[str, ...]:
    return scheme_of(reference).words(reference.partition(":")[2], generated)
