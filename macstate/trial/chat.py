"""Try one endpoint: what to ask through a door, and the outcome as one line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from dns.nameserver import Nameserver

from macstate import hint
from macstate.endpoint.engine import MODELS
from macstate.endpoint.entry import Endpoint
from macstate.trial import names, stream, verdict
from macstate.trial.door import BrokenError, Door, Outcome, UnaskedError
from macstate.trial.wire import LOST, TooLargeError, asked

QUESTION = "Count from one to thirty, in words."
CHAT = "/v1/chat/completions"
CROOKED = "/%5c"
"""A path that the gate itself refuses, whatever stands behind it (``answers.REFUSALS``)."""
SOON = 10
"""Seconds to wait for a reply that is not a chat."""
LISTED = 5
"""Most models that a line names."""
READ = 1_000_000
"""Most bytes of a list of models."""
MOMENT = 0.001
"""Seconds; tokens within this time came all at once."""


@dataclass
class Trial:
    """A trial of one endpoint."""

    entry: Endpoint
    """The endpoint as the spec declares it."""
    resolvers: tuple[Nameserver, ...]
    patience: float
    """Seconds to wait for the first token."""
    example: str
    """The path to request from a server that has no chat."""
    model: str = ""
    """The model to chat with; empty: the first door that lists models decides."""

    def through(self, door: Door) -> Outcome:
        """Return the outcome of a trial through a door."""
        try:
            door = replace(door, address=door.address or names.address(door, self.resolvers))
            text = self._chat(door) if self.entry.made_by.chats else self._get(door)
        except UnaskedError as error:
            return Outcome(door, "note", f"could not be asked from here: {error}")
        except BrokenError as error:
            return Outcome(door, "error", f"{error.link}: {error.why}")
        return Outcome(door, "ok", text)

    def _chat(self, door: Door) -> str:
        self.model = self.model or self._chosen(door)
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": QUESTION}],
            "max_tokens": stream.WANTED,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        try:
            found, begun = self._heard(door, body)
        except BrokenError as error:
            if "stream_options" not in error.why:
                raise
            found, begun = self._heard(door, {name: each for name, each in body.items() if name != "stream_options"})
        count = f"{found.tokens} token{'' if found.tokens == 1 else 's'}"
        told = f"{door.told(self.model)}: first token after {found.first - begun:.2f} s, "
        if found.tokens == 1 or found.last - found.first < MOMENT:
            return f"{told}{count} at once"
        return f"{told}{found.rate:.1f} tokens a second ({count})"

    def _heard(self, door: Door, body: dict[str, Any]) -> tuple[stream.Heard, float]:
        with self._asked(door, CHAT, body, patience=self.patience) as (answer, wire):
            if answer.status != 200:  # noqa: PLR2004 - OK
                error = verdict.refused(door, answer, self.model)
                raise self._not_there(door, error) if error.link == "model" else error
            kind = answer.getheader("Content-Type", "").partition(";")[0].strip().lower()
            if kind == "application/json":
                said = verdict.error_text(answer.read(verdict.READ))
                logs = hint.command("logs", door.endpoint)
                raise BrokenError("server", f"it answers at once and not as a stream: {door.told(said)}; {logs}")
            return stream.heard(door, self.model, answer, wire), wire.begun

    def _get(self, door: Door) -> str:
        begun = time.monotonic()
        with self._asked(door, self.example, patience=self.patience) as (answer, _):
            if answer.status >= 300:  # noqa: PLR2004 - no success
                raise verdict.refused(door, answer, "")
            return f"HTTP {answer.status} for {self.example} after {time.monotonic() - begun:.2f} s"

    def _chosen(self, door: Door) -> str:
        """Return a model: one that is loaded, else one that is declared (a resident one first), else any."""
        declared, engine = dict(self.entry.models or {}), self.entry.made_by
        if engine.in_memory:
            loaded = self._list(door, *engine.in_memory)
            mine = [model for model in declared if any(engine.same(model, other) for other in loaded)]
            if mine or (loaded and not declared):
                return (mine or loaded)[0]
        if declared:
            return next((model for model, each in declared.items() if each.resident), next(iter(declared)))
        if found := self._list(door, MODELS, "data", "id"):
            return found[0]
        raise BrokenError(
            "model", f"the server has none; name one in `models`, or look at {hint.command('logs', door.endpoint)}"
        )

    def _list(self, door: Door, path: str, several: str, one: str) -> list[str]:
        """Return the models that the server lists.

        Raises:
            BrokenError: the answer is an error, or not a list of models.
        """
        with self._asked(door, path, patience=SOON) as (answer, _):
            if answer.status != 200:  # noqa: PLR2004 - OK
                raise verdict.refused(door, answer, "")
            try:
                found = json.loads(answer.read(READ))[several] or []
                return [each[one] for each in found if isinstance(each[one], str) and each[one]]
            except (ValueError, TypeError, KeyError, RecursionError):
                raise BrokenError("server", f"{path} answers with something else than a list of models") from None

    def _not_there(self, door: Door, error: BrokenError) -> BrokenError:
        """Return the error for a model that failed: a better one if the server does not have that model."""
        try:
            found = self._list(door, MODELS, "data", "id")
        except (BrokenError, UnaskedError):
            return error
        engine = self.entry.made_by
        if any(engine.same(self.model, other) for other in found) or not (found or engine.lists_all):
            return error
        has = ", ".join(found[:LISTED]) + (", …" if len(found) > LISTED else "") or "none"
        said = f"{door.told(self.model)} is not there; the server has {door.told(has)}"
        return BrokenError("model", f"{said}; {hint.command('status')} shows what is on its way")

    @contextmanager
    def _asked(
        self, door: Door, path: str, body: dict[str, Any] | None = None, *, patience: float
    ) -> Iterator[tuple[Any, Any]]:
        """Send a request, and turn a missing reply into an error about the link that failed."""
        try:
            with asked(door, path, body, patience=patience) as answer:
                yield answer
        except TimeoutError:
            raise self._silent(door, patience, chat=body is not None) from None
        except TooLargeError:
            raise BrokenError(
                "server", f"its answer to {path} does not end; {hint.command('logs', door.endpoint)}"
            ) from None
        except LOST as error:
            why = door.told(str(error)) or type(error).__name__
            raise BrokenError(
                "server", f"it hangs up in the middle ({why}); {hint.command('logs', door.endpoint)}"
            ) from None

    def _silent(self, door: Door, patience: float, *, chat: bool) -> BrokenError:
        """Find out who does not reply: the gate, the server, or its model."""
        if door.gated and not self._says(door, CROOKED):
            return BrokenError(
                "gate", f"Serve is there, and the gate says nothing within {SOON} s; {hint.command('logs', 'gateway')}"
            )
        logs = hint.command("logs", door.endpoint)
        if chat and self._says(door, MODELS):
            said = f"{door.told(self.model)} gives no token within {patience:g} s, though the server answers"
            return BrokenError("model", f"{said}: it loads, or others wait before; --timeout waits longer; {logs}")
        return BrokenError("server", f"no answer within {patience:g} s; {logs}")

    def _says(self, door: Door, path: str) -> bool:
        try:
            with asked(door, path, patience=SOON) as _:
                return True
        except (BrokenError, UnaskedError, *LOST):
            return False
