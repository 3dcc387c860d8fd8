"""Keys: the spec holds references, the laptop resolves each once a run, and no value is ever shown."""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import re
import secrets
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import AfterValidator

from macstate import files
from macstate.errors import MacstateError
from macstate.language.secrets import fetch

SHORTEST = 20
"""Fewest characters of a key; a shorter one could be guessed."""
LONGEST = 1024
"""Most characters of a key; with each escaped they are twice as many, which nginx still reads (words end at 4,096)."""
ENOUGH = 65_536
"""Most bytes to read; a longer file or output is not a key."""
ALLOWED = r"[A-Za-z0-9._~+/=-]+"
"""The characters of a bearer token (RFC 6750, 2.1)."""
TIMEOUT = 60
"""Seconds to wait for a tool that asks its owner for a fingerprint or a password."""


class Secret:
    """A value that is shown only by ``reveal``."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value."""
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
    if "\0" in value:
        raise ValueError(r"no file, variable or command has a NUL (\0) in it; take it out")
    if re.fullmatch(fetch.SHAPE, value, re.DOTALL):
        return value
    if re.fullmatch(r"\S{16,}|sk-\S+", value):  # the message does not quote the value
        raise ValueError(
            f"this looks like a key itself, and the spec is no place for one; type a reference: {fetch.TYPED}"
        )
    raise ValueError(f"{value!r} does not say where a key is; type {fetch.TYPED}")


Reference = Annotated[str, AfterValidator(_reference)]
"""A reference to a key: where to get it."""


MADE: dict[Path, Secret] = {}
"""Keys that this run has made and not yet kept, by the path of the file that will hold them."""


def source(reference: str, name: str) -> str:
    """Return a short digest of where a key comes from, for the record on the Mac, which every user there can read."""
    return hashlib.sha256(f"{name} {reference}".encode()).hexdigest()[:12]


def is_to_be_made(reference: str, name: str, folder: Path) -> bool:
    """Return whether macstate makes the key of this reference and has not made it yet.

    Raises:
        MacstateError: the folder with the keys is closed to us.
    """
    if reference != "generate":
        return False
    try:
        return not files.exists(folder / name)
    except OSError as error:
        _fail(name, f"{folder / name}: {error.strerror}")


@cache
def resolve(reference: str, name: str, folder: Path) -> Secret:
    """Return the key of a reference for the field ``name``; keys of ``generate`` are kept in ``folder``.

    A key of ``generate`` that does not exist is made now, but written only by ``keep``: a refused run leaves nothing.

    Raises:
        MacstateError: the key cannot be read, or is too weak to keep anybody out.
    """
    scheme, _, rest = reference.partition(":")
    if scheme not in fetch.SCHEMES:
        _fail(name, f"what is typed does not say where a key is; type {fetch.TYPED}")
    wanted = fetch.SCHEMES[scheme].system
    match scheme:
        case "generate" if is_to_be_made(reference, name, folder):
            return MADE.setdefault(folder / name, Secret(secrets.token_urlsafe(32)))
        case "generate":
            value = _file(folder / name, name)
        case "env":
            value = os.environ.get(rest) or _fail(name, f"the variable {rest} is not set; type `export {rest}=…`")
        case "file":
            value = _file(Path(os.path.expanduser(rest)), name)  # noqa: PTH111 - pathlib's fails where a user is unknown
        case _ if wanted not in {"", sys.platform}:
            _fail(name, f"there is a {scheme} only where the laptop is a Mac; use another reference")
        case _:
            value = _tool(name, *fetch.of(reference, folder / name))
    return _checked(value.removesuffix("\n"), name)


def _fail(name: str, why: str) -> NoReturn:
    raise MacstateError(f"{name}: {why}")


def _checked(value: str, name: str) -> Secret:
    if not value:
        _fail(name, "the key is empty, which would let everybody in; `generate` makes one")
    if len(value) < SHORTEST:
        _fail(
            name,
            f"the key has {len(value)} characters; with fewer than {SHORTEST} it can be guessed; `generate` makes one",
        )
    if len(value) > LONGEST:
        _fail(name, f"the key has {len(value)} characters; both gateways take {LONGEST} at most; use a shorter one")
    if not re.fullmatch(ALLOWED, value):
        _fail(name, "the key contains characters that a bearer token cannot have; use letters, digits and ._~+/=-")
    return Secret(value)


def _file(path: Path, name: str) -> str:
    try:
        content = files.read(path, ENOUGH)
        if path.stat().st_mode & 0o077:
            _fail(name, f"others can read {path}; type `chmod 600 {path}`")
    except OSError as error:
        _fail(name, f"{path}: {error.strerror}")
    return _decoded(content, name, f"{path} contains")


def _decoded(content: bytes, name: str, who: str) -> str:
    try:
        return content.decode("ascii").replace("\r\n", "\n")
    except UnicodeDecodeError:
        _fail(name, f"{who} something other than a key")


def keep(folder: Path, say: Callable[[str], None]) -> None:
    """Write the keys that this run has made for this folder; called before anything that holds them is sent.

    Raises:
        MacstateError: a key cannot be written, or another run has made a key of that name in the meantime.
    """
    for path in [path for path in MADE if path.parent == folder]:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.write(path, f"{MADE[path].reveal()}\n", anew=True)  # never over another run's key
        except OSError as error:
            if error.errno == errno.EEXIST and path.is_file():
                _fail(path.name, "another run made this key in the meantime; run again")
            _fail(path.name, f"{path}: {error.strerror}; the new key cannot be kept, so nothing was done")
        del MADE[path]
        say(f"{path.name}: made a key; it is kept in {path}")


def _tool(name: str, *words: str) -> str:
    if not shutil.which(words[0]):
        _fail(name, f"there is no `{words[0]}` on this laptop; install it, or use another reference")
    try:
        said, status = _run(words)
    except OSError as error:
        _fail(name, f"`{words[0]}` cannot be run: {error.strerror}")
    if status is None:
        _fail(name, f"`{words[0]}` gave no key within {TIMEOUT} seconds; run it yourself to see why")
    if len(said) > ENOUGH:
        _fail(
            name, f"`{words[0]}` prints more than {ENOUGH:,} bytes, which cannot be a key; run it yourself to see why"
        )
    if status:
        _fail(name, f"`{words[0]}` ended with status {status}; run it yourself to see why")
    return _decoded(said, name, f"`{words[0]}` prints")


def _run(words: tuple[str, ...]) -> tuple[bytes, int | None]:
    """Return a tool's output, cut soon after ``ENOUGH`` bytes, and its exit status; None if it did not end in time."""
    said, end = b"", time.monotonic() + TIMEOUT
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        pipe = process.stdout.fileno() if process.stdout else -1
        while (
            len(said) <= ENOUGH
            and select.select([pipe], [], [], max(end - time.monotonic(), 0))[0]
            and (piece := os.read(pipe, ENOUGH))
        ):
            said += piece
        if len(said) > ENOUGH:
            process.kill()
        try:
            return said, process.wait(max(end - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            return said, None
