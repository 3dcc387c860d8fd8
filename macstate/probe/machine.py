"""The probe's common part: what is read of a machine whatever its kinds are."""

from __future__ import annotations

from collections.abc import Mapping

from macstate.facts import Facts, Laptop, Node
from macstate.facts.machine import Machine
from macstate.probe.sections import Section
from macstate.record import Record


def mac(common: Mapping[str, Section], known: Record) -> Facts:
    """Give what a Mac's wishes are expanded with."""
    status = common["tailscale status --json"]
    return Facts(
        user=common["user"].output.strip(),
        uid=int(common["uid"].output),
        home=common["home"].output,
        sudo=common["sudo"].status == 0,
        recorded=known.fingerprints,
        version=common["sw_vers -productVersion"].output.strip(),
        real={
            name.partition(" ")[2]: section.output.strip()
            for name, section in common.items()
            if name.startswith("realpath ") and section.status == 0
        },
        programs={
            name.partition(" ")[2]: section.output
            for name, section in common.items()
            if name.startswith("about ") and section.status == 0
        },
        machine=Machine.read(
            {name: section.output for name, section in common.items()},
            frozenset(name.partition(" ")[2] for name in common if name.startswith("missing ")),
        ),
        node=Node.read(status.output, status.errors, common["tailscale variant"].output.strip()),
    )


def laptop(common: Mapping[str, Section], known: Record) -> Facts:
    """Give what the laptop's wishes are expanded with."""
    own = {name.partition(" ")[2]: section.output for name, section in common.items() if name.startswith("own ")}
    return Facts(
        user=common["user"].output.strip(),
        uid=int(common["uid"].output),
        home=common["home"].output,
        recorded=known.fingerprints,
        laptop=Laptop(common["uname"].output.strip(), own),
    )


def record(common: Mapping[str, Section]) -> Record:
    """Give what macstate has made here, by root's record and by the user's."""
    return Record.read(
        {root: common[name].output for root, name in ((True, "owned"), (False, "user-owned"))},
        {root: common[f"{name}-sum"].output.strip() for root, name in ((True, "owned"), (False, "user-owned"))},
    )


def asked(common: Mapping[str, Section]) -> dict[str, str]:
    """Give what endpoints answered, where they were asked."""
    return {name: section.output for name, section in common.items() if name.startswith(("health ", "served ", "age "))}
