"""The probe's answer, split into replies."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

PART = "macstate-kind:"
"""The name of the reply that begins a kind's part, before the kind; without a kind, the common part goes on."""
END = "end"
"""The name of the part that ends a lane, before its number."""
FILES = "files"
"""The name of the reply that tells of several files: before each file's path, and the domain if it has one."""
DIGEST = "digest "
"""What stands before a file's name if its content is told by its SHA-256."""
FIRST = b"==> /dev/null <==\n"
"""What `head` prints first: with one file alone it would print no name."""
GZIP = 31
"""zlib's number for gzip's format."""
LARGEST = 200_000_000
"""The bytes of a whole answer: some are usual, and what a Mac sends is unpacked in this laptop's memory."""
MOST = 4_000_000
"""The bytes that are read of a file."""


class IncompleteError(ValueError):
    """The probe's answer ends in the middle."""


class ChangedError(IncompleteError):
    """A file has changed between the size that `stat` told and the reading, or is read only in part."""


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


def replies(lines: list[str], mark: str, lanes: int) -> dict[str, Replies]:
    """Return the replies by kind; the common part has the empty kind. What login scripts print is left out.

    ``mark`` is the word that the probe was given to part the replies with; ``lanes`` is how many parts are read side
    by side, each of which tells its end.

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
    ends = [kinds.pop(f"{END}{lane}", None) for lane in range(lanes)]
    counts = {name.partition(" ")[2]: each.output for name, each in kinds[""].items() if name.startswith("count ")}
    if None in ends or any(_answered(kinds[""], command) != count for command, count in counts.items()):
        raise IncompleteError("it ends in the middle")
    return kinds


def _answered(common: Replies, command: str) -> str:
    """Return how many of the questions that are asked side by side have told their end."""
    return str(sum(name.startswith(f"asked {command} ") for name in common))


def _sections(lines: list[str], mark: str) -> Iterator[tuple[str, Reply]]:
    _, *framed = "\n".join(lines).split(mark)
    try:
        packed, _ = framed
        unpacker = zlib.decompressobj(GZIP)
        whole = unpacker.decompress(b64decode("".join(packed.split()), validate=True), LARGEST)
        if not unpacker.eof:
            raise IncompleteError
        _, *parts = whole.split(mark.encode())
        for label, output, status, errors in zip(*[iter(parts)] * 4, strict=True):
            name, said = _text(label), _text(errors).strip()
            if name.partition(" ")[0] == FILES:
                yield from _files(name.partition(" ")[2], output, said)
            else:
                yield name, Reply(_text(output), int(status), said)
    except ChangedError:
        raise
    except (ValueError, zlib.error):  # binascii.Error is a ValueError
        raise IncompleteError("it ends in the middle") from None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _files(domain: str, output: bytes, errors: str) -> Iterator[tuple[str, Reply]]:
    """Yield the replies that single commands would have given: `stat` and `cat` of each file.

    Instead of `cat`, ``digest`` for a content that the record has. The output: the folder that a rehearsal puts in
    front of each path; what the names lack of the paths; then, with an empty line behind each, the paths with a flag
    (``+``: told even if it cannot be read, ``-``: not, ``.``: not read), lines of `stat`, and lines of `shasum`; and
    what `head` prints of several files (the same on macOS and Linux: FreeBSD's and GNU's head.c): the name above each,
    and nothing but an error of one that cannot be read.

    Raises:
        ChangedError: what `head` prints has not the sizes that `stat` tells.
    """
    root, before, rest = output.split(b"\n", 2)
    told, _, rest = (b"\n" + rest).partition(b"\n\n")
    stats, _, rest = (b"\n" + rest).partition(b"\n\n")
    sums, _, contents = (b"\n" + rest).partition(b"\n\n")
    flags = {line[1:].removeprefix(root): line[:1] for line in told.split(b"\n") if line}
    digests = {path.removeprefix(root): found for found, path in re.findall(rb"(?m)^([0-9a-f]{64})  (.*)$", sums)}
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
            yield f"{DIGEST}{name}", Reply(_text(digests[path]), 0, "")
        elif contents.startswith(header, at):
            begin = at + len(header)
            at = begin + min(int(size), MOST)
            yield f"cat {name}", Reply(_text(contents[begin:at]), 0, "")
        elif flags.get(path) == b"+":
            why = next((line for line in errors.splitlines() if f"{_text(path)}:" in line), errors)
            yield f"cat {name}", Reply("", 1, why)
    if domain:
        yield f"stat {domain}", Reply(listed, 0, "")
    if at != len(contents):
        raise ChangedError
