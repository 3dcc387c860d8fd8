"""What the spec declares for one machine, before the machine's facts are known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches

from macstate.endpoint.entry import Endpoint
from macstate.errors import MacstateError
from macstate.gateway.entry import Gateway
from macstate.kernel.declaration import Declaration
from macstate.kernel.record import SETTING
from macstate.kernel.resource import Actual, Resource, digest
from macstate.kinds.serve import Serve
from macstate.language.facts import Facts
from macstate.language.scope import Entries, Keys, MacView, Scope, no_keys


@dataclass(frozen=True)
class Declared(Entries):
    """The declared entries of one machine, before its facts are known."""

    entries: tuple[tuple[str, Declaration], ...] = ()
    warnings: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """The places in the spec of the entries that a run is limited to; empty: all."""
    macs: tuple[MacView, ...] = ()
    """The Mac itself; for the laptop, all Macs."""
    laptop: bool = False
    """Whether the machine is this laptop."""
    elsewhere: frozenset[str] = frozenset()
    """Places in the spec that belong to another machine."""
    accept: tuple[str, ...] = ()
    """The names of the accepted warnings."""
    closed: frozenset[str] = frozenset()
    """Places in the spec to which the gateway does not lead at the moment."""
    later: frozenset[str] = frozenset()
    """The ids of resources that wait for work in the background."""

    def narrowed(self, only: Iterable[str]) -> Declared:
        """Return this, limited to some entries and what they need.

        Raises:
            MacstateError: the spec does not have one of the entries.
        """
        places = {location(name, entry) for name, entry in self.entries} | self.elsewhere
        for each in (wanted := tuple(only)):
            if each not in places:
                near = get_close_matches(each, places, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(places))}"
                raise MacstateError(f"only={each}: the spec has no such entry for this Mac; {hint}")
        return replace(self, only=wanted)

    def about(self, desired: Mapping[str, Resource], actual: Actual, key: Keys = no_keys) -> frozenset[str] | None:
        """Return the ids that the run is about; None: all.

        They include what the chosen entries have left behind, as far as that can be seen.
        """
        if not self.only:
            return None
        places = (*self.only, *self.needed)
        chosen = [pair for pair in self.entries if location(*pair) in places]
        behind = (each for each in stale(desired, actual) if any(made_for(*pair, each, actual) for pair in chosen))
        return self.ids(places, actual.facts, key).union(behind)

    @property
    def needed(self) -> tuple[str, ...]:
        """The places of entries that the chosen ones need and others share."""
        needs = any(each.startswith("endpoints.") for each in self.only) and "gateway" not in self.only
        return ("gateway",) if needs else ()

    def ids(self, places: Iterable[str], facts: Facts, key: Keys = no_keys) -> frozenset[str]:
        """Return the ids of the resources of some entries."""
        scope = self.scope(facts, key)
        found: set[str] = set()
        for name, entry in self.entries:
            if location(name, entry) in places:
                with suppress(MacstateError):  # what the Mac lacks is reported when all entries are expanded
                    found.update(resource.id for resource in entry.expand(name, scope))
        return frozenset(found)

    def scope(self, facts: Facts, key: Keys = no_keys) -> Scope:
        """Return the scope to expand the entries with."""
        return Scope(self.entries, facts, key, self.macs, self.closed, self.later)

    @property
    def lists(self) -> tuple[tuple[str, str], ...]:
        """What the probe shall read, as (kind, value)."""
        return tuple(pair for name, entry in self.entries for pair in entry.lists(name))

    def expand(self, facts: Facts, key: Keys = no_keys) -> Mapping[str, Resource]:
        """Return the resources by id.

        Raises:
            MacstateError: the Mac lacks something that an entry needs, or two entries make the same thing.
        """
        resources, lacking = self.expanded(facts, key)
        if lacking:
            raise MacstateError(*dict.fromkeys(lacking.values()))
        return resources

    def expanded(self, facts: Facts, key: Keys = no_keys) -> tuple[Mapping[str, Resource], dict[str, str]]:
        """Return the resources by id, and what the Mac lacks for further ones, by the place of the entry in the spec.

        Raises:
            MacstateError: two entries make the same thing.
        """
        resources: dict[str, Resource] = {}
        lacking: dict[str, str] = {}
        twice: list[str] = []
        scope = self.scope(facts, key)
        for name, entry in self.entries:
            try:
                for resource in entry.expand(name, scope):
                    if resources.get(resource.id, resource) != resource:  # equal resources do not conflict
                        again = f"the second time by {entry.section}.{name}"
                        twice.append(f"{resource.id} is declared twice, {again}; keep one")
                    resources[resource.id] = resource
            except MacstateError as error:
                lacking[location(name, entry)] = "; ".join(error.lines)
        if twice:
            raise MacstateError(*dict.fromkeys(twice))
        return resources, lacking

    @property
    def digest(self) -> str:
        """SHA-256 of the entries, without comments, and whatever the spec has for other machines."""
        told = [[name, entry.section, entry.model_dump_json()] for name, entry in self.entries]
        return digest(json.dumps(told).encode())

    def texts(self, facts: Facts) -> dict[str, str]:
        """Return the contents of the files that the spec makes of these facts, by digest, as far as there are any."""
        with suppress(MacstateError):  # told when all is expanded for the plan
            contents = (each for want in self.expanded(facts)[0].values() for each in want.contents)
            return {digest(each): each.decode("utf-8", "surrogateescape") for each in contents}
        return {}


def stale(desired: Mapping[str, Resource], actual: Actual) -> list[str]:
    """Return the ids of what macstate has made and the spec no longer declares."""
    lines = actual.record.lines.items()
    return sorted(name for name, line in lines if line.state != SETTING and name not in desired)


def made_for(name: str, entry: Declaration, identifier: str, actual: Actual) -> bool:
    """Return whether something of ours was made for an entry, as far as its id or its loopback port shows that."""
    have = actual.resources.get(identifier)
    if isinstance(have, Serve) or identifier.startswith(f"{Serve.kind}/"):
        port, https = have.loopback_port if isinstance(have, Serve) else None, re.match(r"serve/(\d+)/", identifier)
        return bool(isinstance(entry, Endpoint | Gateway) and port and https and entry.leads_here(port, int(https[1])))
    return isinstance(entry, Endpoint) and entry.made(name, identifier)


def location(name: str, entry: Declaration) -> str:
    """Return the place of an entry in the spec."""
    return f"{entry.section}.{name}" if entry.named else name
