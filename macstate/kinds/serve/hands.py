"""Does a loopback port change hands in a run? Then whatever leads to it leads to somebody else for a while."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from macstate.kinds.file import File
from macstate.kinds.launchd import Launchd, claims

if TYPE_CHECKING:
    from macstate.kernel.change import Change, Plan
    from macstate.kernel.resource import Found


def changes_hands(changes: Sequence[Change], found: Found) -> bool:
    """Say whether a server takes a port that another one has, or that something leads to.

    The gateway's doors are read from the first lines of its configuration; where it has none, or an older one, all of
    them are new.
    """
    taken = _doors(changes)
    for change in changes:
        if isinstance(change.wish, Launchd) and not change.wish.config_digest:
            taken |= {*change.wish.ports, *claims(change.wish)} - _had(change, found)
    return any(_is_known(port, changes, found) for port in taken)


def stranded(todo: Plan, found: Found) -> set[str]:
    """Give the ids of routes of ours that are left though no job of ours keeps the port that they lead to."""
    changes = {change.id: change for change in todo.changes}
    kept: set[int] = set()
    for was in found.resources.values():
        if isinstance(was, Launchd) and was.id in found.record.lines:
            ports, change = had(was, found), changes.get(was.id)
            if change:
                wish = change.wish
                ports &= {*wish.ports, *claims(wish)} if isinstance(wish, Launchd) else set()
            kept |= ports
    routes = ((each, found.resources.get(each)) for each in found.record.lines.keys() & todo.left.keys())
    return {
        each
        for each, route in routes
        if route and each.startswith("serve/") and getattr(route, "loopback_port", None) not in kept
    }


def _doors(changes: Sequence[Change]) -> set[int]:
    """Give the ports at which the gateway has another door than before."""
    files = [change for change in changes if isinstance(change.wish or change.was, File)]
    before = {door for change in files for door in _listed(change.was)}
    return {int(port) for change in files for name, port in _listed(change.wish) if (name, port) not in before}


def _listed(file: object) -> list[tuple[str, str]]:
    return re.findall(r"^# door: (\S+) (\d+)$", getattr(file, "content", None) or "", re.MULTILINE)


def _had(change: Change, found: Found) -> set[int]:
    """Give the ports that a job had already."""
    was, wish = change.was, change.wish
    if not isinstance(was, Launchd) or not isinstance(wish, Launchd):
        return set()
    if was.file == wish.file:
        return {*wish.ports, *claims(wish)}
    return had(was, found)


def had(was: Launchd, found: Found) -> set[int]:
    """Give the ports of a job as it was found."""
    here = {each.port for each in found.facts.machine.listeners if was.pid in {each.pid, each.group}}
    return claims(was) | (here if was.pid is not None else set())


def _is_known(port: int, changes: Sequence[Change], found: Found) -> bool:
    """Say whether somebody listens there now, or something that was found names it."""
    named = re.compile(rf"(?<!\d){port}(?!\d)")
    texts = [str(getattr(was, "target", None) or "") for was in found.resources.values()]
    texts += [change.was.content or "" for change in changes if isinstance(change.was, File)]
    return bool(found.facts.machine.at(port)) or any(named.search(text) for text in texts)
