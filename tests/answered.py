"""The probe's answer, written and read by hand: a mark parts name, output, status and errors of each reply."""

from __future__ import annotations

import gzip
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import NamedTuple

from macstate.kernel.probe import LANES
from macstate.kernel.probe.replies import END, PART

MARK = "~0123456789abcdef0123456789abcdef"


class Section(NamedTuple):
    """One reply, as it stands in the answer."""

    name: str
    output: bytes = b""
    status: bytes = b"0"
    errors: bytes = b""


def packed(sections: Iterable[Section], mark: str = MARK) -> list[str]:
    """Give the lines that a Mac sends for these replies."""
    whole = b"".join(mark.encode() + part for name, *parts in sections for part in (name.encode(), *parts))
    whole += b"".join(f"{mark}{PART}{END}{lane}{mark}{mark}0{mark}".encode() for lane in range(LANES[False]))
    return ["", mark, b64encode(gzip.compress(whole)).decode(), mark]


def unpacked(lines: list[str], mark: str = MARK) -> list[Section]:
    """Give the replies of what a Mac has sent."""
    _, body, _ = "\n".join(lines).split(mark)
    parts = gzip.decompress(b64decode(body)).split(mark.encode())[1:]
    return [
        Section(parts[at].decode("utf-8", "surrogateescape"), *parts[at + 1 : at + 4]) for at in range(0, len(parts), 4)
    ]
