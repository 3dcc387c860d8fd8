"""Find out who refused and why: Serve, the gate, the server or the model, each by a sign that only it has."""

from __future__ import annotations

import json
import re
from http.client import HTTPResponse
from typing import Any

from macstate import hint
from macstate.gateway.answers import ERRORS, REFUSALS
from macstate.gateway.servers import SERVERS
from macstate.trial.door import BrokenError, Door

SIGNED = re.compile(rf"\b({'|'.join(server.signed for server in SERVERS.values())})\b")
GATE = {(status, text) for status, (_, text) in ERRORS.items()} | set(REFUSALS.values())
"""The gate's own answers; any other answer with such a status comes from behind it."""
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
REDIRECTS, ERROR = 300, 400
READ = 65_536
"""Most bytes of an error to read."""


def refused(door: Door, answer: HTTPResponse, model: str) -> BrokenError:
    """Return the error for an answer, with the link that it comes from."""
    status, said = answer.status, error_text(answer.read(READ))
    if (status, said) in GATE:
        return _by_gate(door, status, said, answer.getheader("Retry-After", ""))
    passed = not door.gated or status < REDIRECTS or _passed_gate(answer)  # the gate itself never sends a success
    if status == NOT_FOUND and not (door.gated and passed) and _is_serves(answer, said):
        where = f"{door.mount or '/'} at port {door.port}"
        return BrokenError(
            "Serve", f"it has no route for {where} (HTTP 404); {hint.command('plan')} shows how to bring it back"
        )
    if passed:
        return _by_server(door, status, said, model)
    logs = f"{hint.command('status')}, {hint.command('logs', 'gateway')}"
    return BrokenError("gate", f"HTTP {status}, and not by the gate: it does not run where the route leads; {logs}")


def _by_server(door: Door, status: int, said: str, model: str) -> BrokenError:
    words = f": {door.told(said)}" if said else ""
    logs = hint.command("logs", door.endpoint)
    if status < REDIRECTS:
        return BrokenError("server", f"HTTP {status}, which is no answer to a chat; {logs}")
    if status < ERROR:
        return BrokenError("server", f"HTTP {status}: it sends elsewhere, which a key does not follow; {logs}")
    if status in {UNAUTHORIZED, FORBIDDEN}:
        return BrokenError("server", f"HTTP {status}{words}: it wants a key of its own, or refuses this name; {logs}")
    if said and model:
        return BrokenError("model", f"{door.told(model)}: HTTP {status}{words}; {logs}")
    return BrokenError("server", f"HTTP {status}{words}; {logs}")


def _by_gate(door: Door, status: int, said: str, wait: str) -> BrokenError:
    match status:
        case 401 if door.key:
            lacks = f"HTTP 401: it does not know the key {door.key_name} of this laptop"
            why = f"{lacks}; {hint.command('plan')} shows what differs"
        case 401:
            why = f"HTTP 401: it wants a key here, and the spec does not; {hint.command('plan')} shows what differs"
        case 429:
            seconds = f", in {wait} s" if re.fullmatch(r"\d{1,6}", wait) else ""
            why = f"HTTP 429: more requests than `rate_limit` lets through; try again later{seconds}"
        case 502 | 504:
            return BrokenError("server", f"HTTP {status} by the gate: {said}; {hint.command('logs', door.endpoint)}")
        case 404 | 405:
            why = f"HTTP {status}: {said}; its configuration is not the spec's: {hint.command('plan')}"
        case _:
            why = f"HTTP {status}: {said}"
    return BrokenError("gate", why)


def _passed_gate(answer: HTTPResponse) -> bool:
    """Return whether a gateway has passed an answer on; each server leaves its name in it (measured)."""
    names = f"{answer.getheader('Server', '')} {answer.getheader('Via', '')}"
    return bool(SIGNED.search(names))


def _is_serves(answer: HTTPResponse, said: str) -> bool:
    """Return whether the answer is tailscaled's own 404, which is that of Go's library."""
    return said == "404 page not found" and answer.getheader("X-Content-Type-Options") == "nosniff"


def error_text(content: bytes) -> str:
    """Return the text of an error, in any of the forms that servers use; empty if it has no text for people."""
    text = content.decode("utf-8", "replace").strip()
    try:
        return _message(json.loads(text)) or text
    except (ValueError, RecursionError):
        title = re.search(r"<title>([^<]*)", text, re.IGNORECASE)
        return title[1].strip() if title else "" if text.startswith("<") else text


def _message(found: Any) -> str:
    """Return the message in an error: OpenAI and nginx use ``error.message``, Ollama ``error``, FastAPI ``detail``."""
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and (inner := found.get(name)):
            return inner if isinstance(inner, str) else _message(inner) or json.dumps(inner)
    return ""
