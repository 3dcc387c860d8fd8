"""What a plan is made of: changes, batches of them, and what is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from macstate.kernel.resource import Resource
from macstate.kernel.steps import Step

SIGNS = {"create": "+", "update": "~", "remove": "-"}


@dataclass(frozen=True)
class Change:
    """One resource that is not as wished."""

    id: str
    action: Literal["create", "update", "remove"]
    want: Resource | None
    have: Resource | None
    why: str = ""
    """A reason where the difference alone does not tell."""
    foreign: bool = False
    """Whether it is in the way of something that macstate did not make."""
    rest: Resource | None = None
    """What is left of something that macstate did not make, where it only has to make way."""
    recorded_by_root: bool = True
    """Whose record names it; with ``gone`` all that is known of what is gone already."""
    gone: type[Resource] | None = None
    """Its class, where nothing of it is there."""

    @property
    def kind(self) -> type[Resource]:
        """The resource's class."""
        if resource := self.want or self.have:
            return type(resource)
        if self.gone:
            return self.gone
        raise ValueError(f"{self.id}: a change of nothing")

    @property
    def root(self) -> bool:
        """Whether it needs root."""
        resource = self.want or self.have
        return self.recorded_by_root if resource is None else resource.root

    @property
    def owned(self) -> bool:
        """Whether it is recorded as an object; a setting's record only names the fields that we have set."""
        resource = self.want or self.have
        return resource is None or resource.owned

    @property
    def interrupts(self) -> str:
        """What ends for a moment, or for good."""
        if self.want is None:
            return self.have.interrupts(self.have) if self.have else ""
        return self.want.interrupts(self.have) if self.action == "update" else ""

    @property
    def fields(self) -> list[tuple[str, object, object]]:
        """What differs, as (field, from, to)."""
        want, have = self.want or self.rest, self.have if self.action == "update" else None
        return [(name, getattr(have, name, None), getattr(want, name)) for name in want.unlike(have)] if want else []


@dataclass(frozen=True)
class Batch:
    """What one operation, one remote command, one privilege carries out: one change, or those of a document."""

    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    order: tuple[int, int, int]
    closes: tuple[Change, ...] = ()
    """Changes of a later batch, whose things are out of the way from this one on."""

    @property
    def titles(self) -> tuple[str, ...]:
        """Sign and id of each change: never a value."""
        closed = (f"- {change.id} until the end" for change in self.closes)
        return (*(f"{SIGNS[change.action]} {change.id}" for change in self.changes), *closed)

    @property
    def root(self) -> bool:
        """Whether it needs root."""
        return any(change.root for change in (*self.changes, *self.closes))


@dataclass(frozen=True)
class Plan:
    """All that is to be done on one Mac, in order, and what is left alone."""

    batches: tuple[Batch, ...] = ()
    unmanaged: tuple[tuple[str, str], ...] = ()
    """What is there and not ours, with a remark."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that left the spec (id to the fields that stay): the next change takes them out of the record."""
    stays: tuple[Resource, ...] = ()
    """The wishes that are as they should be."""
    owned: int = 0
    """How many objects macstate has made here so far."""
    public: Mapping[str, str] = field(default_factory=dict)
    """What answers the internet, and stays as it is; with what it leads to past every key."""
    notes: tuple[tuple[str, str], ...] = ()
    """What goes on by itself, or is worth knowing."""
    adoptable: frozenset[str] = frozenset()
    """What is exactly as wished, and in no record: made by hand, or the record is lost."""
    left: Mapping[str, str] = field(default_factory=dict)
    """What of the spec, or of ours, stays as it is because it cannot be read or done now, with the reason."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change, in the order in which they are carried out."""
        return tuple(change for batch in self.batches for change in batch.changes)
