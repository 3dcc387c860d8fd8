"""What an entry is expanded with: the Mac's facts, the other entries, and the keys on the laptop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from macstate.language.entry import Entry
from macstate.language.facts import Facts
from macstate.language.mac import MacEntry

if TYPE_CHECKING:
    from macstate.language.secrets import Secret


T = TypeVar("T")
E = TypeVar("E", bound="Entry")
Keys = Callable[[str, str], "Secret | None"]
"""Returns the secret of a reference for the field of that name; None if the plan goes on without it."""


def no_keys(reference: str, name: str) -> Secret | None:
    """Return no secret: for a plan that can be shown without keys."""
    del reference, name
    return None


@dataclass(frozen=True)
class Entries:
    """The entries for one machine."""

    entries: tuple[tuple[str, Entry], ...]
    """Each entry with its name; an entry that is not in a collection has the name of its section."""

    def all(self, kind: type[E]) -> dict[str, E]:
        """Return the entries of one section, by name."""
        found = self._sections.get(kind.section, {})
        return {name: entry for name, entry in found.items() if isinstance(entry, kind)}

    def one(self, kind: type[E]) -> E | None:
        """Return the entry of a section that holds only one; None if there is none."""
        entry = self._sections.get(kind.section, {}).get(kind.section)
        return entry if isinstance(entry, kind) else None

    @cached_property
    def _sections(self) -> Mapping[str, Mapping[str, Entry]]:
        """The entries by section and name: every endpoint asks for the gateway."""
        found: dict[str, dict[str, Entry]] = {}
        for name, entry in self.entries:
            found.setdefault(entry.section, {})[name] = entry
        return found


@dataclass(frozen=True)
class MacView(Entries):
    """One Mac of the spec, as the laptop and the guide see it."""

    name: str
    """Its name in the spec."""
    entry: MacEntry
    """How to reach it."""
    clients: bool = False
    """Whether the spec sets up laptops that reach this Mac."""
    chosen: frozenset[str] = frozenset()
    """The sections of which the Mac lists the entries that it gets."""


@dataclass(frozen=True)
class Scope(Entries):
    """The Mac, or the laptop, whose entries are being expanded."""

    facts: Facts
    key: Keys
    macs: tuple[MacView, ...] = ()
    """The Mac itself; for the laptop, all Macs."""
    closed: frozenset[str] = frozenset()
    """The places in the spec to which the gateway does not lead at the moment."""
    later: frozenset[str] = frozenset()
    """The ids of resources that may be missing at the end of a run, since they wait for work in the background."""
    known: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Results that ``once`` has worked out, by name."""

    def once(self, name: str, work_out: Callable[[], T]) -> T:
        """Return a result that is worked out from all entries; it is computed once and kept under ``name``."""
        if name not in self.known:
            self.known[name] = work_out()
        found: T = self.known[name]
        return found
