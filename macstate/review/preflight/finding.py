"""What the checks before a run look at, and their findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from macstate.kernel.change import Plan
from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Actual
from macstate.language.types import Warned
from macstate.spec.declared import Declared, location

D = TypeVar("D", bound=Declaration)


@dataclass(frozen=True)
class Finding:
    """The result of looking at one thing."""

    about: str
    text: str
    level: str = "ok"
    """``ok``, ``note`` (the plan tells it, too), ``accepted``, ``warning``, or ``error`` (it cannot be done now)."""
    name: Warned | None = None
    """The name of a warning, by which `accept` in the spec silences it."""

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


@dataclass(frozen=True)
class Flight:
    """What a rule looks at."""

    declared: Declared
    actual: Actual
    plan: Plan

    def all(self, kind: type[D]) -> dict[str, D]:
        """Return the entries of a kind for this run by their place in the spec, without those that are off."""
        return {
            location(name, entry): entry
            for name, entry in self.declared.entries
            if isinstance(entry, kind)
            and not entry.is_off
            and not (self.declared.only and location(name, entry) not in self.declared.only)
        }
