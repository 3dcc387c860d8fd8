"""Does a loopback port change hands in a run? Then whatever leads to it leads to somebody else for a while."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from macstate.kinds.file import File
from macstate.kinds.launchd import Launchd, claims

if TYPE_CHECKING:
    from macstate.kernel.change import Change, Plan
    from macstate.kernel.resource import Actual


def changes_hands(changes: Sequence[Change], actual: Actual) -> bool:
    """Say whether a server takes a port that another one has, or that something leads to.

    The gateway's doors are read from the first lines of its configuration; where it has none, or an older one, all of
    them are new.
    """
    taken = _doors(changes)
    for change in changes:
        if isinstance(change.want, Launchd) and not change.want.config_digest:
            taken |= {*change.want.ports, *claims(change.want)} - _had(change, actual)
    return any(_is_known(port, changes, actual) for port in taken)


def stranded(todo: Plan, actual: Actual) -> set[str]:
    """Return the ids of routes of ours that are left though no job of ours keeps the port that they lead to."""
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
    """Return the ports at which the gateway has another door than before."""
    files = [change for change in changes if isinstance(change.want or change.have, File)]
    before = {door for change in files for door in _listed(change.have)}
    return {int(port) for change in files for name, port in _listed(change.want) if (name, port) not in before}


def _listed(file: object) -> list[tuple[str, str]]:
    return re.findall(r"^# door: (\S+) (\d+)$", getattr(file, "content", None) or "", re.MULTILINE)


def _had(change: Change, actual: Actual) -> set[int]:
    """Return the ports that a job had already."""
    have, want = change.have, change.want
    if not isinstance(have, Launchd) or not isinstance(want, Launchd):
        return set()
    if have.file == want.file:
        return {*want.ports, *claims(want)}
    return had(have, actual)


def had(have: Launchd, actual: Actual) -> set[int]:
    """Return the ports of a job as it was found."""
    here = {each.port for each in actual.facts.machine.listeners if have.pid in {each.pid, each.group}}
    return claims(have) | (here if have.pid is not None else set())


def _is_known(port: int, changes: Sequence[Change], actual: Actual) -> bool:
    """Say whether somebody listens there now, or something that was found names it."""
    named = re.compile(rf"(?<!\d){port}(?!\d)")
    texts = [str(getattr(have, "target", None) or "") for have in actual.resources.values()]
    texts += [change.have.content or "" for change in changes if isinstance(change.have, File)]
    return bool(actual.facts.machine.at(port)) or any(named.search(text) for text in texts)
