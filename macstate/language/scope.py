"""What an entry is expanded with: the Mac's facts, the entries beside it, and the keys on the laptop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from macstate.language.entry import Entry
from macstate.language.facts import Facts
from macstate.language.mac import MacEntry

if TYPE_CHECKING:
    from macstate.language.secrets import Secret


T = TypeVar("T")
E = TypeVar("E", bound="Entry")
Keys = Callable[[str, str], "Secret | None"]
"""Resolves a reference, for the field of that name, to a secret; None where a plan goes on without it."""


def no_keys(reference: str, name: str) -> Secret | None:
    """Resolve nothing: for a plan that needs no key to be seen."""
    del reference, name
    return None


@dataclass(frozen=True)
class Entries:
    """What goes to one machine."""

    entries: tuple[tuple[str, Entry], ...]
    """Each with its name; one that stands alone has its section's."""

    def all(self, kind: type[E]) -> dict[str, E]:
        """Return the entries of one section by name."""
        found = ((name, entry) for name, entry in self.entries if entry.section == kind.section)
        return {name: entry for name, entry in found if isinstance(entry, kind)}

    def one(self, kind: type[E]) -> E | None:
        """Return an entry that stands alone, if it is there."""
        return self.all(kind).get(kind.section)


@dataclass(frozen=True)
class MacView(Entries):
    """One Mac of the spec, as the laptop and the guide see it."""

    name: str
    """Its name in the spec."""
    entry: MacEntry
    """How to reach it."""
    clients: bool = False
    """Whether the spec sets up laptops that reach it."""
    chosen: frozenset[str] = frozenset()
    """The sections of which it names what it gets."""


@dataclass(frozen=True)
class Scope(Entries):
    """One Mac, or the laptop, while its entries are expanded."""

    facts: Facts
    key: Keys
    macs: tuple[MacView, ...] = ()
    """The Mac itself; for the laptop all of them."""
    closed: frozenset[str] = frozenset()
    """Places in the spec to which the gateway does not lead now."""
    later: frozenset[str] = frozenset()
    """The ids of what need not be there at the end of a run: it waits for what goes on in the background."""
    known: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was worked out of all entries already."""

    def once(self, name: str, work_out: Callable[[], T]) -> T:
        """Return what is worked out of all entries, and is asked for by each of them."""
        if name not in self.known:
            self.known[name] = work_out()
        found: T = self.known[name]
        return found
