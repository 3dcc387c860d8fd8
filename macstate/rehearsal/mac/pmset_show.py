"""What `pmset -g` and `ioreg` print about power."""

from __future__ import annotations

import time

from . import caffeinate, pmset_schedule
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "Usage: pmset <options>\nSee pmset(1) for details: 'man pmset'"
CAPABILITIES = (
    "displaysleep disksleep sleep womp autorestart standby powernap ttyskeepawake tcpkeepalive networkoversleep "
    "lowpowermode autorestartatconnect"
)
"""The order of the settings: the first five as recorded on an M4 Mac mini, then what `-g custom` shows there."""


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `ioreg -r -c IOPMrootDomain -d 1` with recorded lines; it shows the live state."""
    if "IOPMrootDomain" not in words:
        return 0
    out("    +-o AppleARMPE  <class IOPMrootDomain, id 0x100000278, registered, matched>")
    out('        "IOPMSystemSleepType" = 3')
    if "SleepDisabled" in mac.state["power"]["system"]:  # the line is absent if it was never set (measured)
        out(f'        "SleepDisabled" = {"Yes" if mac.state["power"]["system"]["SleepDisabled"] else "No"}')
    out('        "IOSleepSupported" = Yes')
    return 0


def show(mac: Mac, words: list[str]) -> int:
    """Play `pmset -g [WHAT]`."""
    power = mac.state["power"]
    what = [*words, "live"][0]
    shows = {
        "live": _live,
        "custom": _custom,
        "disk": _custom,
        "cap": _capabilities,
        "sched": pmset_schedule.show,
        "batt": _source,
        "ps": _source,
        "assertions": _assertions,
    }
    if what not in shows:
        raise Failure(1, f"Error: unhandled argument {what}\n{USAGE}", stdout=True)
    if what in {"live", "custom", "disk"}:
        power = _lagging(power)
    shows[what]({**power, "awake": caffeinate.holders(mac)})
    return 0


def _lagging(power: dict[str, Any]) -> dict[str, Any]:
    old = power["old"]
    power["old"] = None
    return {**power, **old} if old and time.time() < old["until"] else power


def _profile(profile: dict[str, Any], notes: dict[str, str]) -> None:
    for key in sorted(profile, key=hash):  # hash order, as on a Mac: two calls may differ
        out(f" {key:<20} {profile[key]}{notes.get(key, '')}")


def _live(power: dict[str, Any]) -> None:
    if power["system"]:
        out("System-wide power settings:")
        for key, value in power["system"].items():
            out(f" {key}\t\t{value}")
    out("Currently in use:")
    idle = any("PreventUserIdleSystemSleep" in names for _, names in power["awake"])
    holders = ", ".join([*power["holders"], *["caffeinate"] * idle])
    _profile(power["profiles"]["AC Power"], {"sleep": f" (sleep prevented by {holders})"} if holders else {})


def _custom(power: dict[str, Any]) -> None:
    for name, profile in power["profiles"].items():
        out(f"{name}:")
        _profile(profile, {})


def _capabilities(_power: dict[str, Any]) -> None:
    out("Capabilities for AC Power:")
    for key in CAPABILITIES.split():
        out(f" {key}")


def _source(_power: dict[str, Any]) -> None:
    out("Now drawing from 'AC Power'")


def _assertions(power: dict[str, Any]) -> None:
    out(time.strftime("%Y-%m-%d %H:%M:%S %z"))
    out("Assertion status system-wide:")
    held = {name for _, names in power["awake"] for name in names}
    held |= {"PreventUserIdleSystemSleep"} if power["holders"] else set()
    for name in ("BackgroundTask", "ApplePushServiceTask", "UserIsActive", "PreventUserIdleDisplaySleep",
                 "PreventSystemSleep", "ExternalMedia", "InternalPreventDisplaySleep", "PreventUserIdleSystemSleep",
                 "NetworkClientActive"):  # fmt: skip
        out(f"   {name:<30} {int(name in held)}")
    out("Listed by owning process:")
    for number, name in enumerate(power["holders"]):
        out(f"   pid {300 + number}({name}): [0x000000f9000182b6] 00:02:15 "
            f'PreventUserIdleSystemSleep named: "{name}"')  # fmt: skip
    for pid, names in power["awake"]:
        for name in names:
            out(f'   pid {pid}(caffeinate): [0x000000f9000182b7] 00:00:05 {name} named: "caffeinate command-line tool"')
