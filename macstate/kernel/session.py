"""One run on one Mac: what it knows, and what stands on the remote script's standard input."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from macstate.kernel import journal
from macstate.kernel.change import Batch, Change, Plan
from macstate.kernel.record import FOLDERS, SETTING
from macstate.kernel.resource import Actual

LOCK_WAIT = 60
"""Seconds to wait for a run that holds the lock."""


class Session:
    """The plan, the password, and the record's checksums as this run left them."""

    def __init__(self, actual: Actual, plan: Plan, spec: str = "", lock_wait: int = LOCK_WAIT) -> None:
        """Begin with what the probe found; ``spec`` is the digest of what it is made to be."""
        self.actual, self.plan, self.lock_wait = actual, plan, lock_wait
        self.entry = journal.JournalLine.of(plan, spec)
        self.sums = dict(actual.record.sums)
        self.password: str | None = None
        self.failed: set[str] = set()
        """The ids of what this run has not managed, though it went on."""

    def payload(self, batch: Batch, who: str) -> list[str]:
        """Return the lines for ``apply.sh``: lock, record what begins, the steps, record what is done."""
        begun: list[tuple[str, ...]] = []
        if batch is next((each for each in self.plan.batches if each.root), None):
            left = self.plan.settings.items()
            begun += [("record", SETTING if stay else "gone", name, stay) for name, stay in left]
        ended: list[tuple[str, ...]] = []
        for change in batch.changes:
            if not change.owned:
                begun.append(("record", SETTING, change.id, self._fields(change)))
                continue
            begun += self._begun(change) if batch.steps else ()
            if change.want:
                ended.append(("record", "owned", change.id, change.want.fingerprint))
            elif not change.foreign:
                ended.append(("record", "gone", change.id, "-"))
        begun.append(self.entry.words(who))
        ended.append(self.entry.words(who, *batch.titles))
        steps = [step.line for step in batch.steps]
        return self.locked(who, [*map(shlex.join, begun), *steps, *map(shlex.join, ended)], root=batch.root)

    def _begun(self, change: Change) -> Iterator[tuple[str, ...]]:
        """Yield what is said before the first step: what somebody else made is in no record of ours, cut off or not."""
        known = self.actual.record.lines.get(change.id)
        fingerprint = getattr(known or change.want, "fingerprint", "-")  # a run that is cut off forgets nothing
        if change.foreign or (known is None and change.have):  # it was seen, and the person has let it through
            yield "takes", change.id
        if change.want:
            yield "record", "pending", change.id, fingerprint
        elif not change.foreign:
            yield "removes", change.id, fingerprint

    def verdict(self, who: str, failed: str) -> list[str]:
        """Return the lines that tell the journal why the run is not what was wished for, though all was carried out."""
        return self.locked(who, [shlex.join(self.entry.words(who, failed=failed))], root=self.root)

    @property
    def root(self) -> bool:
        """Whether it has changed something as root, whose journal tells of it then."""
        return any(batch.root for batch in self.plan.batches)

    def locked(self, who: str, lines: list[str], *, root: bool) -> list[str]:
        """Return what carries these lines out under the lock, if the record is still what this run knows."""
        folder = FOLDERS[root] if root else f"{self.actual.facts.home}/{FOLDERS[False]}"
        alone = (("lock", folder, str(self.lock_wait), who), ("expect", self.sums[root]))
        return ["PAYLOAD", *map(shlex.join, alone), *lines, "END"]

    def _fields(self, change: Change) -> str:
        """Name all fields of a setting that we have set, now and before."""
        line = self.actual.record.lines.get(change.id)
        known = self.plan.settings.get(change.id, line.fingerprint if line else "").split(",")
        return ",".join(sorted({*known, *(field for field, _, _ in change.fields)} - {""}))
