"""Does the Mac have what launchd needs before a job's program starts: its user, its folders, its disk, a login?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from macstate.kinds.gpu_memory import GpuMemory
from macstate.kinds.launchd import Launchd
from macstate.kinds.launchd.job import Job
from macstate.kinds.sysctl import WIRED_LIMIT
from macstate.review.preflight.finding import Finding, Flight

EX_CONFIG = "launchd would end it with 78 (EX_CONFIG), again and again"


def settings(flight: Flight) -> Iterator[Finding]:
    """Check that users and folders are there."""
    machine = flight.actual.facts.machine
    for where, job in flight.all(Job).items():
        if job.user in machine.no_users:
            yield Finding(where, f"user: this Mac has no user {job.user}; {EX_CONFIG}; type another", "error")
        for folder, field in job.folders.items():
            if folder in machine.no_folders and not machine.is_away(folder):
                text = f"{field}: the folder {folder} does not exist; {EX_CONFIG}; make it on the Mac, or type another"
                yield Finding(where, text, "error")


def volumes(flight: Flight) -> Iterator[Finding]:
    """Check that external disks are there; a job that waits for its disk may wait."""
    for where, job in flight.all(Job).items():
        for volume, what in job.volumes.items():
            if not flight.actual.facts.machine.is_away(volume):
                continue
            if f"{job.waits_for or ''}/".startswith(f"{volume}/"):
                yield Finding(where, f"it waits for {volume}, which is not mounted", "warning", "volume")
            else:
                hint = f"connect the disk, or have the job wait for it: `waits_for: {volume}`"
                yield Finding(where, f"{what} is on {volume}, which is not mounted; {hint}", "error")


def logins(flight: Flight) -> Iterator[Finding]:
    """Check that somebody is logged in automatically at the screen, if a job or Tailscale's app needs that."""
    gui = [where for where, job in flight.all(Job).items() if job.domain == "gui"]
    app = flight.actual.facts.node.variant != "open-source" and flight.actual.facts.node.name
    needs = [*gui, *(["Tailscale's app"] if app else [])]
    if needs and flight.actual.facts.machine.autologin is False:
        verb = "starts" if len(needs) == 1 else "start"
        text = f"it is off, so {', '.join(needs)} {verb} only after a login at the Mac's screen"
        hint = "turn it on in System Settings > Users & Groups (FileVault must be off), or type `domain: system`"
        yield Finding("automatic login", f"{text}; {hint}", "warning", "login")


def name(flight: Flight) -> Iterator[Finding]:
    """Check that the name in the spec is the node's own."""
    node, (mac,) = flight.actual.facts.node, flight.declared.macs
    wanted = mac.entry.hostname.rstrip(".").lower()
    if node.name and wanted.endswith(".ts.net") and wanted != node.name.lower():
        text = f"{wanted} is no longer this node's name, which is now {node.name}"
        hint = "type that, or remove the old machine in Tailscale's admin console and give this one its name"
        yield Finding(f"macs.{mac.name}", f"hostname: {text}; {hint}", "warning", "hostname")


def twins(flight: Flight) -> Iterator[Finding]:
    """Check that no foreign job sets the GPU's limit: at boot, whichever job runs last wins."""
    ours = {*flight.actual.record.lines, *(want.id for want in flight.plan.stays)}
    ours |= {change.id for change in flight.plan.changes if not change.foreign}
    for where in flight.all(GpuMemory):
        for have in flight.actual.resources.values():
            if (
                isinstance(have, Launchd)
                and have.id not in ours
                and WIRED_LIMIT in json.dumps([have.file, have.loaded])
            ):
                text = f"{have.label} ({have.path}) sets {WIRED_LIMIT} too: at boot, whichever runs last wins"
                yield Finding(where, f"{text}; boot it out, and delete its plist", "warning", "gpu-memory")


RULES: tuple[Callable[[Flight], Iterator[Finding]], ...] = (settings, volumes, logins, name, twins)
