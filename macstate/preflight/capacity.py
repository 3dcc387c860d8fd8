"""Is there what the wished services need: programs, ports, memory, disk?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from macstate.facts.machine import GIGABYTE, MEGABYTE
from macstate.found import Found
from macstate.ollama import names
from macstate.preflight.finding import Finding, Flight
from macstate.resources.launchd import Launchd
from macstate.resources.model import Model

HOMEBREW = "/opt/homebrew/bin"
LITTLE = 20
"""Gigabytes that should stay free."""
BREW = {
    "ollama": "ollama",
    "nginx": "nginx",
    "caddy": "caddy",
    "llama-server": "llama.cpp",
    "mlx_lm.server": "mlx-lm",
    "tailscale": "tailscale",
}
"""Programs, and the Homebrew formula that brings each."""
OVERHEAD = 1.2
"""Memory that a model takes, as a multiple of its file: context and buffers come on top (a rule of thumb)."""


def programs(flight: Flight) -> Iterator[Finding]:
    """Programs that are there."""
    missing = flight.found.facts.machine.missing
    for place, entry in flight.entries("endpoints", "launchd", "gateway").items():
        program = entry.program
        if program not in missing:
            continue
        yield Finding(place, f"{program} is not on this Mac, or cannot be run; {_install(program)}", "error")


def _install(program: str) -> str:
    name = program.rpartition("/")[2]
    if name not in BREW:
        return "type where it is"
    brew, there = f"`brew install {BREW[name]}`", f"{HOMEBREW}/{name}"
    return f"install it ({brew})" if program == there else f"{brew} puts it at {there}: type that, or where else it is"


def ports(flight: Flight) -> Iterator[Finding]:
    """Ports that nobody else holds."""
    mine = {was.pid for was in flight.found.resources.values() if isinstance(was, Launchd) and was.id in _ours(flight)}
    leaving = {change.was.pid for change in flight.plan.changes if isinstance(change.was, Launchd)}
    scope = flight.wishes.scope(flight.found.facts)
    for place, entry in flight.entries("endpoints", "gateway").items():
        for port in entry.listens_on(scope):
            for holder in flight.found.facts.machine.at(port):
                if holder.group in mine | leaving or holder.pid in mine | leaving:
                    continue
                app = ".app/" in holder.program
                how = "quit it in the menu bar, and take it out of the login items" if app else "end it"
                yield Finding(place, f"port {port} is held by {holder}; {how}, or type another port", "error")


def _ours(flight: Flight) -> set[str]:
    wished = {change.id for change in flight.plan.changes if change.wish}
    return wished | flight.plan.as_wished | set(flight.found.record.lines)


def memory(flight: Flight) -> Iterator[Finding]:
    """Memory for the models that are meant to be loaded together, under the limit that this run sets."""
    machine = flight.found.facts.machine
    wished = next((entry.wired_limit_mb * MEGABYTE for entry in flight.entries("gpu_memory").values()), None)
    budget = machine.gpu_memory(wished)
    if wished and machine.memory and wished > machine.memory:
        text = f"wired_limit_mb: {wished // MEGABYTE} is more than this Mac has: {machine.memory // MEGABYTE} MB"
        yield Finding("gpu_memory", f"{text}; type less", "error")
    sizes = _sizes(flight.found)
    resident = {
        f"{place.partition('.')[2]}/{names.full(model)}": model
        for place, endpoint in flight.entries("endpoints").items()
        for model, entry in (endpoint.models or {}).items()
        if entry.resident
    }
    need = sum(sizes.get(key, 0) for key in resident) * OVERHEAD
    unknown = [model for key, model in resident.items() if key not in sizes]
    if budget and need > budget:
        text = f"{', '.join(resident.values())} want about {need / GIGABYTE:.0f} GB together, and the GPU gets "
        hint = "take `resident` off one, or raise gpu_memory.wired_limit_mb"
        yield Finding("memory", f"{text}{budget / GIGABYTE:.0f} GB of this Mac; {hint}", "error")
    elif resident:
        rest = f"; not known before they are here: {', '.join(unknown)}" if unknown else ""
        yield Finding("memory", f"{need / GIGABYTE:.0f} GB wanted of {(budget or 0) / GIGABYTE:.0f} GB{rest}")


def _sizes(found: Found) -> Mapping[str, int]:
    models = (was for was in found.resources.values() if isinstance(was, Model))
    return {was.key: was.size or (was.pull.bytes if was.pull else 0) for was in models}


def disk(flight: Flight) -> Iterator[Finding]:
    """Room on the disk."""
    for folder, free in (flight.found.facts.machine.free or {}).items():
        level = "warning" if free < LITTLE * GIGABYTE else "ok"
        yield Finding("disk", f"{free / GIGABYTE:.0f} GB free below {folder}", level)


def ways(flight: Flight) -> Iterator[Finding]:
    """Files that root writes, and programs that it runs, where nobody else could put others in their place."""
    known = flight.found.facts.machine.ways
    for place in flight.entries("files"):
        if known.get(place.partition(".")[2], "0") != "0":
            text = "others than root can change the folders above it, and root works on no file there"
            yield Finding(place, f"{text}; type a place below /Library or /etc", "error")
    for place, job in flight.entries("launchd", "endpoints").items():
        if job.user == "root" and known.get(f"{job.program}/", "0") != "0":
            text = f"root runs {job.program}, and others can put something else in its place"
            yield Finding(place, f"{text}; give it another `user`, or type a program below /Library or /usr", "warning")


RULES: tuple[Callable[[Flight], Iterator[Finding]], ...] = (programs, ways, ports, memory, disk)
