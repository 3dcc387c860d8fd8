"""`pmset`: it checks arguments first and root second (pmset.m), and its exit status says little."""

from __future__ import annotations

import time

from . import pmset_schedule, pmset_show
from .machine import Failure, Mac, err, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "Usage: pmset <options>\nSee pmset(1) for details: 'man pmset'"
NOT_ROOT = "'pmset' must be run as root..."
PROFILES = {"-c": ["AC Power"], "-b": ["Battery Power"], "-u": ["UPS Power"]}
TIMERS = {
    "sleep": "sleep",
    "displaysleep": "displaysleep",
    "dim": "displaysleep",
    "disksleep": "disksleep",
    "spindown": "disksleep",
}
SWITCHES = {
    "womp", "autorestart", "autorestartatconnect", "powernap", "ttyskeepawake", "tcpkeepalive", "networkoversleep",
    "lowpowermode", "standby", "acwake", "lidwake", "halfdim", "proximitywake",
}  # fmt: skip
NUMBERS = {"hibernatemode", "standbydelay", "standbydelaylow", "standbydelayhigh", "highstandbythreshold", "powermode"}
SYSTEM = {"disablesleep": "SleepDisabled"}
"""Settings that go to SystemPowerSettings, whatever the profile."""
LAG = 0.5
"""Seconds in which a read may give the old values: powerd is notified of a write (measured up to 5 s)."""
TCPKEEPALIVE = (
    "Warning: This option disables TCP Keep Alive mechanism when sytem is sleeping. This will result in some critical "
    "features like 'Find My Mac' not to function properly."
)  # pmset.m, with its own spelling


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `pmset`."""
    if words[:1] == ["-g"]:
        return pmset_show.show(mac, words[1:])
    if words[:1] == ["repeat"]:
        return pmset_schedule.repeat(mac, words[1:])
    if words[:1] == ["schedule"]:
        return pmset_schedule.schedule(mac, words[1:])
    settings, system = _parse(words)
    if settings:
        _write_profiles(mac, settings)
    if system:
        _write_system(mac, system)
    return 0


def _parse(words: list[str]) -> tuple[list[tuple[str, str, int]], dict[str, int]]:
    settings: list[tuple[str, str, int]] = []
    system: dict[str, int] = {}
    scope = "-a"
    rest = iter(words)
    for word in rest:
        if word in {"-a", *PROFILES}:
            scope = word
            continue
        number = _number(next(rest, ""))
        if number is None or word not in {*TIMERS, *SWITCHES, *NUMBERS, *SYSTEM}:
            raise Failure(1, USAGE, stdout=True)
        if word in SYSTEM:
            system[SYSTEM[word]] = int(number > 0)
        else:
            settings.append((scope, TIMERS.get(word, word), int(number > 0) if word in SWITCHES else number))
    if not settings and not system:
        raise Failure(1, USAGE, stdout=True)
    return settings, system


def _number(word: str) -> int | None:
    # as strtol with base 0: 010 is 8
    octal = word.startswith("0") and word.isdigit()
    try:
        number = int(word, 8 if octal else 0)
    except ValueError:
        return None
    return number if number >= 0 else None


def _write_profiles(mac: Mac, desired: list[tuple[str, str, int]]) -> None:
    if not mac.as_root:
        raise Failure(1, NOT_ROOT, stdout=True)
    power = _remember_old(mac)
    touched: set[str] = set()
    for scope, key, value in desired:
        # -b on a desktop: the apply mask stays 0, nothing changes, exit 0 (pmset.m)
        for name in [name for name in PROFILES.get(scope, list(power["profiles"])) if name in power["profiles"]]:
            profile = power["profiles"][name]
            if key in profile:  # an unsupported setting is accepted and never read back
                profile[key] = value
                touched.add(name)
            if key == "powernap":
                profile["SleepServices"] = value
        if key == "tcpkeepalive" and not value:
            out(TCPKEEPALIVE)
    for name in sorted(touched):
        if power["profiles"][name]["sleep"] and not power["profiles"][name]["disksleep"]:
            err(f'Warning: Idle sleep timings for "{name}" may not behave as expected.')
            err("- Disk sleep should be non-zero whenever system sleep is non-zero.")


def _write_system(mac: Mac, system: dict[str, int]) -> None:
    # this branch of pmset.m does not exit: status 0 for both refusals (pmset.m, measured)
    if not mac.as_root:
        out(NOT_ROOT)
    elif mac.state["pmset_refuses"]:
        out("'pmset' failed to set the value.")
    else:
        _remember_old(mac)["system"].update(system)


def _remember_old(mac: Mac) -> dict[str, Any]:
    power: dict[str, Any] = mac.state["power"]
    power["old"] = {
        "profiles": {name: dict(profile) for name, profile in power["profiles"].items()},
        "system": dict(power["system"]),
        "until": time.time() + LAG,
    }
    return power
