"""Keys: the spec holds references, the laptop resolves them once a run, and nobody ever sees a value."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import AfterValidator

from macstate.errors import MacstateError
from macstate.secrets import fetch

SHORTEST = 20
"""Characters of a key; fewer could be guessed."""
ALLOWED = r"[A-Za-z0-9._~+/=-]+"
"""What a bearer token is made of (RFC 6750, 2.1)."""
TIMEOUT = 60
"""Seconds for a tool that asks its owner for a finger or a password."""
SCHEMES = r"generate|(env|file|keychain|sops|cmd):.+|op://[^/]+/[^/]+/.+"
KINDS = "`generate`, env:NAME, file:PATH, op://VAULT/ITEM/FIELD, keychain:SERVICE/ACCOUNT, sops:FILE#KEY or cmd:COMMAND"


class Secret:
    """A value that shows itself to nobody who has not asked for it by name."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value."""
        return self._value

    def __repr__(self) -> str:
        return "(secret)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not stored")


def _reference(value: str) -> str:
    if re.fullmatch(SCHEMES, value, re.DOTALL):
        return value
    if re.fullmatch(r"\S{16,}|sk-\S+", value):  # told without the value
        raise ValueError(f"this looks like a key itself, and the spec is no place for one; type a reference: {KINDS}")
    raise ValueError(f"{value!r} does not say where a key is; type {KINDS}")


Reference = Annotated[str, AfterValidator(_reference)]
"""Where a key is to be had from."""


@cache
def resolve(reference: str, name: str, folder: Path, *, create: bool, say: Callable[[str], None]) -> Secret:
    """Give the key that a reference of the field ``name`` leads to; ``generate`` keeps its keys in ``folder``.

    Raises:
        MacstateError: it cannot be had, is not made yet and ``create`` is off, or would keep nobody out.
    """
    scheme, _, rest = reference.partition(":")
    match scheme:
        case "generate":
            value = _generated(folder / name, name, create=create, say=say)
        case "env":
            value = os.environ.get(rest) or _fail(name, f"the variable {rest} is not set; type `export {rest}=…`")
        case "file":
            value = _file(Path(rest).expanduser(), name)
        case "keychain" if sys.platform != "darwin":
            _fail(name, "a keychain is to be had on a Mac laptop only; take another reference")
        case _:
            value = _tool(name, *fetch.of(reference, folder / name))
    return _checked(value.removesuffix("\n"), name)


def _fail(name: str, why: str) -> NoReturn:
    raise MacstateError(f"{name}: {why}")


def _checked(value: str, name: str) -> Secret:
    if not value:
        _fail(name, "the key is empty, which would let everybody in; `generate` makes one")
    if len(value) < SHORTEST:
        _fail(name, f"the key has {len(value)} characters, fewer than {SHORTEST} can be guessed; `generate` makes one")
    if not re.fullmatch(ALLOWED, value):
        _fail(name, "the key holds characters that no bearer token may have: take letters, digits and ._~+/=-")
    return Secret(value)


def _file(path: Path, name: str) -> str:
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            _fail(name, f"others can read {path}; type `chmod 600 {path}`")
        return path.read_text("ascii")
    except OSError as error:
        _fail(name, f"{path}: {error.strerror}")
    except UnicodeDecodeError:
        _fail(name, f"{path} does not hold a key alone")


def _generated(path: Path, name: str, *, create: bool, say: Callable[[str], None]) -> str:
    if not path.exists():
        if not create:
            _fail(name, "the key is not made yet")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secrets.token_urlsafe(32)}\n")
        try:
            os.link(draft, path)  # whole, and never over a key that another run has made meanwhile
            say(f"{name}: made a key, and keeps it in {path}")
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return _file(path, name)


def _tool(name: str, *words: str) -> str:
    if not shutil.which(words[0]):
        _fail(name, f"there is no `{words[0]}` on this laptop; install it, or take another reference")
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False, timeout=TIMEOUT)
    except (subprocess.TimeoutExpired, UnicodeDecodeError):
        _fail(name, f"`{words[0]}` gave no key within {TIMEOUT} seconds; run it yourself to see why")
    if done.returncode:
        _fail(name, f"`{words[0]}` ended with {done.returncode}; run it yourself to see why")
    return done.stdout
