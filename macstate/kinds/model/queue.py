"""The queue of pulls on a Mac, as pull.sh keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from macstate.kernel.outputs import Outputs, runs_of

FIELDS = ("bytes", "state", "since", "first", "time", "answer")
"""The fields behind the name in a line of a queue."""


MOST = 10**18
"""Bytes; nothing larger is a model."""


@dataclass(frozen=True)
class Pull:
    """One model on its way."""

    state: str
    """``waiting``, ``pulling`` or ``failed``."""
    alive: bool
    """Whether a process works on the queue; after a restart of the Mac none does."""
    bytes: int = 0
    """Its size, if the registry told it."""
    total: int = 0
    """Bytes of the layer that is being pulled."""
    completed: int = 0
    """How many of them are here."""
    rate: float = 0.0
    """Bytes a second."""
    answer: str = ""
    """What the server said last; for a failed pull, why it failed."""

    @property
    def going_on(self) -> bool:
        """Whether the model will come without anybody doing anything."""
        return self.alive and self.state != "failed"

    @property
    def seconds(self) -> float | None:
        """The seconds that this layer still takes; None if they are not known."""
        return (self.total - self.completed) / self.rate if self.rate and self.total else None

    def __str__(self) -> str:
        if self.state == "waiting":
            return f"waits for others, {self.bytes / 1e9:.1f} GB"
        if not self.total:
            return self.answer or "begins"
        text = f"{self.completed / 1e9:.1f} of {self.total / 1e9:.1f} GB"
        return f"{text}, {self.rate / 1e6:.0f} MB/s, {clock(self.seconds)} left" if self.seconds is not None else text


def clock(seconds: float | None) -> str:
    """Return a time as ``1:02:03``, or ``2:03`` below an hour."""
    minutes, rest = divmod(int(seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def pulls(outputs: Outputs) -> Iterator[tuple[str, Pull]]:
    """Yield (``ENDPOINT/NAME:TAG``, pull) of every line of every queue."""
    for endpoint, text in runs_of(outputs, "pulls"):
        working, *lines = text.split("\n") or [""]
        for line in lines:
            name, *fields = line.split("\t")
            if len(fields) == len(FIELDS):
                yield f"{endpoint}/{name}", _pull(dict(zip(FIELDS, fields, strict=True)), working == "working")


def _pull(line: dict[str, str], alive: bool) -> Pull:
    answer, total, completed = line["answer"], 0, 0
    try:
        said = json.loads(answer)
        total, completed = (min(max(int(said.get(name, 0)), 0), MOST) for name in ("total", "completed"))
        answer = str(said.get("error") or said.get("status", ""))
    except (ValueError, AttributeError, TypeError, OverflowError, RecursionError):
        pass  # our own words
    passed = int(line["time"]) - int(line["since"])
    rate = (completed - int(line["first"])) / passed if passed > 0 and total else 0.0
    return Pull(line["state"], alive, int(line["bytes"] or 0), total, completed, max(rate, 0.0), answer)
