"""A streamed answer, read line by line: when the first token came, and how fast the others followed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from macstate import hint
from macstate.trial.door import BrokenError, Door
from macstate.trial.verdict import error_text
from macstate.trial.wire import LOST, TooLargeError, Wire

WANTED = 64
"""Tokens to ask for."""
TOO_MANY = 4 * WANTED
"""More tokens than this mean that the answer does not end."""
STALL = 60
"""Most seconds between two tokens."""
LASTS = 120
"""Most seconds to listen to a slow model."""
PIECE = 65_536
TEXTS = ("content", "reasoning_content", "reasoning", "thinking")
"""The fields that may hold a token; a model that thinks uses one of the others (Ollama: reasoning, vLLM: either)."""


@dataclass
class Heard:
    """What has come so far; times are seconds of ``time.monotonic``."""

    chunks: int = 0
    """Events with text: tokens, if the server sends each by itself."""
    first: float = 0
    last: float = 0
    usage: int = 0
    """Tokens by the server's own count at the end; 0: it does not tell."""
    finished: bool = False
    done: bool = False
    error: str = ""
    foreign: str = ""
    """The first line that is not an event."""

    @property
    def tokens(self) -> int:
        """The number of tokens: the server's own count, otherwise the number of events."""
        return self.usage or self.chunks

    @property
    def rate(self) -> float:
        """Tokens per second, from the first to the last; 0: they came all at once."""
        span = self.last - self.first
        return (self.tokens - 1) / span if span > 0 else 0

    def take(self, line: bytes, now: float) -> None:
        """Read one line."""
        name, colon, rest = line.strip().partition(b":")
        if not name or name in {b"event", b"id", b"retry"}:
            return  # an empty line, a comment, or a field without meaning here
        if name == b"data" and colon and rest.strip() == b"[DONE]":
            self.done = True
            return
        content = rest if name == b"data" and colon else line
        try:
            event = json.loads(content)
        except (ValueError, RecursionError):  # bytes that are not UTF-8 raise a ValueError too
            event = None
        if isinstance(event, dict):
            self._take_event(event, content, now)
        elif not self.foreign:
            self.foreign = line[:PIECE].decode("utf-8", "replace")

    def _take_event(self, event: dict[str, Any], content: bytes, now: float) -> None:
        if event.get("error"):
            self.error = self.error or error_text(content)
            return
        usage = event.get("usage")
        count = usage.get("completion_tokens") if isinstance(usage, dict) else None
        if type(count) is int and 0 < count <= TOO_MANY:
            self.usage = count
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        self.finished = self.finished or bool(choice.get("finish_reason"))
        delta = choice.get("delta")
        if isinstance(delta, dict) and any(isinstance(delta.get(name), str) and delta[name] for name in TEXTS):
            self.first = self.first or now
            self.chunks, self.last = self.chunks + 1, now


def heard(door: Door, model: str, answer: HTTPResponse, wire: Wire) -> Heard:
    """Read the answer until it is whole, or has lasted long enough.

    Raises:
        BrokenError: it is no stream of tokens, breaks off, or does not end.
        TimeoutError: no token came before the wire's deadline.
    """
    found, cut = Heard(), ""
    try:
        _listen(found, answer, wire)
        cut = "" if answer.length in {None, 0} else "the connection ends early"
    except TooLargeError:
        said = f"its answer does not end, though it was asked for {WANTED} tokens ({_tokens(found.chunks)} came)"
        raise BrokenError("server", f"{said}; {hint.command('logs', door.endpoint)}") from None
    except TimeoutError:
        if not found.chunks:
            raise
        if time.monotonic() >= found.first + LASTS:
            found.finished = True  # the model is slow, which is a result too
        elif not found.finished:
            cut = f"no further token within {STALL} s"
    except LOST as error:
        cut = door.told(str(error)) or type(error).__name__
    _check(door, model, found, cut)
    return found


def _listen(found: Heard, answer: HTTPResponse, wire: Wire) -> None:
    rest = bytearray()
    while not (found.done or found.error) and (piece := answer.read1(PIECE)):
        now, seen = time.monotonic(), found.chunks
        rest += piece
        if b"\n" in piece:
            *lines, rest = rest.split(b"\n")
            for line in lines:
                found.take(bytes(line), now)
        if found.chunks > TOO_MANY:
            raise TooLargeError
        if found.chunks > seen:
            wire.deadline = min(now + STALL, found.first + LASTS)
    found.take(bytes(rest), time.monotonic())


def _check(door: Door, model: str, found: Heard, cut: str) -> None:
    logs = hint.command("logs", door.endpoint)
    if found.error:
        after = f" after {_tokens(found.chunks)}" if found.chunks else ""
        raise BrokenError("model", f"{door.told(model)} ends with an error{after}: {door.told(found.error)}; {logs}")
    if not found.chunks and found.foreign:
        raise BrokenError("server", f"it answers with something else than events: {door.told(found.foreign)}; {logs}")
    if cut or not (found.done or found.finished):
        why = cut or "neither an end nor [DONE]"
        raise BrokenError("server", f"its answer breaks off after {_tokens(found.chunks)} ({why}); {logs}")
    if not found.chunks:
        raise BrokenError("model", f"{door.told(model)} gives an empty answer, without a single token; {logs}")


def _tokens(count: int) -> str:
    return f"{count} token{'' if count == 1 else 's'}"
