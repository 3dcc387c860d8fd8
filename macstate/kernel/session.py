"""One run on one Mac: its state, and the lines that it sends to ``apply.sh`` on standard input."""

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
    """The plan, the password, and the record's checksums after this run's last change."""

    def __init__(self, actual: Actual, plan: Plan, spec: str = "", lock_wait: int = LOCK_WAIT) -> None:
        """Begin with the Mac as it was read; ``spec`` is the SHA-256 of the spec's text, ``lock_wait`` in seconds."""
        self.actual, self.plan, self.lock_wait = actual, plan, lock_wait
        self.line = journal.JournalLine.of(plan, spec, actual.declared)
        self.sums = dict(actual.record.sums)
        self.password: str | None = None
        self.failed: set[str] = set()
        """The ids of the changes that have failed, although the run went on."""

    def payload(self, batch: Batch, who: str) -> list[str]:
        """Return the lines for ``apply.sh`` that lock, record what begins, take the steps, and record what is done."""
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
                ended.append(("record", "owned", change.id, change.want.in_record))
            elif not change.foreign:
                ended.append(("record", "gone", change.id, "-"))
        begun.append(self.line.words(who))
        ended.append(self.line.words(who, *batch.titles))
        steps = [step.line for step in batch.steps]
        return self.locked(who, [*map(shlex.join, begun), *steps, *map(shlex.join, ended)], root=batch.root)

    def _begun(self, change: Change) -> Iterator[tuple[str, ...]]:
        """Yield the lines before a change's first step; somebody else's is not recorded, even if the run is cut off."""
        known = self.actual.record.lines.get(change.id)
        said = getattr(known or change.want, "in_record", "-")  # so that a run that is cut off forgets nothing
        if change.foreign or (known is None and change.have):  # the plan has shown it, and the person has allowed it
            yield "takes", change.id
        if change.want:
            yield "record", "pending", change.id, said
        elif not change.foreign:
            yield "removes", change.id, said

    def verdict(self, who: str, failed: str) -> list[str]:
        """Return the lines that tell the journal why the run failed, although all changes were carried out."""
        return self.locked(who, [shlex.join(self.line.words(who, failed=failed))], root=self.root)

    @property
    def root(self) -> bool:
        """Whether the run changes something as root; if so, root's journal has its line."""
        return any(batch.root for batch in self.plan.batches)

    def locked(self, who: str, lines: list[str], *, root: bool) -> list[str]:
        """Return the payload that runs these lines under the lock, if the record is still what this run knows."""
        folder = FOLDERS[root] if root else f"{self.actual.facts.home}/{FOLDERS[False]}"
        alone = (("lock", folder, str(self.lock_wait), who), ("expect", self.sums[root]))
        return ["PAYLOAD", *map(shlex.join, alone), *lines, "END"]

    def _fields(self, change: Change) -> str:
        """Return the names of all fields of a setting that macstate has set, now and before, separated by commas."""
        line = self.actual.record.lines.get(change.id)
        known = self.plan.settings.get(change.id, line.fingerprint if line else "").split(",")
        return ",".join(sorted({*known, *(field for field, _, _ in change.fields)} - {""}))
