"""What of a spec is left as it is in this run, and why: what cannot be read or done, and what stands on that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from macstate.kernel.record import SETTING
from macstate.kernel.resource import Found, Resource

UNREAD = "cannot be read"
"""The remark on what is not macstate's, and known to be there alone."""


def left(wishes: Mapping[str, Resource], found: Found, without: Mapping[str, str]) -> dict[str, str]:
    """Give why, by the id of what is wished or ours.

    ``without``: what is known already to be impossible. What is as it should be is left in peace, whatever it needs.
    """
    reasons = {**dict(_unknown(wishes, found)), **without}
    before = -1
    while len(reasons) != before:  # until nothing more stands on what is left
        before = len(reasons)
        for name, wish in wishes.items():
            broken = [reasons[each] for each in wish.needs if each in reasons]
            was = found.resources.get(name)
            if broken and name not in reasons and (was is None or not was.exists or wish.unlike(was)):
                reasons[name] = broken[0]
    return reasons


def _unknown(wishes: Mapping[str, Resource], found: Found) -> Iterator[tuple[str, str]]:
    """Give (id, why) of what is wished or ours, and cannot be read."""
    mine = {*wishes, *(name for name, line in found.record.lines.items() if line.state != SETTING)}
    for name in sorted(mine):
        wish, was = wishes.get(name), found.resources.get(name)
        reasons = [why for start, why in found.unreadable.items() if name.startswith(start)]
        fields = [field for field in wish.managed if getattr(was, field) is None] if wish and was else []
        if reasons:
            yield name, reasons[0]
        elif was and was.unreadable:
            yield name, f"{name}: {was.unreadable}; take it out of the spec, or make it readable"
        elif wish and wish.unreadable and (was is None or not was.exists):
            yield name, f"{name}: {wish.unreadable}"
        elif fields:
            why = f"this Mac does not show {', '.join(fields)}: it does not have the setting, or hides it"
            yield name, f"{name}: {why}; take it out of the spec, or make it readable"
        elif wish and was is None and not wish.owned:
            yield name, f"{name}: this Mac does not have it; take it out of the spec"
