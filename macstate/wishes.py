"""What one Mac shall be, before its facts are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from macstate.errors import MacstateError
from macstate.facts import Facts
from macstate.model import ENTRIES, alone, chosen
from macstate.resource import Entry, Resource
from macstate.scope import Keys, Scope, no_keys


@dataclass(frozen=True)
class Wishes:
    """What one Mac shall be, before its facts are known."""

    entries: tuple[tuple[str, Entry], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def lists(self) -> tuple[tuple[str, str], ...]:
        """What the probe is to look at."""
        return tuple(pair for name, entry in self.entries for pair in entry.lists(name))

    def expand(self, facts: Facts, key: Keys = no_keys) -> Mapping[str, Resource]:
        """Give the resources by id.

        Raises:
            MacstateError: the Mac lacks what an entry stands on, or two entries make the same thing.
        """
        resources: dict[str, Resource] = {}
        problems: list[str] = []
        scope = Scope(facts, self.entries, key)
        for name, entry in self.entries:
            try:
                for resource in entry.expand(name, scope):
                    if resource.id in resources:
                        again = f"the second time by {entry.section}.{name}"
                        problems.append(f"{resource.id} is declared twice, {again}; keep one")
                    resources[resource.id] = resource
            except MacstateError as error:
                problems.append(error.message)
        if problems:
            raise MacstateError("\n".join(dict.fromkeys(problems)))
        return resources


def entries(root: Any, mac: Any) -> Iterator[tuple[str, Entry]]:
    """Give (name, entry) of all that goes to a Mac."""
    for entry in ENTRIES:
        if entry.named:
            yield from chosen(root, mac, entry.section).items()
        elif single := alone(root, mac, entry.section):
            yield entry.section, single
