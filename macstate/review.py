"""What a person looks at before anything is done: one Mac as it is, the plan for it, and what stands against that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from macstate import guard, preflight, report
from macstate.change import Plan
from macstate.errors import MacstateError
from macstate.flight import Finding
from macstate.found import Found
from macstate.plan import plan
from macstate.scope import Keys
from macstate.wishes import Wishes


@dataclass(frozen=True)
class Review:
    """One Mac before a run."""

    name: str
    wishes: Wishes
    found: Found
    keys: Keys
    plan: Plan
    findings: tuple[Finding, ...]
    spec: str = ""
    """SHA-256 of the spec's text."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know, and does not stop a run."""
        seen = (f"{each.about}: {each.text}" for each in self.findings if each.level == "warning")
        return (*self.wishes.warnings, *seen)

    def text(self, *, steps: bool, width: int | None = None) -> Iterator[str]:
        """Give the plan's lines."""
        if self.wishes.only:
            yield f"only {', '.join(self.wishes.only)} and what that needs: the rest was not looked at"
        yield from report.text(self.name, self.plan, steps=steps, width=width)

    def check(self, allow: str) -> None:
        """Let the run through, or not.

        Raises:
            MacstateError: the plan is dangerous and ``allow`` does not name that, or something cannot work.
        """
        serves = any(entry.section == "endpoints" for _, entry in self.wishes.entries)
        guard.check(self.plan, self.found.facts.node, allow, serves=serves)
        if errors := [f"{each.about}: {each.text}" for each in self.findings if each.level == "error"]:
            raise MacstateError("\n".join(errors))


def planned(wishes: Wishes, found: Found, keys: Keys) -> Plan:
    """Plan for what the run is about."""
    return plan(wishes.expand(found.facts, keys), found, wishes.about(found.facts, keys))


def review(name: str, wishes: Wishes, found: Found, keys: Keys, spec: str = "") -> Review:
    """Plan for a Mac as it was found.

    Raises:
        MacstateError: what is wished cannot be said of this Mac.
    """
    todo = planned(wishes, found, keys)
    return Review(name, wishes, found, keys, todo, tuple(preflight.findings(wishes, found, todo, time.time())), spec)
