"""Refuse a dangerous plan, with a line for each danger that names its override."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from macstate.errors import MacstateError
from macstate.gateway.changes import gone_off, unlocked
from macstate.kernel.change import Plan
from macstate.kinds import KINDS
from macstate.kinds.launchd import Launchd
from macstate.language.facts import Node

OVERRIDES = {
    "takeover": "macstate did not make it and would change it",
    "userspace": "its tailscaled has userspace networking: every loopback port of this Mac is open to the tailnet",
    "lose-key": "it asks for a key now, and would stop asking",
    "removal": "a slip in the spec would do the same",
    "new-key": "this Mac has a key that this laptop lacks, and making a new one locks out whoever uses it",
    "adopt": "it is as the spec wishes, and would go with its entry from now on",
    **{name: why for kind in KINDS for name, why in kind.overrides.items()},
}
"""Each override, and why a run is refused without it; those of a kind stand with the kind."""
SHARE, FEW = 1 / 3, 10
"""A run that removes more than this share of all objects is no everyday change; of fewer than ``FEW``, one is many."""


def named(allow: str) -> set[str]:
    """Return the overrides of a text that separates them by commas."""
    return {name.strip() for name in allow.split(",")} - {""}


def dangers(plan: Plan, node: Node, *, serves: bool = True) -> Iterator[tuple[str, str]]:
    """Yield (override, what it is about) for each danger of a plan.

    ``serves`` is whether the spec still has an endpoint for this Mac.
    """
    if node.userspace:
        yield "userspace", "tailscale"
    for change in plan.changes:
        if change.foreign:
            yield "takeover", change.id
        if change.want:
            yield from ((name, change.id) for name in change.want.dangers(change.have))
    yield from (("lose-key", route) for route in unlocked(plan))
    ours = [each for each in plan.changes if each.action == "remove" and each.have and not each.foreign]
    off = set(gone_off(plan, ours))
    removed = Counter(each.kind.kind for each in ours if not each.kind.laptop and each.id not in off)
    renamed = Counter(each.kind.kind for each in plan.changes if each.action == "create")
    gone = (removed - renamed).total()
    last = not serves and (removed - renamed)[Launchd.kind] > 0
    if (plan.owned >= FEW and gone > plan.owned * SHARE) or last:
        count = sum(each.action == "remove" and not each.foreign for each in plan.changes)  # as the plan counts
        why = "with this Mac's last endpoint" if last else "more than a third of what macstate has made on this Mac"
        yield "removal", f"removing {count} of {plan.owned} object{'s' * (plan.owned != 1)}, {why}"


def check(plan: Plan, node: Node, allow: str, *, serves: bool = True) -> None:
    """Refuse a plan with a danger that is not allowed.

    Raises:
        MacstateError: ``allow`` (overrides, separated by commas) lacks the override of a danger, or has an unknown one.
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
