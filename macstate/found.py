"""A Mac as it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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

    def with_host_keys(self, host_keys: Mapping[str, tuple[str, ...]]) -> Found:
        """Add what a laptop's tailnet shows."""
        return replace(self, facts=replace(self.facts, laptop=replace(self.facts.laptop, host_keys=host_keys)))
