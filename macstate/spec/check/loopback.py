"""Find model servers that would listen beyond loopback; each program says so in its own way."""

from __future__ import annotations

import re

from macstate.endpoint.engines import ENGINES
from macstate.kinds.launchd.job import Job
from macstate.language.document import Path, Placed

LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|::1|\[::1\])(:(\d+|\{port\}))?")
LISTEN = re.compile(r"(--?(?:host|bind|listen|address|addr|server-name)|-H|-b)(?:=(.*))?", re.DOTALL)
"""The options that tell model servers where to listen; programs in Go accept them with one dash too."""
SET = {
    variable: engine.name
    for engine in ENGINES.values()
    for variable, value in engine.environment.items()
    if "{port}" in value
}
"""The variables that tell an engine's server the same, and the engine that sets each."""


def beyond_loopback(path: Path, endpoint: Job) -> Placed:
    """Yield (place, finding) for every word and variable that would open the port."""
    for name, value in endpoint.environment.items():
        if name in SET:
            why = f"engine {SET[name]} sets it from `port`, on loopback"
            yield (*path, "environment", name), f"{name}: {why}; take it out"
        elif name.endswith("HOST") and re.search(r"0\.0\.0\.0|^\*|\[::\]", value):
            yield (*path, "environment", name), f"{name}: {value} opens the port to the whole network; type `127.0.0.1`"
    for index, word in enumerate(endpoint.command):
        match = LISTEN.fullmatch(word)
        following = endpoint.command[index + 1] if index + 1 < len(endpoint.command) else ""
        address = match and (match[2] if match[2] is not None else "" if following.startswith("-") else following)
        if match and match[1] == "-b" and (address or "").isdigit():
            continue  # here -b is llama-server's batch size
        if match and (address or match[1].endswith("-listen")) and not LOOPBACK.fullmatch(address or ""):
            spot = index + 1 if address == following and address else index
            words = " ".join(filter(None, (match[1], address)))
            why = "lets the server listen beyond loopback, past Serve and every key"
            yield (*path, "command", spot), f"command: {words} {why}; type `127.0.0.1`, or take the option out"
