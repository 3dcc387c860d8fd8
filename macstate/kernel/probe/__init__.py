"""Read a whole Mac with one remote command: a constant script, lists on standard input, one compressed answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from secrets import token_hex

from pydantic import ValidationError

from macstate.kernel import scripts
from macstate.kernel.outputs import UnreadableError
from macstate.kernel.probe import machine
from macstate.kernel.probe.replies import DIGEST, END, Replies, replies
from macstate.kernel.record import Record
from macstate.kernel.resource import Actual, Resource
from macstate.language.facts import Facts

FRAME = """\
printf '\\n%s\\n' "$mark"
{{
{}
}} 3>&1 >/dev/null </dev/null | gzip -c | base64
printf %s "$mark"
"""
"""Stands around the commands of a probe: their answer, compressed and encoded once, is between two marks."""
BESIDE = """\
{{
{}
}} 3>&1 >/dev/null | {{
{{
{}
}} </dev/null
cat >&3
}}"""
"""Has two lanes read at the same time; the answer of the first one waits in a pipe."""
LANES = {False: 3, True: 1}
"""How many lanes there are on a Mac, and on the laptop. Each tells its end: a shell that cannot fork just ends."""


@cache
def script(kinds: tuple[type[Resource], ...], *, laptop: bool = False) -> str:
    """Return the script of the probe for a Mac, or for the laptop: all functions, then the commands.

    On a Mac what is common, and the kinds in two parts, are read side by side.
    """
    before = ("bounded.sh", "probe.sh", *(() if laptop else ("way.sh", "requests.sh", "probe_mac.sh")))
    functions, commands = [*map(scripts.bare, before)], []
    for kind in kinds:
        if kind.laptop is laptop:
            text = kind.script or "\n".join(f"reply '{probe}' {probe}" for probe in kind.probes)
            own, brace, last = text.strip().rpartition("\n}\n")
            functions.append(f"{own}{brace}".strip())
            commands.append(f"part {kind.kind}\n{last}")
    most = len(commands) * 2 // 3  # the last third has as many questions as they
    on_a_mac = (["part ''", "common", "mac"], commands[:most], commands[most:])
    parts = (["common", "reply uname uname -s", *commands],) if laptop else on_a_mac
    *others, whole = ("\n".join([*part, f"part {END}{lane}"]) for lane, part in enumerate(parts))
    for lane in reversed(others):
        whole = BESIDE.format(lane, whole)
    return "\n".join([*filter(None, functions), FRAME.format(whole)])


def mark() -> str:
    """Return a word to part the replies of one probe. No tool can print it, since it is chosen anew for each."""
    return f"~{token_hex(16)}"  # with ~ in front, no two marks can overlap


def stdin(lists: Iterable[tuple[str, str]], mark: str) -> list[str]:
    """Return the probe's standard input, one ``LIST<TAB>VALUE`` a line."""
    return [f"{name}\t{value}" for name, value in sorted({("mark", mark), *lists})]


@dataclass(frozen=True)
class Answer:
    """The probe's answer: the facts, and all that was printed."""

    kinds: tuple[type[Resource], ...]
    laptop: bool
    printed: Mapping[str, Replies]
    record: Record
    facts: Facts

    @classmethod
    def read(cls, kinds: tuple[type[Resource], ...], lines: list[str], mark: str, *, laptop: bool = False) -> Answer:
        """Read what the probe printed.

        Raises:
            IncompleteError: it is not whole.
        """
        here = tuple(kind for kind in kinds if kind.laptop is laptop)
        printed = replies(lines, mark, LANES[laptop])
        record = machine.record(printed[""]).of(partial(_carried_out_by_root, {kind.kind: kind for kind in here}))
        return cls(here, laptop, printed, record, (machine.laptop if laptop else machine.mac)(printed[""], record))

    @property
    def digests(self) -> frozenset[str]:
        """The digests by which contents were told."""
        parts = (self.printed[kind.kind] for kind in self.kinds)
        return frozenset(each.output for part in parts for name, each in part.items() if name.startswith(DIGEST))

    def actual(self, texts: Mapping[str, str] | None = None) -> Actual:
        """Return the machine as it was read; ``texts`` are the contents by digest, at least of all ``digests``.

        If a tool's output cannot be parsed, only its own kind is unknown.
        """
        common = self.printed[""]
        unreadable: dict[str, str] = {}
        outputs: dict[str, dict[str, str]] = {}
        resources: dict[str, Resource] = {}
        for kind in self.kinds:
            known = outputs[kind.kind] = {}
            shared = {name: each for name, each in common.items() if _probe(kind, name)}
            for name, section in (shared | self.printed[kind.kind]).items():
                if name.startswith(DIGEST):
                    known[f"cat {name.removeprefix(DIGEST)}"] = (texts or {})[section.output]
                elif section.status == 0:
                    known[name] = section.output
                elif section.status in kind.absent:
                    known[name] = ""
                elif (probe := _probe(kind, name)) not in kind.optional:
                    argument = "" if kind.setting else name[len(probe) + 1 :].lstrip("/")
                    why = kind.help.get(section.status) or section.errors or section.output.strip() or "no output"
                    said = f"`{name}` ended with {section.status}: {' '.join(why.split())}"
                    unreadable[f"{kind.kind}/{argument}"] = said
            try:
                resources |= {resource.id: resource for resource in kind.parse(known)}
            except UnreadableError as error:
                unreadable[f"{kind.kind}/"] = str(error)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                unreadable[f"{kind.kind}/"] = f"what `{'`, `'.join(known)}` printed is not understood ({_said(error)})"
        answers = machine.answers(common)
        return Actual(self.facts, resources, self.record, unreadable, outputs, answers, kinds=self.kinds)


def parse(kinds: tuple[type[Resource], ...], lines: list[str], mark: str, *, laptop: bool = False) -> Actual:
    """Return the machine as it was read by a probe that was not asked for digests.

    Raises:
        IncompleteError: the answer is not whole.
    """
    return Answer.read(kinds, lines, mark, laptop=laptop).actual()


def _probe(kind: type[Resource], name: str) -> str:
    """Return the probe of a kind that a reply is of; empty if it is of none."""
    return next((probe for probe in kind.probes if name == probe or name.startswith(f"{probe} ")), "")


def _carried_out_by_root(kinds: Mapping[str, type[Resource]], identifier: str) -> bool | None:
    """Return whether root carries out the changes of an id; None if the id has no known kind."""
    kind, _, key = identifier.partition("/")
    return kinds[kind].model_construct(key=key).root if kind in kinds else None


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())
    return str(error)
