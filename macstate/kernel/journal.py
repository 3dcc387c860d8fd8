"""What was done on a Mac, and by whom: a JSON line on the Mac for each run that changed something or failed.

Each change writes the run's line anew, so that a run that is cut off has one too. A converged run and a plan write
nothing.
"""

from __future__ import annotations

import json
import secrets
import textwrap
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from macstate.errors import oneline
from macstate.kernel.change import Plan
from macstate.kernel.record import FOLDERS

FILE = "journal"
"""The journal's file name, beside the record."""
TIME = "%Y-%m-%dT%H:%M:%SZ"
BY_HAND = {"stop": "stopped", "start": "started", "restart": "restarted"}
"""How the outcome of such a run is told. The titles of these runs begin with the verb."""
WIDTH = 80
"""Columns of the text that tells why a run has failed."""
LARGEST = 4_000_000
"""Bytes that are read from the end of each journal; a thousand runs of a usual Mac have 1 MB."""
READ = f"""
for folder in "${{MACSTATE_ROOT-}}{FOLDERS[True]}" "$HOME/{FOLDERS[False]}"; do
  [ ! -f "$folder/{FILE}" ] || {{ tail -c {LARGEST} "$folder/{FILE}" && echo; }}
done | base64 | tr -d '\\n'
"""


@dataclass
class JournalLine:
    """The journal line of this run."""

    spec: str
    """SHA-256 of the spec's text."""
    changes: list[str]
    """The titles (sign and id) of all planned changes."""
    done: list[str] = field(default_factory=list)
    run: str = field(default_factory=lambda: secrets.token_hex(6))
    when: str = field(default_factory=lambda: datetime.now(UTC).strftime(TIME))
    declared: str = ""
    """SHA-256 of what the spec declares for this Mac: while it stays that, files are told by their digests."""

    @classmethod
    def of(cls, plan: Plan, spec: str, declared: str = "") -> JournalLine:
        """Return the line of a run that begins."""
        return cls(spec, [title for batch in plan.batches for title in batch.titles], declared=declared)

    def words(self, who: str, *also: str, failed: str = "") -> tuple[str, ...]:
        """Return the words of ``apply.sh``'s command that writes the line, with the titles ``also`` as done, too.

        If a step fails, ``apply.sh`` itself writes that into the line.
        """
        done = [*self.done, *also]
        begin = {"run": self.run, "when": self.when, "who": who, "spec": self.spec}
        begin |= {"declared": self.declared} if self.declared else {}
        text = json.dumps({**begin, "changes": self.changes, "done": done}, ensure_ascii=False).removesuffix("}")
        outcome = f"failed: {failed}" if failed else "applied" if done == self.changes else "not finished"
        return "journal", self.run, b64encode(text.encode()).decode(), outcome


def entries(text: str) -> Iterator[dict[str, Any]]:
    """Yield the runs of both journals of a Mac, oldest first; for a run that is in both, the line that knows more."""
    runs: dict[str, dict[str, Any]] = {}
    for line in text.split("\n"):  # not splitlines(): a name may hold a character that Unicode takes for a line's end
        try:
            entry = json.loads(line, parse_constant=str)
        except (ValueError, RecursionError):
            continue  # half a line, or no line of ours
        if _is_run(entry) and (entry["run"] not in runs or _knows(runs[entry["run"]]) <= _knows(entry)):
            runs[entry["run"]] = entry
    yield from sorted(runs.values(), key=lambda entry: str(entry.get("when")))


def _is_run(entry: Any) -> bool:
    """Return whether an entry is a run of any macstate version; whoever can write there can write anything."""
    match entry:
        case {"run": str(), "done": list(done)}:
            return _are_titles(done) and _are_titles(entry.get("changes", []))
    return False


def _are_titles(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _knows(entry: dict[str, Any]) -> tuple[int, bool]:
    return len(entry["done"]), str(entry.get("outcome")).startswith("failed")


def told(entry: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that tell of a run: when (by this laptop's clock), how it ended, by whom, and what it did."""
    word, _, why = str(entry.get("outcome", "")).partition(": ")
    verbs = {title.partition(" ")[0] for title in entry["done"]}
    if word == "applied" and len(verbs) == 1 and (by_hand := BY_HAND.get(*verbs)):
        word = by_hand
        labels = [title.rpartition("/")[2].removeprefix("macstate.") for title in entry["done"]]
        entry = {**entry, "done": labels, "changes": []}
    yield oneline("  ".join((_local(str(entry.get("when", ""))), word, str(entry.get("who", "")))))
    done = entry["done"]
    yield from (oneline(f"    {title}") for title in done)
    yield from (oneline(f"    not done: {title}") for title in entry.get("changes", ()) if title not in set(done))
    reason = textwrap.wrap(
        oneline(why), WIDTH, initial_indent="    why: ", subsequent_indent=" " * 9, break_on_hyphens=False
    )
    yield from map(oneline, reason)


def _local(when: str) -> str:
    try:
        return f"{datetime.strptime(when, TIME).replace(tzinfo=UTC).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):  # whoever can write there can write anything
        return when
