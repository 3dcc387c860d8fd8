"""Rules about model servers: their command and model are known, and they listen on their port on loopback alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise

from macstate.endpoint.engines import ENGINES
from macstate.endpoint.entry import Endpoint
from macstate.gateway.ports import chosen_port
from macstate.language.document import Placed
from macstate.language.types import Warned
from macstate.spec.model import Root

FIXED = re.compile(r"--?port(?:=(.*))?", re.DOTALL)
"""The option that tells model servers their port."""
WIDE = {
    "vllm": "vLLM",
    "vllm.entrypoints.openai.api_server": "vLLM",
    "vllm-mlx": "vllm-mlx",
    "mlx_vlm.server": "mlx_vlm.server",
    "litellm": "LiteLLM",
}
"""Programs and Python modules that listen on every address unless told otherwise (their sources, 2026).

mlx_lm.server, llama-server, Ollama and SGLang do not.
"""

LOW = 1024
"""Below this port only root can listen on 127.0.0.1; from macOS 10.14 on a user can, but only on all addresses."""


def free(port: int, taken: Collection[int]) -> int:
    """Return a free port to type instead."""
    return next(each for each in range(port + 1, 2 * 65536) if each not in taken) % 65536 or 1


def given(name: str, endpoint: Endpoint) -> str:
    """Return where a port that nobody typed comes from; empty if somebody typed it."""
    if endpoint.port == endpoint.made_by.port:
        return f"the usual one of {endpoint.engine}"
    return "chosen by its name" if endpoint.port == chosen_port(f"endpoints/{name}") else ""


def whole(root: Root) -> Placed:
    """Yield the endpoints that lack a command or a model that their engine does not supply."""
    for name, endpoint in (root.endpoints or {}).items():
        path, engine = ("endpoints", name), endpoint.made_by
        if not endpoint.command:
            yield path, f"command: engine {endpoint.engine} {engine.no_command}"
        elif endpoint.program and endpoint.program != endpoint.executable:
            yield (*path, "program"), "program: the command begins with the program already; take this out"
        if endpoint.model and engine.no_model:
            yield (*path, "model"), f"model: {engine.no_model.replace('MODEL', endpoint.model)}"
        if not endpoint.model and "{model}" in endpoint.command:
            serves = f"engine {endpoint.engine} is started with the one model that it serves"
            why = f"model: {serves}; add {engine.one_model}"
            yield path, why if engine.program else "command: {model} is not filled in; add `model: MODEL`"


def own(root: Root) -> Placed:
    """Yield the fields of models that an endpoint's engine does not understand."""
    for name, endpoint in (root.endpoints or {}).items():
        yield from endpoint.made_by.mistakes(name, endpoint)


def clashes(root: Root) -> Placed:
    """Yield the endpoints of one engine that would disturb each other."""
    for mac in root.macs.values():
        running = {name: each for name, each in (mac.endpoints or {}).items() if not each.is_off}
        for engine in ENGINES.values():
            servers = {name: (each.user or mac.user, each) for name, each in running.items() if each.made_by is engine}
            yield from engine.clashes(servers)


def ports(root: Root) -> Placed:
    """Yield the servers that would not listen on the port to which the routes lead."""
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
    """Yield the ports that only root may use, if the server runs as another user."""
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
    """Yield the servers that listen on every address unless told otherwise, and are not told."""
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
"""The rules by the name of their warning."""
