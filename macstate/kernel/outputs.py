"""How a kind is read: what the probe runs for it, and what becomes of the output."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from macstate.language.entry import Frozen

Outputs = Mapping[str, str]
"""What the read commands printed, by the command a person would type (with its argument, where it takes one)."""


class UnreadableError(ValueError):
    """A tool answered, but not with what can be read: everything of the kind is unknown."""


class Readable(Frozen):
    """A kind, as far as the probe knows it."""

    kind: ClassVar[str]
    probes: ClassVar[tuple[str, ...]] = ()
    """The read commands, by the name a person would type."""
    script: ClassVar[str] = ""
    """The part of the probe that runs them; empty: each as it stands."""
    absent: ClassVar[tuple[int, ...]] = ()
    """Exit statuses of a probe that mean: it is not there. Any other but 0 means: unknown."""
    optional: ClassVar[tuple[str, ...]] = ()
    """Probes that may fail and leave nothing unknown."""
    help: ClassVar[Mapping[int, str]] = {}
    """What to do when a probe ends with this exit status."""
    laptop: ClassVar[bool] = False
    """Whether the laptop has it, and not the Mac."""

    @classmethod
    @abstractmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Turn what the tools printed into what was found; a name that is missing leaves its fields unknown."""


def runs_of(outputs: Outputs, probe: str) -> Iterator[tuple[str, str]]:
    """Yield (argument, output) of every run of one probe; the argument is empty where it has none."""
    for name, output in outputs.items():
        if name == probe or name.startswith(probe + " "):
            yield name[len(probe) + 1 :], output
