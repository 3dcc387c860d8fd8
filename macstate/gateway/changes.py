"""What a plan's changes mean for the gateway's clients, read from its configuration before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from macstate.gateway.heads import heads
from macstate.kernel.change import Change, Plan
from macstate.kernel.resource import Resource
from macstate.kinds.file import text_of
from macstate.kinds.launchd import Launchd
from macstate.kinds.serve import Serve


def gone_off(plan: Plan, removed: Sequence[Change]) -> Iterator[str]:
    """Yield the ids of the routes that go because their endpoint is switched off; `enabled: true` brings them back.

    With the last of them goes the route to the gateway's own page, which belongs to no endpoint.
    """
    off = {port for each in plan.changes if isinstance(each.want, Launchd) for port in each.want.freed}
    before = heads(*(text_of(change.have) for change in plan.changes))
    doors = {int(port) for port in before.doors.values()}
    ports = {f"serve/{route}": behind.port for (_, route), behind in before.routes.items()}
    for change in removed:
        if off and isinstance(change.have, Serve):
            port = change.have.loopback_port
            behind = ports.get(change.id) if port in doors else port
            if behind is None or behind in off:
                yield change.id


def unlocked(plan: Plan) -> Iterator[str]:
    """Yield the routes that want a key by the actual configurations of the gateway, and will not want one.

    A route that is left as it is does not count: it leads to the same door as before, which has nothing for it now.
    """
    gone = {change.id for change in plan.changes if change.action == "remove"}
    before = {route for change in plan.changes for route, word in _routes(change.have) if word == "key"}
    after = {pair for want in (*plan.stays, *(change.want for change in plan.changes)) for pair in _routes(want)}
    gated = {_place(route) for route, _ in after}
    for route in sorted(before):
        past_the_gateway = _place(route) not in gated and f"serve/{_place(route)}" not in gone | plan.left.keys()
        if (route, "open") in after or past_the_gateway:
            yield f"route {route}"


def _routes(config: Resource | None) -> list[tuple[str, str]]:
    return re.findall(r"^# route: (\S+ \S+) (key|open)$", text_of(config), re.MULTILINE)


def others(plan: Plan, only: tuple[str, ...]) -> list[str]:
    """Return the endpoints for which an actual gateway would change although the run is not about them."""
    servers = re.compile(r"^# server: (\S+ \S+ (\S+) .*)$", re.MULTILINE)
    found: set[str] = set()
    for change in plan.changes:
        before, after = (set(servers.findall(text_of(each))) for each in (change.have, change.want))
        found |= {f"endpoints.{name}" for _, name in before ^ after if change.have}
    return sorted(found - set(only))


def _place(route: str) -> str:
    """Return a route's HTTPS port and mount, without its door."""
    return route.partition(" ")[2]
