"""What the checks before a run look at, and how they say what they found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from macstate.change import Plan
from macstate.found import Found
from macstate.types import Warned
from macstate.wishes import Wishes, place


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

    def entries(self, *sections: str) -> dict[str, Any]:
        """Give the spec's entries by their place in it, without those that are off: what they lack disturbs nobody."""
        return {
            place(name, entry): entry
            for name, entry in self.wishes.entries
            if entry.section in sections
            and not entry.is_off
            and not (self.wishes.only and place(name, entry) not in self.wishes.only)
        }
