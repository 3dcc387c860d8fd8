"""The names of a Mac's jobs for a user: ``ollama``, ``ollama.watchdog``, ``gateway``, or a launchd label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from macstate import spec
from macstate.endpoint.entry import Endpoint
from macstate.errors import MacstateError, near
from macstate.gateway.entry import Gateway
from macstate.spec.declared import Declared

Names = Callable[[Declared], Mapping[str, str]]
"""Returns the launchd label behind each name that a command accepts for a Mac; labels are accepted too."""


def named(declared: Declared) -> dict[str, str]:
    """Return the launchd label behind each name, for all jobs that the spec declares for a Mac."""
    found: dict[str, str] = {}
    for name, entry in declared.entries:
        own = [value for kind, value in entry.lists(name) if kind == "label"]
        for label in own:  # the first label is the entry's own, and the others begin with it
            found.setdefault(f"{name}{label.removeprefix(own[0])}", label)
    return found


def logs(declared: Declared) -> dict[str, str]:
    """Return the label of the job for the name of each log."""
    found = named(declared)
    for name, entry in declared.entries:
        if getattr(entry, "error_log", None):
            found[f"{name}.error"] = found[name]
        if isinstance(entry, Gateway):
            found[f"{name}.access"] = found[name]
    return found


def endpoints(declared: Declared) -> dict[str, str]:
    """Return the names of the endpoints, each of which stands for itself."""
    return {name: name for name in declared.all(Endpoint)}


def label(name: str, known: Mapping[str, str]) -> str:
    """Return the label of a job from its name or label.

    Raises:
        MacstateError: the spec declares no such job for this Mac.
    """
    if _knows(known, name):
        return known.get(name, name)
    if why := lacks_watchdog(name, known):
        raise MacstateError(why)
    said = f"{name}: no endpoint and no job of this Mac is called that"
    raise MacstateError(f"{said}; there are {', '.join(sorted(known)) or 'none'}{near(name, known)}")


def lacks_watchdog(name: str, known: Iterable[str]) -> str:
    """Return that a job has no watchdog, if the name asks for one; otherwise an empty text."""
    owner, dot, word = name.rpartition(".")
    asked = dot and word == "watchdog" and owner in known
    return f"{name}: endpoints.{owner} has no watchdog; `watchdog: true` there gives it one" if asked else ""


def macs_with(name: str, names: Names) -> list[str]:
    """Return the Macs that have something of that name."""
    known = spec.load()
    return [mac for mac in known.macs if _knows(names(known.for_host(mac)), name)]


def everywhere(names: Names) -> list[str]:
    """Return the names that are valid on any Mac."""
    known = spec.load()
    return sorted({name for mac in known.macs for name in names(known.for_host(mac))})


def _knows(known: Mapping[str, str], name: str) -> bool:
    return name in known or name in known.values()
