"""What a person looks at before a run: a Mac as it is, the plan for it, and the findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from macstate.endpoint.entry import Endpoint
from macstate.errors import MacstateError
from macstate.gateway import changes
from macstate.kernel.change import Plan
from macstate.kernel.declaration import Declaration
from macstate.kernel.plan import plan
from macstate.kernel.resource import Actual, Resource
from macstate.kinds.key_file import KeyFile
from macstate.kinds.launchd import Launchd
from macstate.kinds.serve.hands import had, stranded
from macstate.language.scope import Keys
from macstate.printable import printable
from macstate.review import guard, preflight, report
from macstate.review.options import Options
from macstate.review.preflight.finding import Finding
from macstate.review.saved import Saved
from macstate.spec.declared import Declared, location, stale


@dataclass(frozen=True)
class Review:
    """One Mac before a run: as it was read, with its plan and the findings."""

    name: str
    declared: Declared
    actual: Actual
    keys: Keys
    plan: Plan
    findings: tuple[Finding, ...]
    spec: str = ""
    """SHA-256 of the spec's text."""
    options: Options = field(default_factory=Options)
    shared: frozenset[str] = frozenset()
    """The ids of what a run for only some entries changes for other entries, too."""
    left: tuple[str, ...] = ()
    """The ids of what a run for only some entries leaves, although it is no longer in the spec."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings, which do not stop a run."""
        seen = (f"{each.about}: {each.text}" for each in self.findings if each.level == "warning")
        return (*self.declared.warnings, *seen)

    @property
    def afterwards(self) -> Declared:
        """What must be true after the run; a resource that waits for a pull may appear during the run, or not."""
        return replace(self.declared, later=frozenset(want.id for want in self.plan.stays if not want.managed))

    def text(self, *, steps: bool, width: int | None = None) -> Iterator[str]:
        """Yield the plan's lines."""
        if only := self.declared.only:
            yield f"only {', '.join(only)} and what that needs: the rest was not looked at"
            if any(change.id in self.shared for change in self.plan.changes):
                yield "the gateway is one for all endpoints: what changes in it may be about others too"
            left = map(printable, self.left)
            yield from (f"{name} is no longer in the spec, and goes in a run without `--only`" for name in left)
        notes = tuple(str(each) for each in self.findings if each.level == "note")
        yield from report.text(
            self.name,
            self.plan,
            steps=steps,
            width=width,
            only=only,
            notes=notes,
            edited=report.edited(self.plan, self.actual),
        )

    def check(self, saved: Saved | None = None) -> None:
        """Refuse a run that must not begin. A part that cannot be done stops only that part, and is told at the end.

        Raises:
            MacstateError: the plan is not the saved one, it has a danger whose override was not typed, or a key file
                can neither be made nor left as it is.
        """
        if saved:
            saved.check(self.name, self.plan, self.spec)
        serves = bool(self.declared.all(Endpoint))
        guard.check(self.plan, self.actual.facts.node, self.options.allow, serves=serves)
        if against := tuple(self._against()):
            raise MacstateError(*against)

    def _against(self) -> Iterator[str]:
        """Yield why a key file can neither be made nor left as it is."""
        for want in (*self.plan.stays, *(change.want for change in self.plan.changes)):
            have = self.actual.resources.get(want.id) if want else None
            if isinstance(want, KeyFile) and (why := want.against(have if isinstance(have, KeyFile) else None)):
                yield why

    @property
    def refusals(self) -> list[str]:
        """Why the run is refused; empty if it is not."""
        try:
            self.check()
        except MacstateError as error:
            return list(error.lines)
        return []

    def end(self) -> None:
        """End a run that has nothing more to change.

        Raises:
            MacstateError: something is left that cannot be done now.
        """
        if left := report.left(self.plan):
            raise MacstateError(*(f"left: {line}" for line in left))


def planned(declared: Declared, actual: Actual, keys: Keys, *, adopt: bool = False) -> tuple[Plan, tuple[Finding, ...]]:
    """Return the plan for the entries of this run, without what cannot be done on this Mac now, and the findings.

    Raises:
        MacstateError: two entries of the spec make the same thing.
    """
    desired, lacking = declared.expanded(actual.facts, keys)
    about = declared.about(desired, actual, keys)
    without = dict(_unsure(desired, actual, lacking))
    errors: dict[str, str] = {}
    entries = {location(*entry): entry for entry in declared.entries}
    while True:  # what is left may make more impossible
        todo = plan(desired, actual, about, adopt=adopt, without=without)
        findings = tuple(preflight.findings(declared, actual, todo))
        fresh = {each.about for each in findings if each.level == "error"}.difference(errors)
        if not fresh:
            break
        for where in fresh:
            told = [each for each in findings if each.about == where and each.level == "error"]
            errors[where] = "; ".join([str(told[0]), *(each.text for each in told[1:])])
        shared = declared.ids(entries.keys() - errors.keys(), actual.facts, keys)
        for where, why in errors.items():
            without |= dict.fromkeys(declared.ids((where,), actual.facts, keys) - shared, why)
        closed = {where for where in errors.keys() & entries.keys() if not _in_force(*entries[where], actual)}
        desired = {**desired, **replace(declared, closed=frozenset(closed)).expanded(actual.facts, keys)[0]}
    if lost := stranded(todo, actual):
        desired = {name: want for name, want in desired.items() if name not in lost}
        without = {name: why for name, why in without.items() if name not in lost}
        todo = plan(desired, actual, about, adopt=adopt, without=without)
    mine = {*declared.only, *declared.needed} if declared.only else {*lacking, *errors}
    told_of = {**{where: why for where, why in errors.items() if why not in todo.left.values()}, **lacking}
    todo = replace(todo, left={**todo.left, **{where: why for where, why in told_of.items() if where in mine}})
    return todo, findings


def _unsure(desired: Mapping[str, Resource], actual: Actual, lacking: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (id, why) of what may belong to an entry that cannot be expanded; it looks as if it had left the spec."""
    why = next(iter(lacking.values()), "")
    if why:
        yield from ((each, why) for want in desired.values() for each in want.needs if each not in desired)
        later = f"not in the spec, as far as can be seen, and stays until all of that can be: {why}"
        yield from ((each, later) for each in stale(desired, actual))


def _in_force(name: str, entry: Declaration, actual: Actual) -> bool:
    """Return whether an endpoint's actual job, and nobody else, has the port to which the gateway leads."""
    if not isinstance(entry, Endpoint):
        return True
    job = actual.resources.get(f"launchd/system/{entry.job_label(name)}")
    listening = {each.group for each in actual.facts.machine.at(entry.port)} - {getattr(job, "pid", None)}
    mine = isinstance(job, Launchd) and job.id in actual.record.lines and entry.port in had(job, actual)
    return mine and not listening


def review(name: str, declared: Declared, actual: Actual, keys: Keys, *, adopt: bool = False) -> Review:
    """Return the review of an actual Mac; with ``adopt``, objects that match the spec are recorded as macstate's.

    Raises:
        MacstateError: two entries make the same thing, or a run for only some entries would change others, too.
    """
    todo, findings = planned(declared, actual, keys, adopt=adopt)
    seen = Review(name, declared, actual, keys, todo, findings)
    if not declared.only:
        return seen
    if others := changes.others(todo, declared.only):
        why = f"what the gateway does for {', '.join(others)} changes too, and their servers would stay as they are"
        raise MacstateError(f"only={','.join(declared.only)}: {why}; add these, or leave `--only` out")
    shared = declared.ids(declared.needed, actual.facts, keys)
    gone = {change.id for change in todo.changes}
    desired, lacking = declared.expanded(actual.facts, keys)
    left = tuple(each for each in stale(desired, actual) if each not in gone) if not lacking else ()
    return replace(seen, shared=shared, left=left)
