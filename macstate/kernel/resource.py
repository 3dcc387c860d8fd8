"""One thing of a Mac: the same frozen model for the desired and for the actual state."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, ClassVar, Self

from macstate.kernel.outputs import Outputs, Readable
from macstate.kernel.record import Record, in_record
from macstate.kernel.steps import Step
from macstate.language.facts import Facts


class Resource(Readable):
    """One thing of a Mac. A field that is ``None`` means in a desired resource: leave it; in an actual one: unknown."""

    setting: ClassVar[bool] = False
    """Whether it exists on every Mac: it is changed, but never created, owned or removed."""
    alone: ClassVar[bool] = False
    """Whether the run goes on if its change fails; the failure is told, and the run ends with 1."""
    hides: ClassVar[str] = "(?!)"
    """A regular expression for the keys that cannot be read on any Mac, and need not be told."""
    gone: ClassVar[str] = "it is gone already; only the record of it is left"
    """What to say if it is recorded, but neither desired nor on the Mac."""
    implied_by: ClassVar[Mapping[str, str]] = {}
    """Fields that are not told if another field differs too, since that one tells the same: field to other field."""
    overrides: ClassVar[Mapping[str, str]] = {}
    """The changes that nobody should make by accident: the override's name, and why it is refused without."""
    sensitive: ClassVar[tuple[str, ...]] = ()
    """Fields whose values are never shown."""
    not_compared: ClassVar[frozenset[str]] = frozenset({"key", "unreadable", "needs"})
    """Fields that say how to change the resource, not what it is."""
    not_kept: ClassVar[frozenset[str]] = frozenset({"needs"})
    """Fields that are not part of the fingerprint, so that what an older version has changed is not changed again."""

    key: str
    unreadable: str = ""
    """Actual: why it could not be read, although it is there. Desired: why it cannot be made now."""
    needs: tuple[str, ...] = ()
    """The ids of resources that must match the spec before this one is of use; desired only."""

    @property
    def id(self) -> str:
        """``kind/key``, unique on a Mac."""
        return f"{self.kind}/{self.key}"

    @property
    def owned(self) -> bool:
        """Whether it is an object: recorded, and removed with its entry."""
        return not self.setting

    @property
    def root(self) -> bool:
        """Whether changing it needs root."""
        return True

    @property
    def late(self) -> int:
        """Its place among the changes of its kind: 1 behind the others, -1 before them."""
        return 0

    @property
    def exists(self) -> bool:
        """Whether it is there; something may be known of a resource that is not."""
        return True

    @property
    def made(self) -> str:
        """Where its texts come from: ``spec``, ``repeats`` (what the rest of a plan says), ``macstate`` (a script)."""
        return ""

    def as_text(self, field: str) -> str | None:
        """Return a field as text if it is best told line by line, otherwise None."""
        value = getattr(self, field)
        return value if isinstance(value, str) and "\n" in value.rstrip("\n") else None

    def dangers(self, have: Self | None) -> Iterator[str]:
        """Yield the names of the overrides that the change from the actual resource to this one needs."""
        del have
        yield from ()

    def interrupts(self, have: Self | None) -> str:
        """Return what ends for a moment, or for good, while it is changed."""
        del have
        return ""

    def brief(self, *, going: bool = False) -> str:
        """Return one line of what a person cares about; with ``going``, what its removal takes away and what stays."""
        del going
        return ""

    def because(self, have: Self, differing: Sequence[str], state: str) -> str:
        """Return why the actual resource differs or is gone; empty if the differing fields say enough.

        ``state`` is the state in the record, empty if it is not recorded.
        """
        del have, differing, state
        return ""

    def in_short(self, have: Self | None, differing: Sequence[str]) -> str:
        """Return one sentence for a change of these fields, if it tells more than they do, otherwise empty."""
        del have, differing
        return ""

    def note(self, have: Self | None) -> str:
        """Return what a person should know about it although there is nothing to do."""
        del have
        return ""

    @property
    def managed(self) -> dict[str, Any]:
        """The compared fields that are not None, in the order of their declaration."""
        fields = (name for name in type(self).model_fields if name not in self.not_compared)
        return {name: value for name in fields if (value := getattr(self, name)) is not None}

    def unlike(self, have: Self | None) -> list[str]:
        """Return the names of the managed fields that differ from the actual resource; without one, all of them."""
        return [name for name, value in self.managed.items() if have is None or getattr(have, name) != value]

    @property
    def fingerprint(self) -> str:
        """A short digest of all desired fields, for the record on the Mac."""
        text = json.dumps(self.model_dump(mode="json", exclude=set(self.not_kept)), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def contents(self) -> tuple[bytes, ...]:
        """The contents of the files that it consists of, without secrets."""
        return ()

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of its contents, by which the Mac tells them while they stay as they are."""
        return tuple(map(digest, self.contents))

    @property
    def in_record(self) -> str:
        """What the record keeps of this desired resource: its fingerprint, and the digests of its contents."""
        return in_record(self.fingerprint, ",".join(self.digests))

    @abstractmethod
    def converge(self, have: Self | None) -> Iterator[Step]:
        """Yield the steps from the actual resource (None: there is none) to this desired one."""

    def remove(self) -> Iterator[Step]:
        """Yield the steps that remove this actual resource."""
        yield from ()

    def beside(self, actual: Actual, desired: Mapping[str, Resource]) -> Self | None:
        """Return this desired resource, completed from the actual Mac; None if it is no longer desired."""
        del actual, desired
        return self


def digest(content: bytes) -> str:
    """Return the SHA-256 by which a Mac tells a content that macstate has written."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Actual:
    """A Mac as it was read."""

    facts: Facts
    resources: Mapping[str, Resource]
    record: Record
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Why resources are unknown, by the beginning of their ids."""
    outputs: Mapping[str, Outputs] = field(default_factory=dict)
    """What the tools printed, by kind."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What endpoints answered, if the probe was to ask them."""
    kinds: tuple[type[Resource], ...] = field(kw_only=True)
    """The kinds that were looked for, in the order in which they are changed."""
    declared: str = ""
    """SHA-256 of what was declared for it when it was read."""
    asked_at: tuple[float, float] = (0, inf)
    """When the reading of the Mac began and ended, in seconds since 1970 by the laptop's clock."""
