"""Is this plan dangerous? Then it is refused, in a line that names the override for this one danger."""

from __future__ import annotations

from collections.abc import Iterator

from macstate.change import Plan
from macstate.errors import MacstateError
from macstate.facts import Node

OVERRIDES = {
    "takeover": "macstate did not make it and would change it",
    "userspace": "its tailscaled has userspace networking: every loopback port of this Mac is open to the tailnet",
    "cut-ssh": "it turns off the Tailscale SSH that this run may come through",
}


def dangers(plan: Plan, node: Node) -> Iterator[tuple[str, str]]:
    """Give (override, what it is about) of everything that nobody should do by accident."""
    if node.userspace:
        yield "userspace", "tailscale"
    for change in plan.changes:
        if change.foreign:
            yield "takeover", change.id
        if change.id == "tailscale/prefs" and any(field == "ssh" and wish is False for field, _, wish in change.fields):
            yield "cut-ssh", change.id


def check(plan: Plan, node: Node, allow: str) -> None:
    """Let a plan through, or not.

    Raises:
        MacstateError: it holds a danger that ``allow`` (names with commas between) does not name.
    """
    allowed = {name.strip() for name in allow.split(",")} - {""}
    if unknown := sorted(allowed - set(OVERRIDES)):
        raise MacstateError(f"allow={unknown[0]}: no such override; there are {', '.join(OVERRIDES)}")
    refused = [
        f"{about}: refused, {OVERRIDES[name]}; if that is meant, add `--data allow={name}`"
        for name, about in dangers(plan, node)
        if name not in allowed
    ]
    if refused:
        raise MacstateError("\n".join(refused))
