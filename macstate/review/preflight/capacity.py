"""Does the Mac have what the declared services need: programs, ports, memory, disk?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from macstate.endpoint.engines import ENGINES
from macstate.endpoint.entry import Endpoint
from macstate.gateway.entry import Gateway, doors_of
from macstate.gateway.servers import SERVERS
from macstate.kernel.resource import Actual
from macstate.kinds.file import FileEntry
from macstate.kinds.firewall import FirewallEntry
from macstate.kinds.gpu_memory import GpuMemory
from macstate.kinds.launchd import Launchd
from macstate.kinds.launchd.job import Job
from macstate.kinds.model import Model, announced, names, size
from macstate.kinds.serve.hands import had
from macstate.language.facts.machine import GIGABYTE, MEGABYTE, Machine
from macstate.review.preflight.finding import Finding, Flight

HOMEBREW = "/opt/homebrew/bin"
SPARE = 5368709120
"""Bytes that a pull must leave free (pull.sh)."""
LITTLE = 20
"""Gigabytes that should stay free."""
BREW = {
    **{engine.program.rpartition("/")[2]: engine.formula for engine in ENGINES.values() if engine.formula},
    **{server.name: server.formula for server in SERVERS.values()},
    "llama-server": "llama.cpp",
    "tailscale": "tailscale",
}
"""Programs, and the Homebrew formula that installs each."""
AIRPLAY_PORTS = {5000, 7000}
AIRPLAY = "it is AirPlay Receiver: switch that off in System Settings > General > AirDrop & Handoff"
OVERHEAD = 1.2
"""The memory of a model as a multiple of its file, for context and buffers, too (a rule of thumb)."""


def programs(flight: Flight) -> Iterator[Finding]:
    """Check that programs are there."""
    machine = flight.actual.facts.machine
    missing = machine.missing
    for where, entry in flight.all(Job).items():
        program = entry.executable
        if program not in missing or machine.is_away(program):  # another rule tells of a disk that is not mounted
            continue
        yield Finding(where, f"{program} is not on this Mac, or cannot be run; {_install(program)}", "error")
    for firewall in flight.all(FirewallEntry).values():
        for program in firewall.allow:
            if program in missing:
                text = f"allow: {program} is not on this Mac, so its rule has no effect; {_install(program)}"
                yield Finding("firewall", text, "warning", "firewall-program")


def _install(program: str) -> str:
    name = program.rpartition("/")[2]
    if name not in BREW:
        return "type its path"
    brew, there = f"`brew install {BREW[name]}`", f"{HOMEBREW}/{name}"
    return f"install it ({brew})" if program == there else f"{brew} puts it at {there}: type that, or its path"


def ports(flight: Flight) -> Iterator[Finding]:
    """Check that nobody else holds the ports."""
    mine = {
        have.pid for have in flight.actual.resources.values() if isinstance(have, Launchd) and have.id in _ours(flight)
    }
    leaving = {change.have.pid for change in flight.plan.changes if isinstance(change.have, Launchd)}
    left = [have for each in flight.plan.left if isinstance(have := flight.actual.resources.get(each), Launchd)]
    scope = flight.declared.scope(flight.actual.facts)
    typed = {door.port: f": {door.typed}" for door in doors_of(scope)}
    servers: dict[str, Endpoint | Gateway] = {**flight.all(Gateway), **flight.all(Endpoint)}
    for where, entry in servers.items():
        for port in entry.listens_on(scope):
            for have in left:
                if port in had(have, flight.actual) and have.label != entry.job_label(where.partition(".")[2]):
                    text = f"port {port} belongs to {have.label}, which stays as it is now"
                    yield Finding(where, f"{text}; solve what is left of that first, or type another port", "error")
            for holder in flight.actual.facts.machine.at(port):
                if holder.group in mine | leaving or holder.pid in mine | leaving:
                    continue
                app = ".app/" in holder.program
                how = "quit it in the menu bar, and remove it from the login items" if app else "stop it"
                how = AIRPLAY if port in AIRPLAY_PORTS and "ControlCenter" in holder.program else how
                yield Finding(
                    where,
                    f"port {port} is in use by {holder}; {how}, or type another port{typed.get(port, '')}",
                    "error",
                )


def _ours(flight: Flight) -> set[str]:
    wanted = {change.id for change in flight.plan.changes if change.want}
    return wanted | flight.plan.adoptable | set(flight.actual.record.lines)


def memory(flight: Flight) -> Iterator[Finding]:
    """Check the memory for the models that are to be loaded together, under the limit that this run sets."""
    machine = flight.actual.facts.machine
    wanted = next((entry.wired_limit_mb * MEGABYTE for entry in flight.all(GpuMemory).values()), None)
    budget = machine.gpu_memory(wanted)
    if wanted and machine.memory and wanted > machine.memory:
        text = f"wired_limit_mb: {wanted // MEGABYTE} is more than this Mac has: {machine.memory // MEGABYTE} MB"
        yield Finding("gpu_memory", f"{text}; type a lower number", "error")
    sizes = _sizes(flight.actual)
    resident = {
        f"{where.partition('.')[2]}/{names.full(model)}": model
        for where, endpoint in flight.all(Endpoint).items()
        for model, entry in endpoint.all_models.items()
        if entry.resident
    }
    need = sum(sizes.get(key, 0) for key in resident) * OVERHEAD
    unknown = [model for key, model in resident.items() if key not in sizes]
    if budget and need > budget:
        verb = "needs" if len(resident) == 1 else "together need"
        text = f"{', '.join(resident.values())} {verb} about {need / GIGABYTE:.0f} GB, and the GPU gets "
        hint = "remove `resident` from one, or raise gpu_memory.wired_limit_mb"
        yield Finding("memory", f"{text}{budget / GIGABYTE:.0f} GB of this Mac; {hint}", "error")
    elif not resident and budget and sizes and max(sizes.values()) * OVERHEAD > budget:
        key = max(sizes, key=lambda each: sizes[each])
        text = f"{key.partition('/')[2]} needs about {sizes[key] * OVERHEAD / GIGABYTE:.0f} GB"
        yield Finding("memory", f"{text}, and the GPU gets {budget / GIGABYTE:.0f} GB of this Mac", "warning", "memory")
    elif resident:
        rest = f"; not known until they are downloaded: {', '.join(unknown)}" if unknown else ""
        yield Finding("memory", f"{need / GIGABYTE:.0f} GB needed of {(budget or 0) / GIGABYTE:.0f} GB{rest}")


def _sizes(actual: Actual) -> Mapping[str, int]:
    models = (have for have in actual.resources.values() if isinstance(have, Model))
    here = {have.key: have.size or (have.pull.bytes if have.pull else 0) for have in models}
    return {**announced(actual.outputs.get(Model.kind, {})), **{key: count for key, count in here.items() if count}}


def downloads(flight: Flight) -> Iterator[Finding]:
    """Tell how much the models to download take, and the room that is left then."""
    coming = [change.want for change in flight.plan.changes if isinstance(change.want, Model)]
    if not coming:
        return
    total = sum(want.size or 0 for want in coming)
    unknown = sum(not want.size for want in coming)
    parts = [f"{size(total)} to download"] if total else []
    text = ", and ".join([*parts, f"the size of {unknown} is not known"] if unknown else parts)
    machine = flight.actual.facts.machine
    for folder in sorted({want.folder for want in coming}):
        free = _free(machine, folder)
        if free is None:
            continue
        left = free - sum(want.size or 0 for want in coming if want.folder == folder)
        if left < SPARE:
            text = f"{text}; with {size(free)} free below {folder} that leaves too little: some will not be pulled"
            yield Finding("models", text, "warning", "models")
            return
        text = f"{text}; {size(left)} will be free below {folder}"
    yield Finding("models", text, "note")


def fetched(flight: Flight) -> Iterator[Finding]:
    """Tell what a server downloads by itself, which macstate neither pulls nor measures."""
    coming = {change.id for change in flight.plan.changes if change.action == "create"}
    for where, entry in flight.all(Endpoint).items():
        job = f"launchd/system/{entry.job_label(where.partition('.')[2])}"
        if job in coming and (text := entry.made_by.downloads(entry)):
            yield Finding(where, text, "note")


def _free(machine: Machine, folder: str) -> int | None:
    """Return the free bytes on the disk of a folder; None if they are not known. All homes are on one disk."""
    if machine.is_away(folder):
        return None
    return (machine.free or {}).get(_disk(machine, folder))


def _disk(machine: Machine, folder: str) -> str:
    """Return the folder by which the disk of a folder is known."""
    return folder if folder in (machine.free or {}) else "/Users"


def disk(flight: Flight) -> Iterator[Finding]:
    """Check the room on the disks."""
    machine = flight.actual.facts.machine
    models = (change.want for change in flight.plan.changes if isinstance(change.want, Model))
    coming = {want.folder for want in models if not machine.is_away(want.folder)}
    for folder, free in (machine.free or {}).items():
        if machine.is_away(folder):
            continue  # its disk is not mounted, and room elsewhere is no answer
        if free >= LITTLE * 10**9 and any(folder == _disk(machine, each) for each in coming):
            continue  # ``downloads`` tells it
        level = "warning" if free < LITTLE * 10**9 else "ok"
        yield Finding("disk", f"{size(free)} free below {folder}", level, "disk")


def ways(flight: Flight) -> Iterator[Finding]:
    """Check that nobody but root can replace the files that root writes, and the programs that it runs."""
    known = flight.actual.facts.machine.ways
    for where in flight.all(FileEntry):
        if known.get(where.partition(".")[2], "0") != "0":
            text = "users other than root can change the folders above it, so root does not work on files there"
            yield Finding(where, f"{text}; type a path below /Library or /etc", "error")
    for where, job in flight.all(Job).items():
        if job.user == "root" and known.get(f"{job.executable}/", "0") != "0":
            text = f"root runs {job.executable}, which other users can replace"
            text = f"{text}; give it another `user`, or type a program below /Library or /usr"
            yield Finding(where, text, "warning", "root-program")


RULES: tuple[Callable[[Flight], Iterator[Finding]], ...] = (programs, ways, ports, memory, downloads, fetched, disk)
