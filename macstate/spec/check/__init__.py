"""Check whether the spec contradicts itself; whether a Mac can do what it says is checked by the kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from itertools import product
from typing import TypeVar

from macstate.endpoint.entry import Endpoint
from macstate.kinds.launchd.job import Job
from macstate.language import meant
from macstate.language.document import Document, Mistake, Path, Placed
from macstate.language.document.masked import masked
from macstate.spec.check import internet, loopback, power, reserved, servers
from macstate.spec.model import Mac, Root, by_itself

H = TypeVar("H", bound=Hashable)
ONE_WORD = re.compile(r"/s?bin/[^/\s]+\s|\s-|\s[^/]*$")
"""A program and its arguments in one word: a blank in the name, behind a folder of programs, or before an option."""


@dataclass(frozen=True, order=True)
class Doubt:
    """A doubtful place: allowed, but mostly not meant."""

    mistake: Mistake
    name: str
    """The name by which `accept` silences it."""
    mac: str
    """The Mac that it is about; empty: an entry that no Mac gets."""


def spec(root: Root, document: Document) -> list[Mistake]:
    """Return the mistakes of every rule, each at the place where it was written."""
    rules: tuple[Callable[[Root], Placed], ...] = (partial(ports, is_written=document.is_written), *ERRORS)
    found = [each for name in (*root.macs, "") for rule in rules for each in _said(rule, root, name, document)]
    return found + [Mistake(*document.at(path), text) for rule in WHOLE for path, text in rule(root)]


def doubts(root: Root, document: Document) -> list[Doubt]:
    """Return the warnings of every rule."""
    return [
        Doubt(replace(mistake, text=f"{mistake.text} (accept: {name})"), name, mac)
        for mac in (*root.macs, "")
        for name, rule in WARNINGS.items()
        for mistake in _said(rule, root, mac, document)
    ]


def _said(rule: Callable[[Root], Placed], root: Root, name: str, document: Document) -> Iterator[Mistake]:
    """Yield the mistakes of a rule in one Mac's part of the spec."""
    for path, text in rule(by_itself(root, name)):
        place = ("macs", name, *path) if name and path[0] != "macs" else path
        yield Mistake(*document.at(place), text)


def ports(root: Root, is_written: Callable[[Path], bool]) -> Placed:
    """Yield the loopback ports that have two owners."""
    for mac_name, mac in root.macs.items():
        endpoints = {name: each for name, each in _endpoints(mac) if not each.is_off}
        owners = [(endpoint.port, f"endpoints.{name}") for name, endpoint in endpoints.items()]
        for port, first, path in _twice(owners):
            why, name = f"is taken by {first}; two servers cannot listen on one port", str(path[1])
            typed = is_written(("macs", mac_name, *path, "port"))
            given = "" if typed else servers.given(name, endpoints[name])
            free = servers.free(port, {port for port, _ in owners})
            text = f"none is typed, and {port}, {given}, {why}: add `port: {free}`" if given else f"{port} {why}: "
            yield (*path, "port"), f"port: {text if given else f'{text}type another, such as `{free}`'}"
        gateway, held = mac.gateway, dict(reversed(owners))
        for door in gateway.doors(endpoints) if gateway else ():
            first = held.setdefault(door.port, f"the door of {door.name}")
            if gateway and first != f"the door of {door.name}":
                taken = f"port: {door.port} is taken by {first}, and the door of {door.name} has it too"
                yield gateway.ports.typed_at(door.audience, door.https), f"{taken}; type another: {door.typed}"


def mounts(root: Root) -> Placed:
    """Yield the mounts of two endpoints; ``/x`` and ``/x/`` are the same, and to avoid mix-ups ``/X`` is too."""
    for mac, field in product(root.macs.values(), ("serve", "funnel")):
        routes = {name: route for name, each in _endpoints(mac) if not each.is_off and (route := getattr(each, field))}
        owners = (((route.https, route.path.lower()), f"endpoints.{name}") for name, route in routes.items())
        for (https, _), first, path in _twice(owners):
            mount, other = routes[str(path[1])].path, routes[first.partition(".")[2]].path
            differs = "" if mount == other else f": {other}, which differs in case alone"
            taken = f"{mount} on port {https} is taken by {first}{differs}"
            yield (*path, field), f"{field}: {taken}; type another path or https port, such as `/{path[1]}-2`"


def labels(root: Root) -> Placed:
    """Yield the launchd labels of two entries."""
    for mac in root.macs.values():
        jobs = [(label, f"launchd.{label}") for label in mac.launchd or {}]
        for name, endpoint in _endpoints(mac):
            jobs += [(label, f"endpoints.{name}") for label in endpoint.job_labels(name)]
        if gateway := mac.gateway:
            jobs.append((gateway.label, "gateway"))
        for label, first, path in _twice(jobs):
            yield (*path, "label"), f"label: {label} is taken by {first}; type another"


def _twice(owners: Iterable[tuple[H, str]]) -> Iterator[tuple[H, str, Path]]:
    """Yield (value, its first owner, the path of the other) for each value that two entries claim."""
    first: dict[H, str] = {}
    for value, owner in owners:
        if first.setdefault(value, owner) != owner:
            yield value, first[value], tuple(owner.split(".", 1))


def commands(root: Root) -> Placed:
    """Yield the commands that do not begin with an absolute path, or that open their server beyond loopback."""
    for section in ("launchd", "endpoints"):
        for name, job in (getattr(root, section) or {}).items():
            path: Path = (section, name)
            program = job.executable
            if program and not re.fullmatch(r"/(?!.*//).+", program):
                why = "is not an absolute path, and launchd does not search a PATH"
                yield (
                    (*path, "command", 0),
                    f"command: {program!r} {why}; type it whole: `{meant.program(program)}`",
                )
            elif program and ONE_WORD.search(program) and ".app/" not in program:
                words = masked(program)
                how = f"type each word by itself: `{meant.word_list(words)[1:-1]}`"
                yield (*path, "command", 0), f"command: {words!r} would be the program's whole name; {how}"
            if job.domain == "gui" and job.user:
                yield (
                    (*path, "user"),
                    "user: a gui job always runs as the user at the screen; take it out, or type `domain: system`",
                )
            if other := job.starts_otherwise:
                text = f"waits_for: it starts a program while {job.waits_for} is there, and {other} says otherwise"
                yield (*path, "waits_for"), f"{text}; take one of them out"
            if section == "endpoints":
                yield from loopback.beyond_loopback(path, job)
                yield from _placeholders(path, job)


def _placeholders(path: Path, job: Job) -> Placed:
    """Yield the words that resemble ``{port}`` or ``{model}`` but are not filled in."""
    words: list[tuple[Path, str]] = [(("command", index), word) for index, word in enumerate(job.command)]
    words += [(("environment", name), value) for name, value in job.environment.items()]
    for index, text in words:
        if "${port}" in text:
            yield (*path, *index), f"{index[0]}: ${{port}} would be the port behind a dollar sign; type `{{port}}`"
        for name in re.findall(r"\{(\w+)\}", text):
            near = get_close_matches(name.lower(), ["port", "model"])
            if near and name not in {"port", "model"}:
                yield (*path, *index), f"{index[0]}: {{{name}}} is not filled in; did you mean `{{{near[0]}}}`?"


def way_in(root: Root) -> Placed:
    """Yield the Macs with contradictory ways to log in; a Mac reached through Remote Login must keep it."""
    for name, mac in root.macs.items():
        field, (user, at, where) = "ssh" if mac.via is None else "via", mac.user.partition("@")
        if at and where in {name, mac.hostname, mac.hostname.partition(".")[0]}:
            yield ("macs", name, "user"), f"user: {where} is the host, not the user's name there; type `{user}`"
        if mac.ssh and mac.via not in (None, mac.ssh):
            yield ("macs", name, "ssh"), f"ssh: it means the same as `via`, which says {mac.via}; take `ssh` out"
        elif mac.login == "openssh" and (login := mac.remote_login) and not login.enabled:
            text = f"{field}: openssh is Remote Login, which remote_login turns off here; keep one"
            yield ("macs", name, field), text


def _endpoints(mac: Mac) -> Iterable[tuple[str, Endpoint]]:
    return (mac.endpoints or {}).items()


ERRORS: tuple[Callable[[Root], Placed], ...] = (
    mounts,
    labels,
    commands,
    way_in,
    *servers.RULES,
    *internet.RULES,
    *reserved.RULES,
)
WHOLE: tuple[Callable[[Root], Placed], ...] = (reserved.references,)
"""Rules about all Macs together."""
WARNINGS = {**power.RULES, **servers.WARNINGS}
