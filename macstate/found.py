"""A Mac as it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from macstate.facts import Facts
from macstate.outputs import Outputs
from macstate.record import Record
from macstate.resource import Resource


@dataclass(frozen=True)
class Found:
    """A Mac as it is."""

    facts: Facts
    resources: Mapping[str, Resource]
    record: Record
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Why something is unknown, by the beginning of the ids that it concerns."""
    outputs: Mapping[str, Outputs] = field(default_factory=dict)
    """What the tools printed, by kind."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """What endpoints answered, where the probe was to ask them."""
    asked_at: tuple[float, float] = (0, inf)
    """Between when and when (seconds since 1970, by the laptop's clock) the Mac was read."""
