"""What the checks before a run look at, and how they say what they found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from macstate.kernel.change import Plan
from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Found
from macstate.language.types import Warned
from macstate.spec.wishes import Wishes, place

D = TypeVar("D", bound=Declaration)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    about: str
    text: str
    level: str = "ok"
    """``ok``, ``note`` (the plan tells it too), ``accepted``, ``warning``, ``error``: it cannot be done now."""
    name: Warned | None = None
    """What a warning is called; `accept` in the spec silences it by that."""

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


@dataclass(frozen=True)
class Flight:
    """What a rule looks at."""

    wishes: Wishes
    found: Found
    plan: Plan

    def all(self, kind: type[D]) -> dict[str, D]:
        """Give the spec's entries of a kind by their place in it, without those that are off, which disturb nobody."""
        return {
            place(name, entry): entry
            for name, entry in self.wishes.entries
            if isinstance(entry, kind)
            and not entry.is_off
            and not (self.wishes.only and place(name, entry) not in self.wishes.only)
        }
