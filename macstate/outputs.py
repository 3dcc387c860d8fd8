"""What the read commands printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Outputs = Mapping[str, str]
"""What the read commands printed, by the command a person would type (with its argument, where it takes one)."""


class UnreadableError(ValueError):
    """A tool answered, but not with what can be read: everything of the kind is unknown."""


def each(outputs: Outputs, probe: str) -> Iterator[tuple[str, str]]:
    """Give (argument, output) of every run of one probe; the argument is empty where it has none."""
    for name, output in outputs.items():
        if name == probe or name.startswith(probe + " "):
            yield name[len(probe) + 1 :], output
