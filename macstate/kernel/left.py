"""Which resources a run leaves as they are, and why: they cannot be read or changed, or they need one that cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from macstate.kernel.record import SETTING
from macstate.kernel.resource import Actual, Resource

UNREAD = "cannot be read"
"""The remark on a resource that is not macstate's, and of which only the existence is known."""


def left(desired: Mapping[str, Resource], actual: Actual, without: Mapping[str, str]) -> dict[str, str]:
    """Return the reason for each desired or recorded resource that this run leaves as it is, by id.

    ``without`` has the reasons that are known already. A resource that matches the spec stays out of it, whatever it
    needs.
    """
    reasons = {**dict(_unknown(desired, actual)), **without}
    before = -1
    while len(reasons) != before:  # until no further resource needs one that is left
        before = len(reasons)
        for name, want in desired.items():
            broken = [reasons[each] for each in want.needs if each in reasons]
            have = actual.resources.get(name)
            if broken and name not in reasons and (have is None or not have.exists or want.unlike(have)):
                reasons[name] = broken[0]
    return reasons


def _unknown(desired: Mapping[str, Resource], actual: Actual) -> Iterator[tuple[str, str]]:
    """Yield (id, why) of each desired or recorded resource that cannot be read."""
    mine = {*desired, *(name for name, line in actual.record.lines.items() if line.state != SETTING)}
    for name in sorted(mine):
        want, have = desired.get(name), actual.resources.get(name)
        reasons = [why for start, why in actual.unreadable.items() if name.startswith(start)]
        fields = [field for field in want.managed if getattr(have, field) is None] if want and have else []
        if reasons:
            yield name, reasons[0]
        elif have and have.unreadable:
            yield name, f"{name}: {have.unreadable}; take it out of the spec, or make it readable"
        elif want and want.unreadable and (have is None or not have.exists):
            yield name, f"{name}: {want.unreadable}"
        elif fields:
            why = f"this Mac does not show {', '.join(fields)}: it does not have the setting, or hides it"
            yield name, f"{name}: {why}; take it out of the spec, or make it readable"
        elif want and have is None and not want.owned:
            yield name, f"{name}: this Mac does not have it; take it out of the spec"
