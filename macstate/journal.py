"""What was done on a Mac and by whom: one JSON line a run that changed something or failed, kept on the Mac itself.

Each change writes the run's line anew, so that a run which is cut off has one too; a converged run and a plan write
nothing.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from macstate.change import Plan
from macstate.record import FOLDERS

FILE = "journal"
"""Its name, beside the record."""
READ = f"""
for folder in "${{MACSTATE_ROOT-}}{FOLDERS[True]}" "$HOME/{FOLDERS[False]}"; do
  [ ! -f "$folder/{FILE}" ] || cat "$folder/{FILE}"
done | base64 | tr -d '\\n'
"""


@dataclass
class Entry:
    """This run's line."""

    spec: str
    """SHA-256 of the spec's text."""
    changes: list[str]
    """All that was planned, as sign and id."""
    done: list[str] = field(default_factory=list)
    run: str = field(default_factory=lambda: secrets.token_hex(6))
    when: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    @classmethod
    def of(cls, plan: Plan, spec: str) -> Entry:
        """Begin a run."""
        return cls(spec, [title for batch in plan.batches for title in batch.titles])

    def words(self, who: str, *also: str, failed: str = "") -> tuple[str, ...]:
        """Give ``apply.sh``'s line where these are done too; where one of its steps fails, it says that there."""
        done = [*self.done, *also]
        begin = {"run": self.run, "when": self.when, "who": who, "spec": self.spec}
        text = json.dumps({**begin, "changes": self.changes, "done": done}, ensure_ascii=False).removesuffix("}")
        outcome = f"failed: {failed}" if failed else "applied" if done == self.changes else "not finished"
        return "journal", self.run, b64encode(text.encode()).decode(), outcome


def entries(text: str) -> Iterator[dict[str, Any]]:
    """Read both journals of a Mac, the oldest first; of a run that wrote in both, the line that knows more."""
    runs: dict[str, dict[str, Any]] = {}
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            known = runs.get(entry["run"])
            if known is None or _knows(known) <= _knows(entry):
                runs[entry["run"]] = entry
        except (ValueError, KeyError, TypeError):
            continue  # the line of another version, or of nobody
    yield from sorted(runs.values(), key=lambda entry: str(entry.get("when")))


def _knows(entry: dict[str, Any]) -> tuple[int, bool]:
    return len(entry["done"]), str(entry.get("outcome")).startswith("failed")


def told(entry: dict[str, Any]) -> Iterator[str]:
    """Give the lines that tell of a run."""
    done, outcome = entry["done"], entry.get("outcome", "")
    yield f"{entry.get('when', '')}  {entry.get('who', '')}  {outcome}"
    yield from (f"    {title}" for title in done)
    if left := [title for title in entry.get("changes", ()) if title not in done]:
        yield f"    not done: {', '.join(left)}"
