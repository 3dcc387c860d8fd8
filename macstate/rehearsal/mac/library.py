"""The library of models: which models the registry has, their sizes, and how a pull goes."""

from __future__ import annotations

import hashlib
import json
import re
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .machine import Mac

GB = 1_000_000_000
LIBRARY = {
    "all-minilm": {"latest": 0.046},
    "deepseek-r1": {"latest": 5.2, "1.5b": 1.1, "7b": 4.7, "8b": 5.2, "14b": 9.0, "32b": 20.0, "671b": 404.0},
    "gemma3": {"latest": 3.3, "1b": 0.8, "4b": 3.3, "12b": 8.1, "27b": 17.0},
    "gpt-oss": {"latest": 14.0, "20b": 14.0, "120b": 65.0},
    "llama3.1": {"latest": 4.9, "8b": 4.9, "70b": 43.0},
    "llama3.2": {"latest": 2.0, "1b": 1.3, "3b": 2.0},
    "llama4": {"latest": 67.0, "scout": 67.0, "maverick": 245.0},
    "qwen2.5": {"latest": 4.7, "7b": 4.7, "14b": 9.0, "32b": 20.0, "72b": 47.0},
    "qwen2.5vl": {"latest": 6.0, "3b": 3.2, "7b": 6.0, "32b": 21.0, "72b": 49.0},
    "qwen3": {"latest": 5.2, "8b": 5.2, "14b": 9.3, "30b": 19.0, "32b": 20.0, "235b": 142.0},
}  # fmt: skip
"""Some models of the official library, with their tags and gigabytes."""
SMALL = {"license": 1084, "template": 148, "params": 78}
"""The layers of a model beside its weights, with their usual bytes."""
CONFIG = 483
UNKNOWN = "pull model manifest: file does not exist"
DROPPED = "max retries exceeded: unexpected EOF"
"""Ollama's own words (no recording)."""
TICK = 0.1
"""Seconds between two lines of progress, if a rate is set."""
PIECES = 10
AT_ONCE = 0.3
"""Seconds for a whole model, if no rate is set."""
DISK = 4000 * GB


def full(name: str) -> str:
    """Return a name as the server lists it: with its tag, and without the prefix that the library's names share."""
    name = re.sub(r"^library/(?=[^/]+$)", "", re.sub(r"^registry\.ollama\.ai/(?=[^/]+/)", "", name))
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def version(name: str) -> str:
    """Return the digest that a server lists for a model: that of its manifest."""
    return digest(manifest(name)[1] if size(name) else name)


def size(name: str) -> int | None:
    """Return the bytes of the library's model; None if the library has no such model."""
    model, _, tag = full(name).partition(":")
    gigabytes = LIBRARY.get(model, {}).get(tag)
    return None if gigabytes is None else int(gigabytes * GB)


def free(mac: Mac) -> int:
    """Return the free bytes of the disk."""
    return max(0, int(mac.state.get("disk", DISK)) - used(mac))


def used(mac: Mac) -> int:
    """Return the bytes that the models take."""
    found: int = sum(mac.state["models"].values()) + sum(mac.state.get("partial", {}).values())
    return found


def layers(name: str, total: int) -> list[dict[str, Any]]:
    """Return the layers of a model, the weights first, as in its manifest."""
    sizes = {"model": total - sum(SMALL.values()) - CONFIG, **SMALL}
    return [
        {
            "mediaType": f"application/vnd.ollama.image.{kind}",
            "digest": f"sha256:{digest(f'{full(name)} {kind}')}",
            "size": count,
        }
        for kind, count in sizes.items()
    ]


def config(name: str) -> dict[str, Any]:
    """Return the part of a manifest beside the layers, which is pulled last."""
    kind = "application/vnd.docker.container.image.v1+json"
    return {"mediaType": kind, "digest": f"sha256:{digest(f'{full(name)} config')}", "size": CONFIG}


def manifest(name: str) -> tuple[int, str]:
    """Return status and body that registry.ollama.ai answers for a manifest."""
    total = size(name)
    if total is None:
        return 404, json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]})
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    whole = {"schemaVersion": 2, "mediaType": kind, "config": config(name), "layers": layers(name, total)}
    return 200, json.dumps(whole, separators=(",", ":"))


def pull(mac: Mac, name: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of `/api/pull`; a failure is the last line, never a status, and what was pulled stays."""
    name = full(name)
    yield {"status": "pulling manifest"}
    total = size(name)
    if total is None:
        yield {"error": UNKNOWN}
        return
    here = _here(mac, name, total)
    drop = mac.state.get("pull_drop", 0)
    ends = here + (total - here) // 2 if drop else total + 1
    mac.state["pull_drop"] = max(0, drop - 1)
    start = 0
    for layer in [*layers(name, total), config(name)]:
        count, hexadecimal = layer["size"], layer["digest"].partition(":")[2]
        line = {"status": f"pulling {hexadecimal[:12]}", "digest": layer["digest"], "total": count}
        while (done := min(count, _here(mac, name, total) - start)) < count:
            yield {**line, "completed": done} if done else line
            room = free(mac)
            if start + done >= ends or not room:
                blob = f"/Users/{mac.state['user']}/.ollama/models/blobs/sha256-{hexadecimal}-partial"
                yield {"error": DROPPED if room else f"write {blob}: no space left on device"}
                return
            _fetch(mac, name, start + done, min(count - done, room), total)
        yield {**line, "completed": count}
        start += count
    yield from ({"status": status} for status in ("verifying sha256 digest", "writing manifest"))
    mac.state.get("partial", {}).pop(name, None)
    mac.state["models"][name] = total
    mac.state.get("copies", {}).pop(name, None)
    mac.state.setdefault("pulled_at", {}).setdefault(name, time.time())
    yield {"status": "success"}


def _here(mac: Mac, name: str, total: int) -> int:
    return total if name in mac.state["models"] else int(mac.state.get("partial", {}).get(name, 0))


def _fetch(mac: Mac, name: str, done: int, wanted: int, total: int) -> None:
    rate = mac.state.get("pull_rate", 0)
    count = min(wanted, max(1, int(rate * TICK)) if rate else -(-total // PIECES))
    mac.save()  # do not hold the lock while asleep
    time.sleep(count / rate if rate else AT_ONCE * count / total)
    mac.state.setdefault("partial", {})[name] = done + count
