"""The probe's answer, split into replies."""

from __future__ import annotations

import gzip
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

PART = "macstate-kind:"
"""The name of the reply that begins a kind's part, before the kind; without a kind, the common part goes on."""
FILES = "files"
"""The name of the reply that tells of several files: before each file's path, and the domain if it has one."""
DIGEST = "digest "
"""What stands before a file's name if its content is told by its SHA-256."""
FIRST = b"==> /dev/null <==\n"
"""What `head` prints first: with one file alone it would print no name."""
MOST = 4_000_000
"""The bytes that are read of a file."""


class IncompleteError(ValueError):
    """The probe's answer ends in the middle."""

    what = "its answer is cut off"


class ChangedError(IncompleteError):
    """A file has changed between the size that `stat` told and the reading."""

    what = "a file has changed while it was read"


@dataclass(frozen=True)
class Reply:
    """What one read command gave."""

    output: str
    status: int
    errors: str


class Replies(dict[str, Reply]):
    """The replies of one part of the probe, by name; a missing one is an IncompleteError."""

    def __missing__(self, name: str) -> NoReturn:
        raise IncompleteError(f"`{name}` is missing")


def replies(lines: list[str], mark: str) -> dict[str, Replies]:
    """Return the replies by kind; the common part has the empty kind. What login scripts print is left out.

    ``mark`` is the word that the probe was given to part the replies with.

    Raises:
        IncompleteError: the answer is not whole.
    """
    kinds: dict[str, Replies] = {"": Replies()}
    kind = ""
    for name, section in _sections(lines, mark):
        if name.startswith(PART):
            kind = name.removeprefix(PART)
            kinds.setdefault(kind, Replies())
        else:
            kinds[kind][name] = section
    return kinds


def _sections(lines: list[str], mark: str) -> Iterator[tuple[str, Reply]]:
    _, *framed = "\n".join(lines).split(mark)
    try:
        packed, _ = framed
        _, *parts = gzip.decompress(b64decode("".join(packed.split()), validate=True)).split(mark.encode())
        for label, output, status, errors in zip(*[iter(parts)] * 4, strict=True):
            name, said = _text(label), _text(errors).strip()
            if name.partition(" ")[0] == FILES:
                yield from _files(name.partition(" ")[2], output, said)
            else:
                yield name, Reply(_text(output), int(status), said)
    except ChangedError:
        raise
    except (ValueError, OSError, EOFError, zlib.error):  # binascii.Error is a ValueError
        raise IncompleteError("it ends in the middle") from None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _files(domain: str, output: bytes, errors: str) -> Iterator[tuple[str, Reply]]:
    """Yield the replies that single commands would have given: `stat` and `cat` of each file.

    Instead of `cat`, ``digest`` for a content that the record has. The output: the folder that a rehearsal puts in
    front of each path, what the names lack of the paths, lines of `stat`, an empty line, lines of `shasum`, an empty
    line, and what `head` prints of several files (the same on macOS and Linux: FreeBSD's and GNU's head.c): the name
    above each, and nothing but an error of one that cannot be read.

    Raises:
        ChangedError: what `head` prints has not the sizes that `stat` tells.
    """
    root, before, rest = output.split(b"\n", 2)
    stats, _, rest = (b"\n" + rest).partition(b"\n\n")
    sums, _, contents = (b"\n" + rest).partition(b"\n\n")
    digests = {
        path.removeprefix(root): sum_.decode() for sum_, path in re.findall(rb"(?m)^([0-9a-f]{64})  (.*)$", sums)
    }
    rows = re.findall(rb"(?m)^(\d+ [0-7]+) (\d+) (.*)$", stats)
    at = len(FIRST) if contents.startswith(FIRST) else 0
    listed = ""
    for mode, size, shown in rows:
        path = shown.removeprefix(root)
        name, permissions = _text(path.removeprefix(before)), _text(mode)
        listed += f"{permissions} {name}\n"
        if not domain:
            yield f"stat {name}", Reply(f"{permissions}\n", 0, "")
        header = b"\n==> %s%s <==\n" % (root, path)
        if path in digests:
            yield f"{DIGEST}{name}", Reply(digests[path], 0, "")
        elif contents.startswith(header, at):
            begin = at + len(header)
            at = begin + min(int(size), MOST)
            yield f"cat {name}", Reply(_text(contents[begin:at]), 0, "")
        elif not domain:  # of a domain's plists many are for root alone
            why = next((line for line in errors.splitlines() if _text(path) in line), errors)
            yield f"cat {name}", Reply("", 1, why)
    if domain:
        yield f"stat {domain}", Reply(listed, 0, "")
    if at != len(contents):
        raise ChangedError
