"""Tools that people use with OpenAI-compatible endpoints, and the configuration that each reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import yaml

from macstate.laptop import machine as laptop
from macstate.laptop.neighbour import Neighbour

Tool = Literal["llm", "opencode", "continue", "open-webui"]
NO_KEY = "unused"
"""The key for a tool that insists on one when the server needs none."""


def file_of(tool: Tool) -> Path:
    """Return the file of a tool's configuration: where the tool looks by itself, or where a variable points it."""
    match tool:
        case "llm" if sys.platform == "darwin":
            return laptop.home() / "Library/Application Support/io.datasette.llm/extra-openai-models.yaml"
        case "llm":
            return laptop.home() / ".config/io.datasette.llm/extra-openai-models.yaml"
        case "opencode":
            return laptop.folder() / "opencode.json"
        case "continue":
            return laptop.home() / ".continue/models/macstate.yaml"
        case "open-webui":
            return laptop.folder() / "open-webui.env"


def places(tools: Iterable[Tool]) -> Iterator[Path]:
    """Yield the configuration files of the tools."""
    yield from map(file_of, tools)


def environment(tools: Iterable[Tool]) -> Iterator[tuple[str, str]]:
    """Yield the variables that point tools to their configuration."""
    if "opencode" in tools:
        yield "OPENCODE_CONFIG", str(file_of("opencode"))


def files(tools: Iterable[Tool], macs: list[Neighbour]) -> Iterator[tuple[Path, str]]:
    """Yield each tool's configuration file and its content."""
    for tool in tools:
        yield file_of(tool), CONTENTS[tool](macs)


def _models(macs: list[Neighbour]) -> Iterator[tuple[Neighbour, str, str, str]]:
    """Yield (Mac, base URL, identifier, description) for every model of an endpoint that speaks OpenAI's API."""
    for mac in macs:
        for reach in mac.reaches:
            for model, about in reach.models if reach.chats else ():
                yield mac, reach.base(mac.via), model, about or model


def _llm(macs: list[Neighbour]) -> str:
    # `api_key_name` makes llm ask for a key, which it takes from OPENAI_API_KEY or from `llm keys set NAME`
    found = [
        {
            "model_id": model,
            "model_name": model,
            "api_base": base,
            **({"api_key_name": mac.name} if mac.needs_key else {}),
        }
        for mac, base, model, _ in _models(macs)
    ]
    return _yaml(found)


def _opencode(macs: list[Neighbour]) -> str:
    providers: dict[str, Any] = {}
    for mac in macs:
        for reach in mac.reaches:
            if reach.chats and reach.models:
                key = f"{{env:{mac.key_variable}}}" if reach.needs_key(mac.via) else NO_KEY
                providers[f"{mac.name}-{reach.name}"] = {
                    "npm": "@ai-sdk/openai-compatible",
                    "name": f"{reach.name} on {mac.name}",
                    "options": {"baseURL": reach.base(mac.via), "apiKey": key},
                    "models": {model: {"name": about or model} for model, about in reach.models},
                }
    return json.dumps({"$schema": "https://opencode.ai/config.json", "provider": providers}, indent=2) + "\n"


def _continue(macs: list[Neighbour]) -> str:
    found = [
        {
            "name": about,
            "provider": "openai",
            "model": model,
            "apiBase": base,
            "apiKey": f"${{{{ secrets.{mac.key_variable} }}}}" if mac.needs_key else NO_KEY,
        }
        for mac, base, model, about in _models(macs)
    ]
    return _yaml({"name": "macstate", "version": "1.0.0", "schema": "v1", "models": found})


def _open_webui(macs: list[Neighbour]) -> str:
    found = [(mac, reach) for mac in macs for reach in mac.reaches if reach.chats]
    bases = ";".join(reach.base(mac.via) for mac, reach in found)
    keys = ";".join(f"${mac.key_variable}" if reach.needs_key(mac.via) else NO_KEY for mac, reach in found)
    # docker takes the values of such a file literally and expands no variable
    asked = f'# and the keys, in the same order: --env OPENAI_API_KEYS="{keys}"'
    last = asked if "$" in keys else f"OPENAI_API_KEYS={keys}"
    return f"# docker run --env-file this one\nOPENAI_API_BASE_URLS={bases}\n{last}\n"


def _yaml(data: Any) -> str:
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return f"# Written by macstate from the spec; a change made here is put back.\n{text}"


CONTENTS = {"llm": _llm, "opencode": _opencode, "continue": _continue, "open-webui": _open_webui}
