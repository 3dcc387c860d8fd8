"""The guide's requests that work, and how the key that some of them want gets into a terminal."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from macstate.blocks import Block, code, points, text
from macstate.secrets import fetch
from macstate.services.reach import Reach, chief, variable

if TYPE_CHECKING:
    from macstate.services.guide import Guide

BEARER = "Authorization: Bearer $OPENAI_API_KEY"
KEPT = {
    "generate": "made by macstate, kept on the laptop that made it",
    "cmd": "printed by a command that the YAML holds",
}
"""What the guide says of a reference that is not shown."""


def key(guide: Guide) -> Iterator[Block]:
    """Say where the keys are, and fetch the first that everybody who may have it gets by the same command."""
    references = [(name, each) for name, found in sorted(guide.gateway.keys.items()) for each in found]
    yield text("A key belongs into `OPENAI_API_KEY`. None stands here, only where each of them is kept:")
    yield points(f"{name}: {KEPT.get(each.partition(':')[0], f'`{each}`')}" for name, each in references)
    for name, each in references:
        if line := fetch.for_any_laptop(each, f"{guide.name}/gateway.keys.{name}"):
            yield text(f"On a laptop that has the key {name}:")
            yield code("sh", "laptop", [f'export OPENAI_API_KEY="$({line})"'])
            return


def requests(guide: Guide) -> Iterator[Block]:
    """Give a request for each endpoint and each way to it, and a chat for each that has a model."""
    spoken = next((each for each in guide.reaches if each.url(guide.via) and chats(each)), None)
    for via, place in (("tailnet", "the tailnet"), ("funnel", "the internet")):
        found = [each for each in guide.reaches if each.url(via)]
        if found and via == "funnel" and not guide.asks:
            yield from key(guide)
        for each in found:
            yield text(f"{each.name}, from {place}{', with a key in `OPENAI_API_KEY`' if each.needs_key(via) else ''}:")
            yield code("sh", "laptop", asked(each, via))
            if via == each.via and chats(each):
                yield code("sh", "laptop", chat(each))
            if via == guide.via and each is spoken:
                yield text("The same with OpenAI's Python library, by the variables above:")
                yield code("python", "laptop", _python(guide, each))


def chats(each: Reach) -> bool:
    """Say whether it has a model to chat with."""
    return each.speaks_openai and bool(each.models)


def request(each: Reach) -> list[str]:
    """Give the one request that shows how to use an endpoint."""
    return chat(each) if chats(each) else asked(each, each.via)


def asked(each: Reach, via: str) -> list[str]:
    """Give a request that answers at once: its models, or what the spec names as an example."""
    return [f"{_curl(each, via)} {shlex.quote(each.url(via) + each.example)}"]


def chat(each: Reach) -> list[str]:
    """Give a chat with its first model."""
    body = json.dumps({"model": each.models[0][0], "messages": [{"role": "user", "content": "Say hello."}]})
    url = shlex.quote(f"{each.base(each.via)}/chat/completions")
    return [f"{_curl(each, each.via)} --json {shlex.quote(body)} \\", f"  {url}"]


def _curl(each: Reach, via: str) -> str:
    return "curl --silent --show-error --fail" + (f' --header "{BEARER}"' if each.needs_key(via) else "")


def _python(guide: Guide, each: Reach) -> list[str]:
    means = each is chief(guide.reaches, guide.via)
    return [
        *([] if means else ["import os", ""]),
        "from openai import OpenAI",
        "",
        "client = OpenAI()" if means else f'client = OpenAI(base_url=os.environ["{variable(each.name)}"])',
        "asked = [{'role': 'user', 'content': 'Say hello.'}]",
        f"answer = client.chat.completions.create(model={each.models[0][0]!r}, messages=asked)",
        "print(answer.choices[0].message.content)",
    ]
