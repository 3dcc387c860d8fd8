"""The guide's part about power: the settings in the words of System Settings and of pmset."""

from __future__ import annotations

from collections.abc import Iterator

from macstate.guide.blocks import Block, code, table, text
from macstate.kinds.power import FLAGS, PowerEntry, Profile

SWITCHES = {
    "sleep": "Prevent automatic sleeping when the display is off",
    "displaysleep": "Turn display off when inactive",
    "disksleep": "Put hard disks to sleep when possible",
    "womp": "Wake for network access",
    "powernap": "Power Nap",
    "autorestart": "Start up automatically after a power failure",
    "autorestartatconnect": "Start up when power is connected: Always",
    "lowpowermode": "Low Power Mode",
    "powermode": "Energy Mode",
}
"""System Settings' words for pmset's settings; settings that are not listed have no switch there."""


def power(found: PowerEntry | None) -> Iterator[Block]:
    """Yield what the spec sets and what is true of every Mac; ``found`` is None if the spec has no power entry."""
    rows = list(_rows(found)) if found else []
    if rows:
        yield table(("System Settings", "Switch", "pmset"), rows)
    if found and found.disablesleep:
        yield text(
            "`disablesleep` is on: it applies to the whole system, whatever the power source, and prevents the "
            "emergency sleep on overheating too."
        )
    if not (found and (found.disablesleep or (found.ac and found.ac.sleep is not None))):
        yield text("The YAML does not say when this Mac sleeps. Out of the box it sleeps soon after its display does.")
    yield text("A request does not wake a sleeping Mac: traffic over Tailscale is not a magic packet.")
    yield text("What is set now, on the Mac:")
    yield code("sh", "mac", ["pmset -g custom"])


def _rows(found: PowerEntry) -> Iterator[tuple[str, str, str]]:
    for source in FLAGS:
        for field in Profile.model_fields:
            value = getattr(getattr(found, source), field, None)
            if value is not None:
                yield SWITCHES.get(field, "(no switch)"), _switch(field, value), f"`{field} {int(value)}` on {source}"
    if found.disablesleep is not None:
        yield (
            "(no switch)",
            _switch("disablesleep", found.disablesleep),
            f"`disablesleep {int(found.disablesleep)}`, always",
        )


def _switch(field: str, value: int) -> str:
    if field == "displaysleep":
        return f"{value} min" if value else "never"
    if field == "powermode":
        return ("automatic", "low power", "high power")[value]
    return "on" if bool(value) != (field == "sleep") else "off"
