"""Is this plan dangerous? Then it is refused, in a line that names the override for this one danger."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from macstate.change import Change, Plan
from macstate.errors import MacstateError
from macstate.facts import Node
from macstate.resource import Resource
from macstate.resources.launchd import Launchd
from macstate.resources.serve import Serve
from macstate.services.heads import heads

OVERRIDES = {
    "takeover": "macstate did not make it and would change it",
    "userspace": "its tailscaled has userspace networking: every loopback port of this Mac is open to the tailnet",
    "cut-ssh": "it turns off the Tailscale SSH that this run may come through",
    "lose-key": "it asks for a key now, and would stop asking",
    "removal": "a slip in the spec would do the same",
    "new-key": "this Mac has a key that this laptop lacks, and making a new one locks out whoever uses it",
    "adopt": "it is as the spec wishes, and would go with its entry from now on",
    "firewall-off": "the firewall would be turned off",
}
SHARE, FEW = 1 / 3, 10
"""More than this of all objects going at once is nobody's everyday change; of fewer than that, one is a large share."""


def named(allow: str) -> set[str]:
    """Give the overrides that were typed, with commas between."""
    return {name.strip() for name in allow.split(",")} - {""}


def dangers(plan: Plan, node: Node, *, serves: bool = True) -> Iterator[tuple[str, str]]:
    """Give (override, what it is about) of everything that nobody should do by accident.

    ``serves``: whether the spec still has an endpoint for this Mac.
    """
    if node.userspace:
        yield "userspace", "tailscale"
    for change in plan.changes:
        if change.foreign:
            yield "takeover", change.id
        if _turns_off(change, "tailscale/prefs", "ssh"):
            yield "cut-ssh", change.id
        if _turns_off(change, "firewall/state", "enabled"):
            yield "firewall-off", change.id
    yield from (("lose-key", route) for route in _unlocked(plan))
    ours = [each for each in plan.changes if each.action == "remove" and each.was and not each.foreign]
    off = set(_go_off(plan, ours))
    removed = Counter(each.kind.kind for each in ours if not each.kind.laptop and each.id not in off)
    renamed = Counter(each.kind.kind for each in plan.changes if each.action == "create")
    gone = (removed - renamed).total()
    last = not serves and (removed - renamed)["launchd"] > 0
    if (plan.owned >= FEW and gone > plan.owned * SHARE) or last:
        count = sum(each.action == "remove" and not each.foreign for each in plan.changes)  # as the plan counts
        why = "with this Mac's last endpoint" if last else "more than a third of what macstate has made on this Mac"
        yield "removal", f"removing {count} of {plan.owned} object{'s' * (plan.owned != 1)}, {why}"


def _turns_off(change: Change, identifier: str, field: str) -> bool:
    return change.id == identifier and any(name == field and wish is False for name, _, wish in change.fields)


def _go_off(plan: Plan, removed: Sequence[Change]) -> Iterator[str]:
    """Give the routes that go since what they lead to is off: the spec says so, and to type true brings them back.

    With the last one goes the gateway's own page, to which no route of an endpoint leads.
    """
    off = {port for each in plan.changes if isinstance(each.wish, Launchd) for port in each.wish.freed}
    before = heads(*(_content(change.was) for change in plan.changes))
    doors = {int(port) for port in before.doors.values()}
    ports = {f"serve/{route}": behind.port for (_, route), behind in before.routes.items()}
    for change in removed:
        if off and isinstance(change.was, Serve):
            port = change.was.loopback_port
            behind = ports.get(change.id) if port in doors else port
            if behind is None or behind in off:
                yield change.id


def _unlocked(plan: Plan) -> Iterator[str]:
    """Give the routes that wanted a key by the gateway's configurations as they were, and will not.

    A route that is left as it is leads to the same door as before, behind which there is nothing for it now.
    """
    gone = {change.id for change in plan.changes if change.action == "remove"}
    before = {route for change in plan.changes for route, word in _routes(change.was) if word == "key"}
    after = {pair for wish in (*plan.stays, *(change.wish for change in plan.changes)) for pair in _routes(wish)}
    gated = {_place(route) for route, _ in after}
    for route in sorted(before):
        past_the_gateway = _place(route) not in gated and f"serve/{_place(route)}" not in gone | plan.left.keys()
        if (route, "open") in after or past_the_gateway:
            yield f"route {route}"


def _routes(config: Resource | None) -> list[tuple[str, str]]:
    return re.findall(r"^# route: (\S+ \S+) (key|open)$", _content(config), re.MULTILINE)


def others(plan: Plan, only: tuple[str, ...]) -> list[str]:
    """Give the endpoints that a run is not about, and for which a gateway that is there would do something else."""
    servers = re.compile(r"^# server: (\S+ \S+ (\S+) .*)$", re.MULTILINE)
    found: set[str] = set()
    for change in plan.changes:
        before, after = (set(servers.findall(_content(each))) for each in (change.was, change.wish))
        found |= {f"endpoints.{name}" for _, name in before ^ after if change.was}
    return sorted(found - set(only))


def _content(config: Resource | None) -> str:
    text = getattr(config, "content", None)
    return text if isinstance(text, str) else ""


def _place(route: str) -> str:
    """Give port and mount of a route behind whichever door."""
    return route.partition(" ")[2]


def check(plan: Plan, node: Node, allow: str, *, serves: bool = True) -> None:
    """Let a plan through, or not.

    Raises:
        MacstateError: it holds a danger that ``allow`` (names with commas between) does not name.
    """
    allowed = named(allow)
    if unknown := sorted(allowed - set(OVERRIDES)):
        raise MacstateError(f"allow={unknown[0]}: no such override; there are {', '.join(OVERRIDES)}")
    refused = [
        f"{about}: refused, {OVERRIDES[name]}; if that is meant, add `--data allow={name}`"
        for name, about in dangers(plan, node, serves=serves)
        if name not in allowed
    ]
    if refused:
        raise MacstateError(*refused)
