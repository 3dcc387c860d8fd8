"""The servers that `curl` reaches over TCP: those on loopback, and Ollama's registry as the only one outside."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from itertools import pairwise

from . import launchd, library, ollama_api, ports
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Answer = tuple[int, dict[str, str], str]

KEY = "/macstate/key"
JSON = {"Content-Type": "application/json"}
MANIFEST = re.compile(r"https://registry\.ollama\.ai/v2/library/([^/]+)/manifests/([^/]+)")


def registry(url: str) -> Answer:
    """Return the answer of registry.ollama.ai; a rehearsal knows no other host."""
    host = url.split("/")[2].partition(":")[0]
    if host != "registry.ollama.ai":
        raise Failure(6, f"curl: (6) Could not resolve host: {host}")
    model = MANIFEST.fullmatch(url)
    status, text = library.manifest(f"{model[1]}:{model[2]}") if model else (404, "404 page not found\n")
    return status, JSON, text


def loopback(mac: Mac, url: re.Match[str], method: str, body: str, options: dict[str, list[str]]) -> Answer:
    """Return the answer of whatever listens on a port."""
    launchd.settle(mac)
    port, path = int(url[2] or 80), url[3] or "/"
    found = _listener(mac, port)
    if found is None:
        raise Failure(7, f"curl: (7) Failed to connect to {url[1]} port {port} after 0 ms: Couldn't connect to server")
    if found[1] == "ollama" and path == "/api/pull" and method == "POST":
        return _pull(mac, port, body, options)
    if found[1] == "ollama":
        status, text = ollama_api.api(mac, method, path, body)
        return status, JSON if text[:1] in {"{", ""} else {"Content-Type": "text/plain"}, text
    if found[1] in {"nginx", "caddy"} and path == KEY:
        return _gate(mac, port, options)
    models = _served(mac, port) if path == "/v1/models" else None  # nothing really runs there
    return 200, JSON, json.dumps({"object": "list", "data": models} if models else {})


def _listener(mac: Mac, port: int) -> tuple[int, str] | None:
    return next(((pid, command) for pid, command, _, _, number in ports.listeners(mac) if number == port), None)


def _served(mac: Mac, port: int) -> list[dict[str, Any]]:
    # vLLM's `serve MODEL`, and `--model MODEL` of others
    for job in mac.state["launchd"]["jobs"].values():
        words = [str(word) for word in job["plist"].get("ProgramArguments", [])]
        if port in {number for _, number in ports.of(mac, job)}:
            return [{"id": after, "object": "model"} for word, after in pairwise(words) if word in {"serve", "--model"}]
    return []


def _gate(mac: Mac, port: int, options: dict[str, list[str]]) -> Answer:
    """Return the gateway's answer at the path where it only checks the key."""
    given = {value.strip() for _, _, value in (each.partition(":") for each in options.get("--header", []))}
    for job in mac.state["launchd"]["jobs"].values():
        if port in {number for _, number in ports.of(mac, job)}:
            config = mac.file(str(job["plist"]["ProgramArguments"][-1]))
            file = config.with_name("gateway.keys")
            text = file.read_text().replace("\\", "") if file.is_file() else ""
            said = dict(re.findall(r"(X-Macstate-Config) (\w+)", config.read_text()))
            keys = {f"Bearer {key}" for key in re.findall(r"\(\?i:bearer\) \+(\S+)\$", text)}
            return (204, said, "") if keys & given else (401, JSON, "{}")
    return 401, JSON, "{}"


def _pull(mac: Mac, port: int, body: str, options: dict[str, list[str]]) -> Answer:
    """Print the lines of a pull as they come; the pull ends when curl or the server ends."""
    began, seconds = time.monotonic(), float((options.get("--max-time") or ["inf"])[-1])
    server, kept, count = _listener(mac, port), "", 0
    target = (options.get("--output") or ["-"])[-1]
    for line in library.pull(mac, ollama_api.named(body)):
        if _listener(mac, port) != server:
            raise Failure(18, "curl: (18) transfer closed with outstanding read data remaining")
        if (spent := time.monotonic() - began) > seconds:
            spent_ms = int(spent * 1000)
            raise Failure(
                28, f"curl: (28) Operation timed out after {spent_ms} milliseconds with {count} bytes received"
            )
        text = json.dumps(line, separators=(",", ":")) + "\n"
        count += len(text)
        if target == "-":
            _print(text)
        else:
            kept += text
    return 200, {"Content-Type": "application/x-ndjson"}, kept


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise Failure(23, "curl: (23) Failure writing output to destination") from None
