"""What an entry is expanded with: the Mac's facts, the entries beside it, and the keys on the laptop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from macstate.facts import Facts

if TYPE_CHECKING:
    from macstate.entry import Entry
    from macstate.secrets import Secret


T = TypeVar("T")
Keys = Callable[[str, str], "Secret | None"]
"""Resolves a reference, for the field of that name, to a secret; None where a plan goes on without it."""


def no_keys(reference: str, name: str) -> Secret | None:
    """Resolve nothing: for a plan that needs no key to be seen."""
    del reference, name
    return None


@dataclass(frozen=True)
class MacView:
    """One Mac of the spec, as the laptop and the guide see it."""

    name: str
    """Its name in the spec."""
    entry: Any
    """How to reach it."""
    sections: Mapping[str, Any]
    """What goes to it: an entry by its section, or entries by name."""
    clients: bool = False
    """Whether the spec sets up laptops that reach it."""
    chosen: frozenset[str] = frozenset()
    """The sections of which it names what it gets."""


@dataclass(frozen=True)
class Scope:
    """One Mac, or the laptop, while its entries are expanded."""

    facts: Facts
    entries: tuple[tuple[str, Entry], ...]
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
        """Give what is worked out of all entries, and is asked for by each of them."""
        if name not in self.known:
            self.known[name] = work_out()
        found: T = self.known[name]
        return found

    def all(self, section: str) -> dict[str, Any]:
        """Give the entries of one section by name."""
        return {name: entry for name, entry in self.entries if entry.section == section}

    def one(self, section: str) -> Any:
        """Give an entry that stands alone, if it is there."""
        return self.all(section).get(section)
