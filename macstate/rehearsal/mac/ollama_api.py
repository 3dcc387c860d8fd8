"""The API of a running Ollama, without pulls."""

from __future__ import annotations

import json
import time

from . import library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .machine import Mac

VERSION = "0.34.2"
SPEAKING = ("/api/generate", "/api/chat", "/v1/chat/completions")
KEEP_ALIVE = 300
"""Seconds that a model stays loaded after a request."""
DETAILS = {"parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"]}
"""Some of the details that a real server tells."""


def api(mac: Mac, method: str, path: str, body: str) -> tuple[int, str]:
    """Return the answer to a request, as (status, body)."""
    known = {"/": "GET", "/api/version": "GET", "/api/status": "GET", "/api/tags": "GET", "/api/ps": "GET"}
    known |= {
        "/v1/models": "GET",
        "/api/delete": "DELETE",
        "/api/pull": "POST",
        "/api/copy": "POST",
        **dict.fromkeys(SPEAKING, "POST"),
    }
    if path not in known:
        return 404, "404 page not found"
    if method != known[path]:
        return 405, "405 method not allowed"
    if path == "/":
        return 200, "Ollama is running"
    status, answer = (
        _delete(mac, body)
        if method == "DELETE"
        else _copy(mac, body)
        if path == "/api/copy"
        else _speak(mac, path, body)
        if method == "POST"
        else _read(mac, path)
    )
    return status, "" if answer is None else json.dumps(answer, separators=(",", ":"))


def _read(mac: Mac, path: str) -> tuple[int, Any]:
    models = mac.state["models"]
    if path == "/api/tags":
        times = mac.state.get("pulled_at", {})
        return 200, {
            "models": [
                {**_model(mac, name), "modified_at": _stamp(times.get(name, mac.state["born"])), "details": DETAILS}
                for name in models
            ]
        }
    if path == "/v1/models":
        return 200, {"object": "list", "data": [_served(name) for name in models] or None}  # null (measured)
    if path == "/api/ps":
        loaded = mac.state.get("loaded", {})
        return 200, {"models": [_loaded(mac, name, until) for name, until in loaded.items() if until > time.time()]}
    return 200, {"version": VERSION} if path == "/api/version" else {"cloud": {"disabled": False, "source": "none"}}


def _delete(mac: Mac, body: str) -> tuple[int, Any]:
    # a loaded model stays loaded (measured)
    if mac.state["models"].pop(library.full(named(body)), None) is None:
        return 404, {"error": f"model '{named(body)}' not found"}
    for kept in ("pulled_at", "copies"):
        mac.state.get(kept, {}).pop(library.full(named(body)), None)
    return 200, None


def _copy(mac: Mac, body: str) -> tuple[int, Any]:
    source = named(body, "source")
    if not copy(mac, library.full(source), library.full(named(body, "destination"))):
        return 404, {"error": f'model "{source}" not found'}  # measured
    return 200, None


def copy(mac: Mac, source: str, name: str) -> bool:
    """Give a model another name, even if that is taken (measured); return whether the model exists."""
    if source not in mac.state["models"]:
        return False
    copies = mac.state.setdefault("copies", {})
    copies[name] = copies.get(source, source)
    mac.state["models"][name] = mac.state["models"][source]
    return True


def version(mac: Mac, name: str) -> str:
    """Return the digest of the model that has this name."""
    return library.version(mac.state.get("copies", {}).get(name, name))


def _speak(mac: Mac, path: str, body: str) -> tuple[int, Any]:
    name = named(body)
    openai = path.startswith("/v1/")
    if library.full(name) not in mac.state["models"]:
        error = f"model '{name}' not found"
        return 404, {"error": {"message": error, "type": "api_error", "param": None, "code": None} if openai else error}
    mac.state.setdefault("loaded", {})[library.full(name)] = time.time() + KEEP_ALIVE
    if not openai:
        said = (
            {"message": {"role": "assistant", "content": "Hello."}} if path == "/api/chat" else {"response": "Hello."}
        )
        return 200, {"model": name, "created_at": _stamp(time.time()), **said, "done": True, "done_reason": "stop"}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
    return 200, {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
        "choices": [choice],
    }


def named(body: str, field: str = "model") -> str:
    """Return the model that a request is about."""
    try:
        wanted = json.loads(body or "{}")
        return str(wanted.get(field, wanted.get("name", "")))
    except (ValueError, AttributeError):
        return ""


def _model(mac: Mac, name: str) -> dict[str, Any]:
    count = mac.state["models"].get(name, library.size(name) or 0)
    return {"name": name, "model": name, "size": count, "digest": version(mac, name)}


def _served(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1795490000, "owned_by": "library"}


def _loaded(mac: Mac, name: str, until: float) -> dict[str, Any]:
    found = _model(mac, name)
    return {
        **found,
        "details": DETAILS,
        "expires_at": _stamp(until),
        "size_vram": found["size"],
        "context_length": 4096,
    }


def _stamp(moment: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment % 1 * 1e9):09d}Z"
