"""A plan as JSON, for scripts and for later; macstate/plan.schema.json says what it looks like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from macstate.change import Plan
from macstate.errors import MacstateError
from macstate.resource import Resource

FORMAT_VERSION = "1.0"
HIDDEN = "(secret)"
AGAIN = "make a new one (`macstate plan TARGET --out FILE`) and look at it"


def as_json(plans: Mapping[str, Plan], spec: str) -> str:
    """Give the plans of all Macs as one document; ``spec`` is the digest of what they were made from."""
    hosts = {name: host(plan) for name, plan in sorted(plans.items())}
    document = {"format_version": FORMAT_VERSION, "spec": spec, "hosts": hosts}
    return json.dumps(document, indent=2, ensure_ascii=False)


def host(plan: Plan) -> dict[str, Any]:
    """Give one Mac's part."""
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
    lines = [step.line for batch in plan.batches if not _secret(batch.changes) for step in batch.steps]
    # of Serve, the lines hold the document or its ETag
    text = json.dumps([[_comparable(change) for change in changes], lines], sort_keys=True)
    return {
        "changes": changes,
        "unmanaged": [identifier for identifier, _ in plan.unmanaged],
        "fingerprint": hashlib.sha256(text.encode()).hexdigest(),
    }


def _comparable(change: dict[str, Any]) -> Any:
    """Give what two plans must have in common; a key may be made only when the plan is carried out."""
    return (change["id"], change["action"]) if change["sensitive"] else change


def _secret(changes: Any) -> bool:
    return any(change.kind.sensitive for change in changes)


def _fields(resource: Resource | None) -> dict[str, Any] | None:
    if resource is None:
        return None
    return {name: HIDDEN if name in resource.sensitive else value for name, value in resource.managed.items()}


def check(file: Path, name: str, plan: Plan, spec: str) -> None:
    """Let a plan through that is the one that was saved.

    Raises:
        MacstateError: it cannot be read, or the Mac or the spec has moved since.
    """
    try:
        saved = json.loads(file.read_text())
        was, digest = saved["hosts"].get(name), saved["spec"]
    except OSError as error:
        raise MacstateError(f"MACSTATE_PLAN={file}: {error.strerror}; {AGAIN}") from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise MacstateError(f"MACSTATE_PLAN={file}: this is no saved plan; {AGAIN}") from None
    if digest != spec:
        raise MacstateError(f"MACSTATE_PLAN={file}: the spec has changed since this plan was made; {AGAIN}")
    if was is None:
        raise MacstateError(f"MACSTATE_PLAN={file}: this plan is not about {name}; {AGAIN}")
    now = json.loads(json.dumps(host(plan)))
    if now["fingerprint"] != was["fingerprint"]:
        before, after = ({each["id"]: each for each in part["changes"]} for part in (was, now))
        before, after = ({key: _comparable(each) for key, each in part.items()} for part in (before, after))
        moved = sorted(key for key in {*before, *after} if before.get(key) != after.get(key)) or ["serve"]
        raise MacstateError(f"MACSTATE_PLAN={file}: {', '.join(moved)} moved since this plan was made; {AGAIN}")
