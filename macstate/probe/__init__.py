"""Read a whole Mac with one remote command: a constant script, lists on standard input, sections in base64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from pydantic import ValidationError

from macstate import scripts
from macstate.facts import Facts, Laptop, Node
from macstate.facts.machine import Machine
from macstate.found import Found
from macstate.outputs import UnreadableError
from macstate.probe.sections import MARK, Section, sections
from macstate.record import Record
from macstate.resource import Resource
from macstate.resources import KINDS


@cache
def script(*, laptop: bool = False) -> str:
    """Give the probe of a Mac, or of the laptop: the common part, then each kind's."""
    parts = [scripts.bare("probe.sh"), *([] if laptop else [scripts.bare("probe_mac.sh")])]
    for kind in _kinds(laptop=laptop):
        lines = kind.script or "\n".join(f"section '{probe}' {probe}" for probe in kind.probes)
        parts += [f"section {MARK}{kind.kind} true", lines.strip()]
    return "\n".join([*parts, f"section {MARK} true"])


def _kinds(*, laptop: bool) -> list[type[Resource]]:
    return [kind for kind in KINDS if kind.laptop is laptop]


def stdin(lists: Iterable[tuple[str, str]]) -> list[str]:
    """Give the probe's standard input."""
    return [f"{name}\t{value}" for name, value in sorted(set(lists))] or [""]


def found(lines: list[str], *, laptop: bool = False) -> Found:
    """Parse a probe's output. A tool that says what cannot be parsed leaves its own kind unknown, and no other.

    Raises:
        IncompleteError: the output is not whole.
    """
    kinds = sections(lines)
    common = kinds.pop("")
    unreadable: dict[str, str] = {}
    outputs: dict[str, dict[str, str]] = {}
    resources: dict[str, Resource] = {}
    for kind in _kinds(laptop=laptop):
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
        except (ValueError, LookupError) as error:
            unreadable[f"{kind.kind}/"] = f"what `{'`, `'.join(known)}` printed is not understood ({_said(error)})"
    record = _record(common).of({kind.kind for kind in _kinds(laptop=laptop)})
    asked = {
        name: section.output for name, section in common.items() if name.startswith(("health ", "served ", "age "))
    }
    facts = (_laptop if laptop else _facts)(common, record)
    return Found(facts, resources, record, unreadable, outputs, asked)


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())
    return str(error)


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


def _laptop(common: Mapping[str, Section], record: Record) -> Facts:
    own = {name.partition(" ")[2]: section.output for name, section in common.items() if name.startswith("own ")}
    return Facts(
        user=common["user"].output.strip(),
        uid=int(common["uid"].output),
        home=common["home"].output,
        recorded=frozenset(record.lines),
        laptop=Laptop(common["uname"].output.strip(), own),
    )


def _record(common: Mapping[str, Section]) -> Record:
    return Record.read(
        {root: common[name].output for root, name in ((True, "owned"), (False, "user-owned"))},
        {root: common[f"{name}-sum"].output.strip() for root, name in ((True, "owned"), (False, "user-owned"))},
    )
