"""Does the wish contradict itself? Policy lives here; what a Mac cannot do lives in the kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from macstate import listening
from macstate.document import Document, Mistake, Path

Finding = tuple[Mistake, bool]
"""A finding, and whether it is fatal."""
Found = Iterator[tuple[Path, str]]


def spec(root: Any, document: Document) -> list[Finding]:
    """Run every rule; the place of a finding is where it was written."""
    findings = []
    for rules, fatal in ((ERRORS, True), (WARNINGS, False)):
        for rule in rules:
            findings += [(Mistake(*document.at(path), text), fatal) for path, text in rule(root)]
    return findings


def names(root: Any) -> Found:
    """A Mac names entries that the spec has."""
    for mac, entry in root.macs.items():
        for section in type(root).model_fields:
            wanted, there = getattr(entry, section, None), getattr(root, section)
            if isinstance(wanted, tuple):
                for place, name in enumerate(wanted):
                    if name not in (there or {}):
                        yield (
                            ("macs", mac, section, place),
                            f"{name}: {section} has no such entry; add it there, or take it out here",
                        )


def ports(root: Any) -> Found:
    """A loopback port has one owner."""
    for mac in root.macs.values():
        owners: dict[int, str] = {}
        for name, endpoint in _endpoints(root, mac):
            first = owners.setdefault(endpoint.port, name)
            if first != name:
                why = "two servers cannot listen on one port"
                where = ("endpoints", name, "port")
                yield where, f"port: {endpoint.port} is taken by endpoints.{first}; {why}: type another"


def mounts(root: Any) -> Found:
    """A mount leads to one endpoint; ``/x`` and ``/x/`` are one mount."""
    for mac in root.macs.values():
        owners: dict[tuple[int, str], str] = {}
        for name, endpoint in _endpoints(root, mac):
            if route := endpoint.serve:
                first = owners.setdefault((route.https, route.path), name)
                if first != name:
                    taken = f"{route.path} on port {route.https} is taken by endpoints.{first}"
                    yield ("endpoints", name, "serve"), f"serve: {taken}; type another path or https port"


def labels(root: Any) -> Found:
    """A launchd label belongs to one entry."""
    for mac in root.macs.values():
        owners: dict[str, str] = {}
        jobs = [(("launchd", name), name) for name, _ in _of(root, mac, "launchd")]
        jobs += [(("endpoints", name), endpoint.job_label(name)) for name, endpoint in _endpoints(root, mac)]
        for path, label in jobs:
            first = owners.setdefault(label, ".".join(path))
            if first != ".".join(path):
                yield (*path, "label"), f"label: {label} is taken by {first}; type another"


def commands(root: Any) -> Found:
    """A command begins with an absolute path, and keeps its server on loopback."""
    for section in ("launchd", "endpoints"):
        for name, job in (getattr(root, section) or {}).items():
            path: Path = (section, name)
            program = job.command[0]
            if not re.fullmatch(r"/(?!.*//).+", program):
                why = "is not an absolute path, and launchd does not search a PATH"
                yield (*path, "command", 0), f"command: {program!r} {why}; type it from the root: /…"
            if job.domain == "gui" and job.user:
                yield (
                    (*path, "user"),
                    "user: a gui job always runs as the user at the screen; take it out, or type `domain: system`",
                )
            if section == "endpoints":
                yield from listening.beyond_loopback(path, job)


def sleeps(root: Any) -> Found:
    """A server never sleeps."""
    for path, power in _powers(root):
        for source in ("ac", "battery", "ups"):
            if (profile := getattr(power, source)) and profile.sleep:
                yield (
                    (*path, source, "sleep"),
                    f"sleep: after {profile.sleep} idle minutes on {source} the Mac sleeps and answers nobody; type 0",
                )


def emergency(root: Any) -> Found:
    """The strongest switch has a price."""
    for path, power in _powers(root):
        if power.disablesleep:
            yield (
                (*path, "disablesleep"),
                "disablesleep: it also vetoes the thermal emergency sleep; on a desktop `ac: {sleep: 0}` is enough",
            )


def _powers(root: Any) -> Iterator[tuple[Path, Any]]:
    places: list[tuple[Path, Any]] = [(("power",), root.power)]
    places += [(("macs", name, "power"), mac.power) for name, mac in root.macs.items()]
    yield from ((path, power) for path, power in places if power)


def _of(root: Any, mac: Any, section: str) -> list[tuple[str, Any]]:
    own = getattr(mac, section)
    return [(name, entry) for name, entry in (getattr(root, section) or {}).items() if own is None or name in own]


def _endpoints(root: Any, mac: Any) -> list[tuple[str, Any]]:
    return _of(root, mac, "endpoints")


ERRORS: tuple[Callable[[Any], Found], ...] = (names, ports, mounts, labels, commands)
WARNINGS: tuple[Callable[[Any], Found], ...] = (sleeps, emergency)
