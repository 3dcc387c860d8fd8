"""`ollama`: the program."""

from __future__ import annotations

from . import library, ollama_api, ports
from .machine import Failure, Mac, out


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `ollama`."""
    command, *rest = words or ["help"]
    running = any(name == "ollama" for _, name, _, _, _ in ports.listeners(mac))
    if command in {"--version", "-v"}:
        out(f"ollama version is {ollama_api.VERSION}")
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
        *_, last = library.pull(mac, rest[0])
        if "error" in last:
            raise Failure(1, f"Error: {last['error']}")
        out("success" if command == "pull" else "")
    elif command in {"rm", "show", "cp"}:
        _here(mac, command, rest)
    elif command in {"list", "ls"}:
        out(f"{'NAME':<24} {'ID':<15} {'SIZE':<9} MODIFIED")
        for name in models:
            version = ollama_api.version(mac, name)[:12]
            out(f"{name:<24} {version:<15} {models[name] / library.GB:.1f} GB    2 minutes ago")
    elif command == "ps":
        out(f"{'NAME':<20} {'ID':<15} {'SIZE':<9} {'PROCESSOR':<18} {'CONTEXT':<10} {'RUNNER':<11} UNTIL")
    return 0


def _here(mac: Mac, command: str, rest: list[str]) -> None:
    name = library.full(rest[0])
    if name not in mac.state["models"]:
        raise Failure(1, f"Error: model '{rest[0]}' not found")  # no recording
    if command == "rm":
        del mac.state["models"][name]
        mac.state.get("copies", {}).pop(name, None)
        out(f"deleted '{rest[0]}'")
    if command == "cp":
        ollama_api.copy(mac, name, library.full(rest[1]))
        out(f"copied '{rest[0]}' to '{rest[1]}'")
