"""The probe's output, split into replies."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import NoReturn

MARK = "macstate-kind:"
"""The name of the reply that begins a kind's part, before the kind."""


class IncompleteError(ValueError):
    """The probe's output ends in the middle."""


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


def replies(lines: list[str]) -> dict[str, Replies]:
    """Decode the output, and return the replies by kind; the common part has the empty kind.

    Raises:
        IncompleteError: the end is missing.
    """
    kinds: dict[str, Replies] = {"": Replies()}
    kind = ""
    for line in lines:
        try:
            name, body, *errors = (
                b64decode(part, validate=True).decode("utf-8", "surrogateescape") for part in line.split(" ")
            )
            output, _, status = body.rpartition("\n")
            section = Reply(output, int(status), "".join(errors).strip())
        except ValueError:  # binascii.Error is one
            continue  # what a login script printed, or half a line
        if name.startswith(MARK):
            kind = name.removeprefix(MARK)
            kinds.setdefault(kind, Replies())
            continue
        kinds[kind][name] = section
    if kind or len(kinds) == 1:
        raise IncompleteError("it ends in the middle")
    return kinds
