"""A saved plan (``MACSTATE_PLAN``): either exactly what it shows runs, or nothing."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macstate import files
from macstate.errors import MacstateError
from macstate.kernel.change import Plan
from macstate.review import plan_json

AGAIN = "make a new one (`macstate plan TARGET --out FILE`) and look at it"
LARGEST = 8 * files.MEGABYTE
"""Most bytes of a saved plan; one for 100 Macs with 10 endpoints each has about 3 MB."""
NAMED = 5
"""Most resources that are named if their changes differ from the saved plan."""
KNOWN = f"{plan_json.FORMAT_VERSION.partition('.')[0]}."
"""The beginning of the format versions that this macstate understands."""


@dataclass(frozen=True)
class Saved:
    """A plan written by ``macstate plan --out``."""

    file: str
    spec: str
    hosts: dict[str, Any]
    only: tuple[str, ...] = ()
    """The entries that it is about; empty means all."""

    def check(self, name: str, plan: Plan, spec: str) -> None:
        """Refuse a plan that is not the saved one.

        Raises:
            MacstateError: the plan differs, since the Mac or the spec has changed, or the file was edited.
        """
        if self.spec != spec:
            raise self._refused("the spec has changed since this plan was made")
        if name not in self.hosts:
            raise self._refused(f"this plan is not for {name}")
        was, now = self.hosts[name], json.loads(json.dumps(plan_json.host(plan)))
        if (was["changes"], was["fingerprint"]) == (now["changes"], now["fingerprint"]):
            return
        if was["fingerprint"] == now["fingerprint"]:
            raise self._refused("it was edited, and does not show what would run")
        before, after = ({str(each.get("id")): each for each in part["changes"]} for part in (was, now))
        moved = sorted(key for key in {*before, *after} if before.get(key) != after.get(key)) or ["serve"]
        more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
        raise self._refused(f"{', '.join(moved[:NAMED])}{more} changed since this plan was made")

    def _refused(self, why: str) -> MacstateError:
        return MacstateError(f"MACSTATE_PLAN={self.file}: {why}; {AGAIN}")


def saved() -> Saved | None:
    """Return the saved plan that is to be carried out; None if the run carries out whatever is to be done.

    Raises:
        MacstateError: the file cannot be read, or is no saved plan.
    """
    file = os.environ.get("MACSTATE_PLAN")
    if not file:
        return None
    try:
        text = files.read(Path(file), LARGEST).decode()
        document = json.loads(text)
    except OSError as error:
        raise MacstateError(f"MACSTATE_PLAN={file}: {error.strerror}; {AGAIN}") from None
    except (ValueError, RecursionError):
        document = None
    match document:
        case {"format_version": str(version)} if not version.startswith(KNOWN):
            raise MacstateError(f"MACSTATE_PLAN={file}: its format_version {version} is not {KNOWN}x; {AGAIN}")
        case {"format_version": str(), "spec": str(spec), "hosts": dict(hosts)} if all(map(_whole, hosts.values())):
            if text.removesuffix("\n") != plan_json.summed(document):
                raise MacstateError(f"MACSTATE_PLAN={file}: it was edited after it was made; {AGAIN}")
            only = document.get("only", [])
            if isinstance(only, list) and all(isinstance(each, str) for each in only):
                return Saved(file, spec, hosts, tuple(only))
    raise MacstateError(f"MACSTATE_PLAN={file}: this is not a saved plan; {AGAIN}")


def _whole(host: Any) -> bool:
    match host:
        case {"changes": list(changes), "fingerprint": str()}:
            return all(isinstance(each, dict) for each in changes)
    return False
