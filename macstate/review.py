"""What a person looks at before anything is done: one Mac as it is, the plan for it, and what stands against that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from macstate import guard, preflight, report
from macstate.change import Plan
from macstate.errors import MacstateError
from macstate.found import Found
from macstate.options import Options
from macstate.plan import plan
from macstate.preflight.finding import Finding
from macstate.printable import printable
from macstate.saved import Saved
from macstate.scope import Keys
from macstate.wishes import Wishes, stale


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
    options: Options = field(default_factory=Options)
    shared: frozenset[str] = frozenset()
    """What a run about some entries alone changes for others too."""
    left: tuple[str, ...] = ()
    """What a run about some entries alone leaves, though it is no longer in the spec."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know, and does not stop a run."""
        seen = (f"{each.about}: {each.text}" for each in self.findings if each.level == "warning")
        return (*self.wishes.warnings, *seen)

    def text(self, *, steps: bool, width: int | None = None) -> Iterator[str]:
        """Give the plan's lines."""
        if only := self.wishes.only:
            yield f"only {', '.join(only)} and what that needs: the rest was not looked at"
            if any(change.id in self.shared for change in self.plan.changes):
                yield "the gateway is one for all endpoints: what changes in it may be about others too"
            left = map(printable, self.left)
            yield from (f"{name} is no longer in the spec, and goes in a run without `--only`" for name in left)
        yield from report.text(self.name, self.plan, steps=steps, width=width, only=only)

    def check(self, saved: Saved | None = None) -> None:
        """Let the run through, or not.

        Raises:
            MacstateError: it is not the saved one, it is dangerous and nobody has said that this is meant, or something
                cannot work.
        """
        if saved:
            saved.check(self.name, self.plan, self.spec)
        serves = any(entry.section == "endpoints" for _, entry in self.wishes.entries)
        guard.check(self.plan, self.found.facts.node, self.options.allow, serves=serves)
        if errors := [
            *self.plan.against,
            *(f"{each.about}: {each.text}" for each in self.findings if each.level == "error"),
        ]:
            raise MacstateError(*errors)


def planned(wishes: Wishes, found: Found, keys: Keys, *, adopt: bool = False) -> Plan:
    """Plan for what the run is about."""
    wished = wishes.expand(found.facts, keys)
    return plan(wished, found, wishes.about(wished, found, keys), adopt=adopt)


def review(name: str, wishes: Wishes, found: Found, keys: Keys, *, adopt: bool = False) -> Review:
    """Plan for a Mac as it was found; with ``adopt``, what is as wished is recorded as ours.

    Raises:
        MacstateError: what is wished cannot be said of this Mac.
    """
    todo = planned(wishes, found, keys, adopt=adopt)
    findings = tuple(preflight.findings(wishes, found, todo))
    seen = Review(name, wishes, found, keys, todo, findings)
    if not wishes.only:
        return seen
    if others := guard.others(todo, wishes.only):
        why = f"what the gateway does for {', '.join(others)} changes too, and their servers would stay as they are"
        raise MacstateError(f"only={','.join(wishes.only)}: {why}; add these, or leave `--only` out")
    shared = wishes.ids(wishes.needed, found.facts, keys)
    gone = {change.id for change in todo.changes}
    left = tuple(each for each in stale(wishes.expand(found.facts, keys), found) if each not in gone)
    return replace(seen, shared=shared, left=left)
