"""What a Mac has: one frozen model for what is wished and for what is found."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, ClassVar, Self

from macstate.kernel.outputs import Outputs, Readable
from macstate.kernel.record import Record
from macstate.kernel.steps import Step
from macstate.language.facts import Facts


class Resource(Readable):
    """One thing of a Mac. ``None`` in a wish means: leave it; in what was found: unknown."""

    setting: ClassVar[bool] = False
    """Whether it exists on every Mac: changed, but never created, owned or removed."""
    alone: ClassVar[bool] = False
    """Whether a change of it that fails stops nothing else: it is told, and the run ends with 1."""
    hides: ClassVar[str] = "(?!)"
    """A regular expression for the keys of what cannot be read on any Mac, and need not be told."""
    gone: ClassVar[str] = "it is gone already; only the record of it is left"
    """What to say where it is recorded, no longer wished, and not to be found."""
    implied_by: ClassVar[Mapping[str, str]] = {}
    """Fields that are not told where another one differs too, which tells the same."""
    overrides: ClassVar[Mapping[str, str]] = {}
    """What nobody should do to it by accident: the override's name, and why it is refused without."""
    sensitive: ClassVar[tuple[str, ...]] = ()
    """Fields whose values are never shown."""
    not_compared: ClassVar[frozenset[str]] = frozenset({"key", "unreadable", "needs"})
    """Fields that say how to change it, not what it is."""
    not_kept: ClassVar[frozenset[str]] = frozenset({"needs"})
    """Fields that the record's fingerprint is not made of: what an older version has changed is not changed again."""

    key: str
    unreadable: str = ""
    """Why it could not be read, where it is known to be there; wished: why it cannot be made now."""
    needs: tuple[str, ...] = ()
    """The ids of what must be as wished before it is of use; wished only."""

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
        """When it is changed among those of its kind: 1 behind the others, -1 before them."""
        return 0

    @property
    def exists(self) -> bool:
        """Whether it is there; of what is not, something may be known all the same."""
        return True

    @property
    def made(self) -> str:
        """How its texts come about: ``spec``, ``repeats`` (what the rest of a plan says), ``macstate`` (a script)."""
        return ""

    def as_text(self, field: str) -> str | None:
        """Return a field that is best told line by line as text."""
        value = getattr(self, field)
        return value if isinstance(value, str) and "\n" in value.rstrip("\n") else None

    def dangers(self, have: Self | None) -> Iterator[str]:
        """Yield the names of the overrides that leading to it from what was found needs."""
        del have
        yield from ()

    def interrupts(self, have: Self | None) -> str:
        """Say what ends for a moment, or for good, while it is changed."""
        del have
        return ""

    def brief(self, *, going: bool = False) -> str:
        """Say in one line what a person cares for in it; ``going``: what really goes with it, and what stays."""
        del going
        return ""

    def because(self, have: Self, differing: Sequence[str], state: str) -> str:
        """Say why it is not as wished, or not there any more, where the differing fields do not tell.

        ``state``: the record's word for it.
        """
        del have, differing, state
        return ""

    def in_short(self, have: Self | None, differing: Sequence[str]) -> str:
        """Say what a change of these fields is, where one sentence tells more than they do; empty: it does not."""
        del have, differing
        return ""

    def note(self, have: Self | None) -> str:
        """Tell what a person should know of it though nothing is to be done."""
        del have
        return ""

    @property
    def managed(self) -> dict[str, Any]:
        """The fields that say something, in the order of their declaration."""
        fields = (name for name in type(self).model_fields if name not in self.not_compared)
        return {name: value for name in fields if (value := getattr(self, name)) is not None}

    def unlike(self, have: Self | None) -> list[str]:
        """Name the wished fields that were found otherwise."""
        return [name for name, value in self.managed.items() if have is None or getattr(have, name) != value]

    @property
    def fingerprint(self) -> str:
        """A short digest of all that is wished, for the record on the Mac."""
        text = json.dumps(self.model_dump(mode="json", exclude=set(self.not_kept)), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @abstractmethod
    def converge(self, have: Self | None) -> Iterator[Step]:
        """Lead from what was found to what is wished."""

    def remove(self) -> Iterator[Step]:
        """Take away what was found."""
        yield from ()

    def beside(self, actual: Actual, desired: Mapping[str, Resource]) -> Self | None:
        """Return the desired one with what must be remembered of the actual Mac; None: it is desired no longer."""
        del actual, desired
        return self


@dataclass(frozen=True)
class Actual:
    """A Mac as it is."""

    facts: Facts
    resources: Mapping[str, Resource]
    record: Record
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Why something is unknown, by the beginning of the ids that it concerns."""
    outputs: Mapping[str, Outputs] = field(default_factory=dict)
    """What the tools printed, by kind."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What endpoints answered, where the probe was to ask them."""
    kinds: tuple[type[Resource], ...] = field(kw_only=True)
    """What was looked for, in the order in which it is changed."""
    asked_at: tuple[float, float] = (0, inf)
    """Between when and when (seconds since 1970, by the laptop's clock) the Mac was read."""
