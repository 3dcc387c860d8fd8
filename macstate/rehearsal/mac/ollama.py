"""`ollama`: the program, and the API of a running server."""

from __future__ import annotations

import json

from . import ports
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = "0.34.2"
LIBRARY = {
    "deepseek-r1",
    "qwen3",
    "qwen2.5",
    "qwen2.5vl",
    "llama4",
    "llama3.2",
    "llama3.1",
    "gemma3",
    "gpt-oss",
    "all-minilm",
}
"""Models that the official library is known to hold, among many."""
UNKNOWN = "pull model manifest: file does not exist"


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `ollama`."""
    command, *rest = words or ["help"]
    running = any(name == "ollama" for _, name, _, _, _ in ports.listeners(mac))
    if command in {"--version", "-v"}:
        out(f"ollama version is {VERSION}")
        return 0
    if command == "serve":
        if any(port == 11434 for _, _, _, _, port in ports.listeners(mac)):  # noqa: PLR2004 - Ollama's
            raise Failure(1, "Error: listen tcp 127.0.0.1:11434: bind: address already in use")
        return 0  # nothing is really served
    if not running:
        raise Failure(1, "Error: could not connect to ollama server, run 'ollama serve' to start it")  # no recording
    return _client(mac, command, rest)


def _client(mac: Mac, command: str, rest: list[str]) -> int:
    models = mac.state["models"]
    if command in {"pull", "run"}:
        answer = pull(mac, rest[0])
        if "error" in answer[-1]:
            raise Failure(1, f"Error: {answer[-1]['error']}")
        out("success" if command == "pull" else "")
    elif command in {"rm", "show"}:
        name = _full(rest[0])
        if name not in models:
            raise Failure(1, f"Error: model '{rest[0]}' not found")  # no recording
        if command == "rm":
            del models[name]
            out(f"deleted '{rest[0]}'")
    elif command in {"list", "ls"}:
        out(f"{'NAME':<24} {'ID':<15} {'SIZE':<9} MODIFIED")
        for name in models:
            out(f"{name:<24} {'0' * 12:<15} {'5.2 GB':<9} 2 minutes ago")
    elif command == "ps":
        out(f"{'NAME':<20} {'ID':<15} {'SIZE':<9} {'PROCESSOR':<18} {'CONTEXT':<10} {'RUNNER':<11} UNTIL")
    return 0


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def pull(mac: Mac, name: str) -> list[dict[str, Any]]:
    """Pull a model, as the lines of `/api/pull`: a failure is a last line, never a status."""
    if name.partition(":")[0] not in LIBRARY:
        return [{"status": "pulling manifest"}, {"error": UNKNOWN}]
    mac.state["models"][_full(name)] = 5_200_000_000
    return [{"status": "pulling manifest"}, {"status": "success"}]


def api(mac: Mac, method: str, path: str, body: str) -> tuple[int, str]:
    """Answer a request, as (status, body)."""
    models = mac.state["models"]
    answers = {
        "/": "Ollama is running",
        "/api/version": json.dumps({"version": VERSION}, separators=(",", ":")),
        "/api/tags": json.dumps({"models": [{"name": name, "model": name, "size": models[name]} for name in models]}),
        "/v1/models": json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in models]}),
        "/api/ps": json.dumps({"models": []}),
    }
    if path == "/api/pull" and method == "POST":
        wished = json.loads(body)
        return 200, "\n".join(json.dumps(line) for line in pull(mac, wished.get("model", wished.get("name", ""))))
    return (200, answers[path]) if path in answers else (404, "404 page not found")
