"""`pmset repeat`, `pmset schedule`, and `pmset -g sched`."""

from __future__ import annotations

import time

from .machine import Failure, Mac, err, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "Usage: pmset <options>\nSee pmset(1) for details: 'man pmset'"
TYPES = {
    "sleep": "sleep",
    "wake": "wake",
    "poweron": "poweron",
    "shutdown": "shutdown",
    "restart": "restart",
    "wakeorpoweron": "wakepoweron",
}
"""How the listing spells each argument."""
DAYS = {
    "MTWRFSU": "every day",
    "MTWRF": "weekdays only",
    "SU": "weekends only",
    "M": "Monday",
    "T": "Tuesday",
    "W": "Wednesday",
    "R": "Thursday",
    "F": "Friday",
    "S": "Saturday",
    "U": "Sunday",
}


def repeat(mac: Mac, words: list[str]) -> int:
    """Replace both repeating events."""
    events = []
    for start in range(0, 0 if words == ["cancel"] else max(len(words), 1), 3):
        kind, days, at = [*words[start : start + 3], "", "", ""][:3]
        moment = _time(at, "%H:%M:%S")
        if kind not in TYPES or not days or set(days) - set("MTWRFSU") or moment is None:
            err("Error: badly formatted repeating power event")
            raise Failure(1, USAGE, stdout=True)
        hour = moment.tm_hour % 12 or 12
        clock = f"{hour}:{moment.tm_min:02}{'AM' if moment.tm_hour < 12 else 'PM'}"  # noqa: PLR2004 - noon
        events.append(f"{TYPES[kind]} at {clock} {DAYS.get(days, days)}")
    _need_root(mac)
    mac.state["power"]["repeat"] = events
    return 0


def schedule(mac: Mac, words: list[str]) -> int:
    """Add one event; its date is MM/DD/YY or MM/DD/YYYY."""
    if words == ["cancelall"]:
        _need_root(mac)
        mac.state["power"]["scheduled"] = []
        return 0
    kind, date = [*words, "", ""][:2]
    owner = words[2] if words[2:] else "pmset"
    moment = _time(date, "%m/%d/%y %H:%M:%S") or _time(date, "%m/%d/%Y %H:%M:%S")
    if kind not in TYPES or moment is None:
        err("Error: badly formatted scheduled power event")  # no recording
        raise Failure(1, USAGE, stdout=True)
    _need_root(mac)
    when = time.strftime("%m/%d/%Y %H:%M:%S", moment)
    mac.state["power"]["scheduled"].append(f"{TYPES[kind]} at {when} by '{owner}'")
    return 0


def show(power: dict[str, Any]) -> None:
    """Play `pmset -g sched`."""
    if power["repeat"]:
        out("Repeating power events:")
        for event in power["repeat"]:
            out(f"  {event}")
    if power["scheduled"]:
        out("Scheduled power events:")
        for number, event in enumerate(power["scheduled"]):
            out(f" [{number}]  {event}")
    if not power["repeat"] and not power["scheduled"]:
        out("No scheduled events.")


def _need_root(mac: Mac) -> None:
    if not mac.as_root:
        raise Failure(1, "'pmset' must be run as root...", stdout=True)


def _time(text: str, form: str) -> time.struct_time | None:
    try:
        return time.strptime(text, form)
    except ValueError:
        return None
