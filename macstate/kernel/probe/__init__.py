"""Read a whole Mac with one remote command: a constant script, lists on standard input, replies in base64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial

from pydantic import ValidationError

from macstate.kernel import scripts
from macstate.kernel.outputs import UnreadableError
from macstate.kernel.probe import machine
from macstate.kernel.probe.replies import MARK, replies
from macstate.kernel.resource import Actual, Resource


@cache
def script(kinds: tuple[type[Resource], ...], *, laptop: bool = False) -> str:
    """Return the script of the probe for a Mac, or for the laptop: the common part, then each kind's."""
    common = ("bounded.sh", "probe.sh", *(() if laptop else ("way.sh", "requests.sh", "probe_mac.sh")))
    parts = [scripts.bare(name) for name in common]
    for kind in kinds:
        if kind.laptop is not laptop:
            continue
        lines = kind.script or "\n".join(f"reply '{probe}' {probe}" for probe in kind.probes)
        parts += [f"reply {MARK}{kind.kind} true", lines.strip()]
    return "\n".join([*parts, f"reply {MARK} true"])


def stdin(lists: Iterable[tuple[str, str]]) -> list[str]:
    """Return the probe's standard input, one ``LIST<TAB>VALUE`` a line."""
    return [f"{name}\t{value}" for name, value in sorted(set(lists))] or [""]


def parse(kinds: tuple[type[Resource], ...], lines: list[str], *, laptop: bool = False) -> Actual:
    """Parse a probe's output. If a tool's output cannot be parsed, only its own kind is unknown.

    Raises:
        IncompleteError: the output is not whole.
    """
    printed = replies(lines)
    common = printed.pop("")
    here = {kind.kind: kind for kind in kinds if kind.laptop is laptop}
    record = machine.record(common).of(partial(_carried_out_by_root, here))
    unreadable: dict[str, str] = {}
    outputs: dict[str, dict[str, str]] = {}
    resources: dict[str, Resource] = {}
    for kind in here.values():
        known = outputs[kind.kind] = {}
        shared = {name: section for name, section in common.items() if name in kind.probes}
        for name, section in (shared | printed[kind.kind]).items():
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
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            unreadable[f"{kind.kind}/"] = f"what `{'`, `'.join(known)}` printed is not understood ({_said(error)})"
    facts = (machine.laptop if laptop else machine.mac)(common, record)
    return Actual(facts, resources, record, unreadable, outputs, machine.answers(common), kinds=kinds)


def _carried_out_by_root(kinds: Mapping[str, type[Resource]], identifier: str) -> bool | None:
    """Return whether root carries out the changes of an id; None if the id has no known kind."""
    kind, _, key = identifier.partition("/")
    return kinds[kind].model_construct(key=key).root if kind in kinds else None


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())
    return str(error)
