"""A plan and its parts: changes, and the batches that carry them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from macstate.kernel.resource import Resource
from macstate.kernel.steps import Step

SIGNS = {"create": "+", "update": "~", "remove": "-"}


@dataclass(frozen=True)
class Change:
    """One resource that does not match the spec."""

    id: str
    action: Literal["create", "update", "remove"]
    want: Resource | None
    have: Resource | None
    why: str = ""
    """The reason, if the difference alone does not tell it."""
    foreign: bool = False
    """Whether it changes or removes something that macstate did not make."""
    rest: Resource | None = None
    """What remains of a foreign resource that only has to make way."""
    recorded_by_root: bool = True
    """Whether it stands in root's record. If the resource is gone already, only this and ``gone`` are known."""
    gone: type[Resource] | None = None
    """The resource's class, for a removal."""

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
        """Whether it is recorded as an object; the record of a setting only names the fields that macstate has set."""
        resource = self.want or self.have
        return resource is None or resource.owned

    @property
    def interrupts(self) -> str:
        """What ends for a moment, or for good, by this change."""
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
    """What one operation carries out with one payload and one privilege: one change, or those of a document."""

    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    order: tuple[int, int, int]
    closes: tuple[Change, ...] = ()
    """Changes of a later batch whose actual resources this batch already takes out."""

    @property
    def titles(self) -> tuple[str, ...]:
        """The sign and id of each change, never a value."""
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
    """(id, remark) of the objects on the Mac that are not macstate's."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of which fields left the spec, as id to the fields that stay: the next change updates the record."""
    stays: tuple[Resource, ...] = ()
    """The desired resources that match the Mac."""
    owned: int = 0
    """The number of objects that macstate has made here so far."""
    public: Mapping[str, str] = field(default_factory=dict)
    """What the internet reaches and stays as it is: id to the server that it reaches without a key, or empty."""
    notes: tuple[tuple[str, str], ...] = ()
    """(id, note) of what goes on by itself, or is worth knowing."""
    adoptable: frozenset[str] = frozenset()
    """The ids of objects that match the spec, but are in no record: made by hand, or the record is lost."""
    left: Mapping[str, str] = field(default_factory=dict)
    """Why a desired or recorded resource stays as it is: it cannot be read or changed now. By id."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, in the order in which they are carried out."""
        return tuple(change for batch in self.batches for change in batch.changes)
