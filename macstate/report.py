"""A plan as text and as JSON. The closing line is a promise that scripts rely on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from macstate.change import SIGNS, Change, Plan
from macstate.resource import Resource

COLOURS = {"create": "green", "update": "yellow", "remove": "red"}
FORMAT_VERSION = "1.0"
HIDDEN = "(secret)"


def text(name: str, plan: Plan, *, steps: bool = False) -> Iterator[str]:
    """Give the lines of one Mac's plan; what becomes reachable from the internet stands first and apart."""
    public = [change for change in plan.changes if getattr(change.wish, "funnel", False)]
    yield from (f"! {change.id} answers the internet, and asks it for a key" for change in public)
    yield from [""] * bool(public)
    for batch in plan.batches:
        for change in batch.changes:
            yield click.style(f"{SIGNS[change.action]} {change.id}", fg=COLOURS[change.action]) + _reason(change)
            yield from (f"    {line}" for line in _lines(change))
        if steps:
            yield from (f"    {step}" for step in batch.steps)
    for identifier, remark in plan.unmanaged:
        yield f"unmanaged: {identifier}" + (f" ({remark})" if remark else "")
    yield summary(name, plan)


def summary(name: str, plan: Plan) -> str:
    """Give the closing line."""
    if not plan.changes:
        return f"No changes. {name} matches the spec."
    add, change, remove = (
        sum(each.action == action for each in plan.changes) for action in ("create", "update", "remove")
    )
    return f"Plan: {add} to add, {change} to change, {remove} to remove."


def as_json(plans: Mapping[str, Plan]) -> str:
    """Give the plans of all Macs as one JSON document."""
    hosts = {name: _host(plan) for name, plan in sorted(plans.items())}
    return json.dumps({"format_version": FORMAT_VERSION, "hosts": hosts}, indent=2, ensure_ascii=False)


def _host(plan: Plan) -> dict[str, Any]:
    changes = [
        {
            "id": change.id,
            "action": change.action,
            "before": _fields(change.was),
            "after": _fields(change.wish),
            "sensitive": list(change.kind.sensitive),
            "steps": [str(step) for step in batch.steps],
        }
        for batch in plan.batches
        for change in batch.changes
    ]
    return {"changes": changes, "unmanaged": [identifier for identifier, _ in plan.unmanaged]}


def _fields(resource: Resource | None) -> dict[str, Any] | None:
    if resource is None:
        return None
    return {name: HIDDEN if name in resource.sensitive else value for name, value in resource.managed.items()}


def _lines(change: Change) -> Iterator[str]:
    for field, was, wish in _differences(change):
        if field in change.kind.sensitive:
            yield f"{field}: (secret, {'changed' if change.action == 'update' else 'new'})"
        else:
            yield f"{field}: {_shown(was)} -> {_shown(wish)}"
    for field in change.kind.sensitive:
        if change.wish and getattr(change.wish, field) is None:
            yield f"{field}: (secret, not compared)"


def _reason(change: Change) -> str:
    return f"  # {change.why}" if change.why else ""


def _differences(change: Change) -> Iterator[tuple[str, Any, Any]]:
    """Give what differs; of a mapping only its keys that do. A new thing is told by its own values alone."""
    for field, was, wish in change.fields:
        if isinstance(wish, dict) and isinstance(was, dict) and was:
            keys = sorted(key for key in {*was, *wish} if was.get(key) != wish.get(key))
            yield from ((f"{field}.{key}", was.get(key), wish.get(key)) for key in keys)
        elif change.action != "create" or not isinstance(wish, dict):
            yield field, was, wish


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "(absent)" if not value else "(present)"
    plain = isinstance(value, int) or (isinstance(value, str) and value and value.isprintable())
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
