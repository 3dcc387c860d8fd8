"""Does the engine of an endpoint say which server it is, does that listen on its port, and there alone?"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise

from macstate.endpoint.engines import ENGINES
from macstate.endpoint.entry import Endpoint
from macstate.gateway.gate import chosen_port
from macstate.language.document import Placed
from macstate.language.types import Warned
from macstate.spec.model import Root

FIXED = re.compile(r"--?port(?:=(.*))?", re.DOTALL)
"""The option by which model servers are told their port."""
WIDE = {
    "vllm": "vLLM",
    "vllm.entrypoints.openai.api_server": "vLLM",
    "vllm-mlx": "vllm-mlx",
    "mlx_vlm.server": "mlx_vlm.server",
    "litellm": "LiteLLM",
}
"""Programs, and Python's modules, that listen on every address unless they are told where (their sources, 2026).

Not so: mlx_lm.server, llama-server, Ollama, SGLang.
"""

LOW = 1024
"""Below it only root can listen on 127.0.0.1; macOS 10.14 on lets a user do so on all addresses alone."""


def free(port: int, taken: Collection[int]) -> int:
    """Return a port to type in place of one."""
    return next(each for each in range(port + 1, 2 * 65536) if each not in taken) % 65536 or 1


def given(name: str, endpoint: Endpoint) -> str:
    """Say why an endpoint has a port that nobody typed; empty: somebody did."""
    if endpoint.port == endpoint.made_by.port:
        return f"the usual one of {endpoint.engine}"
    return "chosen by its name" if endpoint.port == chosen_port(f"endpoints/{name}") else ""


def whole(root: Root) -> Placed:
    """An endpoint names its server and its model where the engine does not."""
    for name, endpoint in (root.endpoints or {}).items():
        path, engine = ("endpoints", name), endpoint.made_by
        if not endpoint.command:
            yield path, f"command: engine {endpoint.engine} {engine.no_command}"
        elif endpoint.program and endpoint.program != endpoint.executable:
            yield (*path, "program"), "program: the command begins with the program already; take this out"
        if endpoint.model and engine.no_model:
            yield (*path, "model"), f"model: {engine.no_model.replace('MODEL', endpoint.model)}"
        if not endpoint.model and "{model}" in endpoint.command:
            known = "`model: mlx-community/Qwen3-8B-4bit`, or another of Hugging Face's"
            why = f"model: engine {endpoint.engine} is started with the one model that it serves; add {known}"
            yield path, why if engine.program else "command: {model} is not filled in; add `model: MODEL`"


def own(root: Root) -> Placed:
    """An engine understands what is said of its models."""
    for name, endpoint in (root.endpoints or {}).items():
        yield from endpoint.made_by.mistakes(name, endpoint)


def clashes(root: Root) -> Placed:
    """Two endpoints of one engine do not disturb each other."""
    for mac in root.macs.values():
        running = {name: each for name, each in (mac.endpoints or {}).items() if not each.is_off}
        for engine in ENGINES.values():
            servers = {name: (each.user or mac.user, each) for name, each in running.items() if each.made_by is engine}
            yield from engine.clashes(servers)


def ports(root: Root) -> Placed:
    """A server listens where the routes lead."""
    for name, endpoint in (root.endpoints or {}).items():
        path, told = ("endpoints", name), False
        words = [*endpoint.command, *endpoint.environment.values(), *endpoint.made_by.environment.values()]
        for index, word in enumerate(endpoint.command):
            match = FIXED.fullmatch(word)
            following = endpoint.command[index + 1] if index + 1 < len(endpoint.command) else ""
            port = match and (match[1] or following)
            if port and port.isdecimal() and int(port) != endpoint.port:
                spot = (*path, "command", index if match and match[1] else index + 1)
                by_name = "" if endpoint.port != chosen_port(f"endpoints/{name}") else f", or add `port: {port}`"
                why = f"the server would listen on {port}, and {endpoint.port} is its port"
                yield spot, f'command: {why}; type "{{port}}" there{by_name}'
                told = True
        unsaid = not any("{port}" in word or str(endpoint.port) in word for word in words)
        if unsaid and not told and endpoint.command and given(name, endpoint) == "chosen by its name":
            text = "nobody tells the server on which port to listen; put {port} into its command or environment"
            yield path, f"port: {text}, or add the port that it has by itself: `port: 8000`"


def below_1024(root: Root) -> Placed:
    """A port that only root may listen on is root's."""
    endpoints = root.endpoints or {}
    places: list[tuple[tuple[str, ...], int]] = [
        (("endpoints", name, "port"), each.port) for name, each in endpoints.items() if each.user != "root"
    ]
    if gateway := root.gateway:
        doors = gateway.doors(endpoints)
        places += [(gateway.ports.typed_at(door.audience, door.https), door.port) for door in doors]
    for path, port in places:
        if port < LOW:
            why = f"below {LOW} only root can listen on 127.0.0.1, and this runs as a user"
            yield path, f"port: {why}; type `{port + 8000}`, or another above it"


def wide(root: Root) -> Placed:
    """A server that listens on every address by itself is told not to."""
    for name, endpoint in (root.endpoints or {}).items():
        after = [word for before, word in pairwise(endpoint.command) if before == "-m"]
        programs = [endpoint.executable.rpartition("/")[2], *after]
        server = next((WIDE[each] for each in programs if each in WIDE), "")
        told = [word for word in (*endpoint.command, *endpoint.environment) if re.match(r"--?host\b|.*HOST$", word)]
        if server and not told:
            why = f"{server} listens on every address of the Mac unless it is told where"
            yield ("endpoints", name, "command"), f"command: {why}; add --host, 127.0.0.1"


RULES: tuple[Callable[[Root], Placed], ...] = (whole, own, clashes, ports, below_1024)
WARNINGS: Mapping[Warned, Callable[[Root], Placed]] = {"listens-everywhere": wide}
"""By what each warning is called."""
