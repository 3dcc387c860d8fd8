"""How a kind is read: what the probe runs for it, and how the output is parsed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from macstate.language.entry import Frozen

Outputs = Mapping[str, str]
"""What the read commands printed, by the command that a person would type, with its argument if it takes one."""


class UnreadableError(ValueError):
    """A tool's answer cannot be parsed: every resource of the kind is unknown."""


class Readable(Frozen):
    """A kind, as far as the probe knows it."""

    kind: ClassVar[str]
    probes: ClassVar[tuple[str, ...]] = ()
    """The read commands, as a person would type them."""
    script: ClassVar[str] = ""
    """The part of the probe that runs ``probes``, its functions first; if empty, each is run as it stands."""
    absent: ClassVar[tuple[int, ...]] = ()
    """Exit statuses of a probe that mean: the resource is not there. Any other but 0 means: unknown."""
    optional: ClassVar[tuple[str, ...]] = ()
    """Probes that may fail without making the kind unknown."""
    help: ClassVar[Mapping[int, str]] = {}
    """What a person should know or do if a probe ends with this exit status."""
    laptop: ClassVar[bool] = False
    """Whether resources of this kind are on the laptop, not on the Mac."""

    @classmethod
    @abstractmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield the actual resources that the output shows; if a command's output is missing, its fields are None."""


def runs_of(outputs: Outputs, probe: str) -> Iterator[tuple[str, str]]:
    """Yield (argument, output) of every run of one probe; the argument is empty if the probe takes none."""
    for name, output in outputs.items():
        if name == probe or name.startswith(probe + " "):
            yield name[len(probe) + 1 :], output
