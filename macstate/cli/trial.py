"""`macstate try`: a real chat from this laptop through every door of an endpoint."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from pyinfra.api.host import Host
from pyinfra.api.state import State

from macstate import console, spec
from macstate.cli import jobs
from macstate.cli.target import on_each
from macstate.cli.words import about
from macstate.endpoint.entry import Endpoint
from macstate.endpoint.reach import TAILNET, Reach, reaches, tailnet_name
from macstate.errors import MacstateError, near
from macstate.gateway.entry import Gateway
from macstate.language import secrets
from macstate.language.scope import MacView
from macstate.language.secrets import Secret
from macstate.review.report.styled import Styled
from macstate.transport import connect, terminal
from macstate.transport.ssh import tailnet
from macstate.trial.door import Door, Outcome

if TYPE_CHECKING:
    from macstate.trial.chat import Trial

COLOURS = {"ok": "green", "note": "yellow", "error": "red"}
LONGEST = 86_400
"""Longest timeout, in seconds; nobody waits longer for a token."""


def try_endpoint(
    words: tuple[str | None, str],
    *,
    model: str | None,
    timeout: str,
    resolver: tuple[str, ...],
    limit: tuple[str, ...],
) -> None:
    """Chat with an endpoint from this laptop, through each of its doors."""
    from macstate.trial import names  # noqa: PLC0415 - slow to load, and for this command only
    from macstate.trial.chat import Trial  # noqa: PLC0415 - the same

    target, endpoint = about(words, limit, jobs.endpoints), words[1]
    patience, resolvers = _seconds(timeout), tuple(map(names.resolver, resolver))
    outcomes: list[Outcome] = []

    def look(state: State, host: Host) -> None:
        if connect.is_rehearsal(host):
            raise MacstateError("nobody reaches a rehearsal, which is a folder here; try the Mac itself")
        mac = spec.load().for_host(host.name).macs[0]
        reach, entry = _reach(mac, endpoint)
        trial = Trial(entry, resolvers, patience, reach.example, model or "")
        for via in ("tailnet", "funnel"):
            if reach.url(via):
                with terminal.waiting(f"{endpoint}: asking through {via}"):
                    outcomes.append(outcome := _through(trial, host, mac, reach, via))
                where = f"{host.name} " if sum(map(state.is_host_in_limit, state.inventory)) > 1 else ""
                console.say(
                    Styled(f"{outcome.level:5}", COLOURS[outcome.level]),
                    f"  {where}{via:7}  {reach.base(via)}  {outcome.text}",
                )

    well = on_each(target, limit, (), look, connected=False)
    sys.exit(not well or any(each.level == "error" for each in outcomes))


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found <= LONGEST:
        raise MacstateError(f"--timeout {text}: no number of seconds; type one above 0, such as 120")
    return found


def _reach(mac: MacView, name: str) -> tuple[Reach, Endpoint]:
    """Return how an endpoint is reached, and its entry.

    Raises:
        MacstateError: the Mac has no such endpoint, only the Mac itself reaches it, or the Mac's name is not known.
    """
    endpoints = mac.all(Endpoint)
    if name not in endpoints:
        there = ", ".join(endpoints) or "none"
        raise MacstateError(f"{name}: no such endpoint on this Mac; there are {there}{near(name, endpoints)}")
    entry = endpoints[name]
    if not (entry.serve or entry.funnel):
        raise MacstateError(f"{name}: nobody reaches it but the Mac itself; give it `serve: /{name}`, and apply")
    hostname: str = mac.entry.hostname
    host = tailnet_name(hostname, () if hostname.endswith(TAILNET) else tailnet.host_keys())
    if not host:
        said = f"the Mac's name in the tailnet is not known, for this laptop sees no {hostname} in it"
        raise MacstateError(f"{said}; type it whole as `hostname`: NAME{TAILNET}")
    (found,) = reaches({name: entry}, mac.one(Gateway), host)
    return found, entry


def _through(trial: Trial, host: Host, mac: MacView, reach: Reach, via: str) -> Outcome:
    gateway = mac.one(Gateway)
    door = Door(reach.name, via, reach.url(via), gated=bool(gateway))
    if gateway and reach.needs_key(via):
        try:
            name, key = _key(host, gateway)
        except MacstateError as error:
            return Outcome(door, "error", f"gate: it wants a key, and this laptop has none: {error.message}")
        door = Door(reach.name, via, reach.url(via), gated=True, key_name=name, key=key)
    return trial.through(door)


def _key(host: Host, gateway: Gateway) -> tuple[str, Secret]:
    """Return the name and value of the key that this laptop uses; if a name has two keys, the first that can be read.

    Raises:
        MacstateError: none can be read; none is made here.
    """
    folder, lacking = connect.key_folder(host), []
    client = getattr(spec.load().clients, "local", None)
    chosen = getattr(client, "key", None) or min(gateway.keys, default="")
    for name, reference, place in gateway.references:
        if name != chosen:
            continue
        try:
            if not secrets.is_to_be_made(reference, place, folder):
                return name, secrets.resolve(reference, place, folder)
        except MacstateError as error:
            lacking.append(error.message)
        else:
            lacking.append(
                f"{place}: {folder / place} is not here; copy it from the laptop that has it, or apply first"
            )
    raise MacstateError("; ".join(lacking) or f"the gateway has no key {chosen}")
