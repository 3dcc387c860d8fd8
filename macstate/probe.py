"""Read a whole Mac with one remote command: a constant script, lists on standard input, sections in base64."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from macstate import scripts
from macstate.facts import Facts, Node
from macstate.found import Found
from macstate.machine import Machine
from macstate.outputs import UnreadableError
from macstate.record import Record
from macstate.resource import Resource
from macstate.resources import KINDS

MARK = "macstate-kind:"
"""Section that parts the kinds from each other."""


@dataclass(frozen=True)
class Section:
    """What one read command gave."""

    output: str
    status: int
    errors: str


@cache
def script() -> str:
    """Give the probe: the common part, then each kind's."""
    parts = [scripts.bare("probe.sh")]
    for kind in KINDS:
        lines = kind.script or "\n".join(f"section '{probe}' {probe}" for probe in kind.probes)
        parts += [f"section {MARK}{kind.kind} true", lines.strip()]
    return "\n".join([*parts, f"section {MARK} true"])


def stdin(lists: Iterable[tuple[str, str]]) -> list[str]:
    """Give the probe's standard input."""
    return [f"{name}\t{value}" for name, value in sorted(set(lists))] or [""]


def sections(lines: list[str]) -> dict[str, dict[str, Section]]:
    """Decode the output, kind by kind; the common part has the empty kind.

    Raises:
        ValueError: a line is broken, or the end is missing.
    """
    kinds: dict[str, dict[str, Section]] = {"": {}}
    kind = ""
    for line in lines:
        try:
            name, body, *errors = (
                b64decode(part, validate=True).decode("utf-8", "surrogateescape") for part in line.split(" ")
            )
        except (binascii.Error, ValueError):
            continue  # what a login script printed
        if name.startswith(MARK):
            kind = name.removeprefix(MARK)
            kinds.setdefault(kind, {})
            continue
        output, _, status = body.rpartition("\n")
        kinds[kind][name] = Section(output, int(status), "".join(errors).strip())
    if kind or len(kinds) == 1:
        raise ValueError("it ends in the middle")
    return kinds


def found(lines: list[str]) -> Found:
    """Parse a probe's output.

    Raises:
        ValueError: the output is not whole.
    """
    kinds = sections(lines)
    common = kinds.pop("")
    unreadable: dict[str, str] = {}
    outputs: dict[str, dict[str, str]] = {}
    resources: dict[str, Resource] = {}
    for kind in KINDS:
        known = outputs[kind.kind] = {}
        shared = {name: section for name, section in common.items() if name in kind.probes}
        for name, section in (shared | kinds[kind.kind]).items():
            probe = next(probe for probe in kind.probes if name == probe or name.startswith(probe + " "))
            if section.status == 0:
                known[name] = section.output
            elif section.status in kind.absent:
                known[name] = ""
            elif probe not in kind.optional:
                argument = name[len(probe) + 1 :].lstrip("/")
                why = kind.help.get(section.status) or section.errors or section.output.strip() or "no output"
                unreadable[f"{kind.kind}/{argument}"] = f"`{name}` ended with {section.status}: {' '.join(why.split())}"
        try:
            resources |= {resource.id: resource for resource in kind.parse(known)}
        except UnreadableError as error:
            unreadable[f"{kind.kind}/"] = str(error)
    record = _record(common)
    asked = {name: section.output for name, section in common.items() if name.startswith(("health ", "age "))}
    return Found(_facts(common, record), resources, record, unreadable, outputs, asked)


def _facts(common: Mapping[str, Section], record: Record) -> Facts:
    status = common["tailscale status --json"]
    return Facts(
        user=common["user"].output.strip(),
        uid=int(common["uid"].output),
        home=common["home"].output,
        sudo=common["sudo"].status == 0,
        recorded=frozenset(record.lines),
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


def _record(common: Mapping[str, Section]) -> Record:
    return Record.read(
        {root: common[name].output for root, name in ((True, "owned"), (False, "user-owned"))},
        {root: common[f"{name}-sum"].output.strip() for root, name in ((True, "owned"), (False, "user-owned"))},
    )
