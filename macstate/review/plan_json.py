"""A plan as JSON, for scripts and for saved plans; macstate/plan.schema.json is its schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from macstate.kernel.change import Batch, Change, Plan
from macstate.kernel.resource import Resource

FORMAT_VERSION = "1.0"
HIDDEN = "(secret)"


def as_json(plans: Mapping[str, Plan], spec: str, only: tuple[str, ...] = ()) -> str:
    """Return the plans of all Macs as one document; ``spec`` is the SHA-256 of the spec's text."""
    hosts = {name: host(plan) for name, plan in sorted(plans.items())}
    about = {"only": list(only)} if only else {}
    return summed({"format_version": FORMAT_VERSION, "spec": spec, **about, "hosts": hosts})


def summed(document: Mapping[str, Any]) -> str:
    """Return a document as JSON with its checksum, which shows whether it was edited."""
    rest = {key: value for key, value in document.items() if key != "checksum"}
    checksum = hashlib.sha256(json.dumps(rest).encode()).hexdigest()
    return json.dumps({**rest, "checksum": checksum}, indent=2)


def host(plan: Plan) -> dict[str, Any]:
    """Return one Mac's part of the document."""
    changes = [
        {
            "id": change.id,
            "action": change.action,
            "before": _fields(change.have),
            "after": _fields(change.want or change.rest),
            "sensitive": list(change.kind.sensitive),
            "steps": [str(step) for part in plan.batches if _carries(part, change) for step in part.steps],
        }
        for batch in plan.batches
        for change in batch.changes
    ]
    lines = [step.line for batch in plan.batches if not _secret(batch.changes) for step in batch.steps]
    # the lines for Serve hold the document or its ETag
    text = json.dumps([changes, lines], sort_keys=True)
    return {
        "changes": changes,
        "unmanaged": [identifier for identifier, _ in plan.unmanaged],
        **({"left": dict(sorted(plan.left.items()))} if plan.left else {}),
        "fingerprint": hashlib.sha256(text.encode()).hexdigest(),
    }


def _carries(batch: Batch, change: Change) -> bool:
    return any(each is change for each in (*batch.closes, *batch.changes))


def _secret(changes: Iterable[Change]) -> bool:
    return any(change.kind.sensitive for change in changes)


def _fields(resource: Resource | None) -> dict[str, Any] | None:
    """Return a resource's managed fields; a secret is hidden, whether or not its key has been made yet."""
    if resource is None:
        return None
    return {**resource.managed, **dict.fromkeys(resource.sensitive, HIDDEN)}
