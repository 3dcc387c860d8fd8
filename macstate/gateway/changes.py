"""What the changes of a plan mean for those whom the gateway serves, by its configuration before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from macstate.gateway.heads import heads
from macstate.kernel.change import Change, Plan
from macstate.kernel.resource import Resource
from macstate.kinds.launchd import Launchd
from macstate.kinds.serve import Serve


def gone_off(plan: Plan, removed: Sequence[Change]) -> Iterator[str]:
    """Yield the ids of the routes that go since what they lead to is off: to type true brings them back.

    With the last one goes the gateway's own page, to which no route of an endpoint leads.
    """
    off = {port for each in plan.changes if isinstance(each.want, Launchd) for port in each.want.freed}
    before = heads(*(_content(change.have) for change in plan.changes))
    doors = {int(port) for port in before.doors.values()}
    ports = {f"serve/{route}": behind.port for (_, route), behind in before.routes.items()}
    for change in removed:
        if off and isinstance(change.have, Serve):
            port = change.have.loopback_port
            behind = ports.get(change.id) if port in doors else port
            if behind is None or behind in off:
                yield change.id


def unlocked(plan: Plan) -> Iterator[str]:
    """Yield the routes that wanted a key by the gateway's configurations as they were, and will not.

    A route that is left as it is leads to the same door as before, behind which there is nothing for it now.
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
    return re.findall(r"^# route: (\S+ \S+) (key|open)$", _content(config), re.MULTILINE)


def others(plan: Plan, only: tuple[str, ...]) -> list[str]:
    """Return the endpoints that a run is not about, and for which a gateway that is there would do something else."""
    servers = re.compile(r"^# server: (\S+ \S+ (\S+) .*)$", re.MULTILINE)
    found: set[str] = set()
    for change in plan.changes:
        before, after = (set(servers.findall(_content(each))) for each in (change.have, change.want))
        found |= {f"endpoints.{name}" for _, name in before ^ after if change.have}
    return sorted(found - set(only))


def _content(config: Resource | None) -> str:
    text = getattr(config, "content", None)
    return text if isinstance(text, str) else ""


def _place(route: str) -> str:
    """Return port and mount of a route behind whichever door."""
    return route.partition(" ")[2]
