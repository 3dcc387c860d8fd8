"""Is this plan dangerous? Then it is refused, in a line that names the override for this one danger."""

from __future__ import annotations

from collections.abc import Iterator

from macstate.change import Change, Plan
from macstate.errors import MacstateError

OVERRIDES = {
    "takeover": "macstate did not make it and would change it",
    "cut-ssh": "it turns off the Tailscale SSH that this run may come through",
}


def dangers(plan: Plan) -> Iterator[tuple[str, Change]]:
    """Give (override, change) of everything that nobody should do by accident."""
    for change in plan.changes:
        if change.foreign:
            yield "takeover", change
        if change.id == "tailscale/prefs" and any(field == "ssh" and wish is False for field, _, wish in change.fields):
            yield "cut-ssh", change


def check(plan: Plan, allow: str) -> None:
    """Let a plan through, or not.

    Raises:
        MacstateError: it holds a danger that ``allow`` (names with commas between) does not name.
    """
    allowed = {name.strip() for name in allow.split(",")} - {""}
    if unknown := sorted(allowed - set(OVERRIDES)):
        raise MacstateError(f"allow={unknown[0]}: no such override; there are {', '.join(OVERRIDES)}")
    refused = [(name, change) for name, change in dangers(plan) if name not in allowed]
    if refused:
        raise MacstateError(
            "\n".join(
                f"{change.id}: refused, {OVERRIDES[name]}; if that is meant, add `--data allow={name}`"
                for name, change in refused
            )
        )
