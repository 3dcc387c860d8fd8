"""Does a loopback port change hands in a run? Then a route to it leads to somebody else's server for a while."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from macstate.kinds.file import File, text_of
from macstate.kinds.launchd import Launchd, claims

if TYPE_CHECKING:
    from macstate.kernel.change import Change, Plan
    from macstate.kernel.resource import Actual, Resource


def changes_hands(changes: Sequence[Change], actual: Actual) -> bool:
    """Return whether a server takes a port that another one has, or to which something leads.

    The gateway's doors are read from the first lines of its configuration; without such lines, or with older ones, all
    doors count as new.
    """
    taken = _doors(changes)
    for change in changes:
        if isinstance(change.want, Launchd) and not change.want.config_digest:
            taken |= {*change.want.ports, *claims(change.want)} - _had(change, actual)
    return any(_is_known(port, changes, actual) for port in taken)


def stranded(todo: Plan, actual: Actual) -> set[str]:
    """Return the ids of recorded routes that are left although no recorded job keeps the port to which they lead."""
    changes = {change.id: change for change in todo.changes}
    kept: set[int] = set()
    for have in actual.resources.values():
        if isinstance(have, Launchd) and have.id in actual.record.lines:
            ports, change = had(have, actual), changes.get(have.id)
            if change:
                want = change.want
                ports &= {*want.ports, *claims(want)} if isinstance(want, Launchd) else set()
            kept |= ports
    routes = ((each, actual.resources.get(each)) for each in actual.record.lines.keys() & todo.left.keys())
    return {
        each
        for each, route in routes
        if route and each.startswith("serve/") and getattr(route, "loopback_port", None) not in kept
    }


def _doors(changes: Sequence[Change]) -> set[int]:
    """Return the ports at which the gateway gets another door than before."""
    files = [change for change in changes if isinstance(change.want or change.have, File)]
    before = {door for change in files for door in _listed(change.have)}
    return {int(port) for change in files for name, port in _listed(change.want) if (name, port) not in before}


def _listed(file: Resource | None) -> list[tuple[str, str]]:
    return re.findall(r"^# door: (\S+) (\d+)$", text_of(file), re.MULTILINE)


def _had(change: Change, actual: Actual) -> set[int]:
    """Return the ports that the job of a change has already."""
    have, want = change.have, change.want
    if not isinstance(have, Launchd) or not isinstance(want, Launchd):
        return set()
    if have.file == want.file:
        return {*want.ports, *claims(want)}
    return had(have, actual)


def had(have: Launchd, actual: Actual) -> set[int]:
    """Return the ports of an actual job: those that it names, and those on which its process listens."""
    here = {each.port for each in actual.facts.machine.listeners if have.pid in {each.pid, each.group}}
    return claims(have) | (here if have.pid is not None else set())


def _is_known(port: int, changes: Sequence[Change], actual: Actual) -> bool:
    """Return whether somebody listens on a port now, or an actual resource names it."""
    named = re.compile(rf"(?<!\d){port}(?!\d)")
    texts = [str(getattr(have, "target", None) or "") for have in actual.resources.values()]
    texts += [text_of(change.have) for change in changes]
    return bool(actual.facts.machine.at(port)) or any(named.search(text) for text in texts)
