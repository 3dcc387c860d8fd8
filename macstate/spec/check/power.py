"""Warnings about power settings that do not suit a server, though they may be intended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from macstate.kinds.power import PowerEntry
from macstate.language.document import Path, Placed
from macstate.language.types import Warned
from macstate.spec.model import Root

SOURCES = ("ac", "battery", "ups")


def sleeps(root: Root) -> Placed:
    """Yield the settings that let a server sleep."""
    for path, power in _powers(root):
        for source in SOURCES:
            if (profile := getattr(power, source)) and profile.sleep:
                yield (
                    (*path, source, "sleep"),
                    f"sleep: after {profile.sleep} idle minutes on {source} the Mac sleeps and answers nobody; type 0",
                )


def emergency(root: Root) -> Placed:
    """Yield ``disablesleep`` if it is on, since it also prevents the emergency sleep on overheating."""
    for path, power in _powers(root):
        if power.disablesleep:
            yield (
                (*path, "disablesleep"),
                "disablesleep: it also vetoes the thermal emergency sleep; on a desktop `ac: {sleep: 0}` is enough",
            )


def restarts(root: Root) -> Placed:
    """Yield the profiles with both ways to start after a power cut; System Settings never sets both."""
    for path, power in _powers(root):
        for source in SOURCES:
            if (profile := getattr(power, source)) and profile.autorestart and profile.autorestartatconnect:
                yield (
                    (*path, source, "autorestart"),
                    "autorestart: with autorestartatconnect the Mac starts whenever power comes, and System Settings "
                    "sets autorestart to 0 then; type false",
                )


def _powers(root: Root) -> Iterator[tuple[Path, PowerEntry]]:
    yield from [(("power",), root.power)] if root.power else []


RULES: Mapping[Warned, Callable[[Root], Placed]] = {
    "sleep": sleeps,
    "disablesleep": emergency,
    "autorestart": restarts,
}
"""The rules by the name of their warning."""
