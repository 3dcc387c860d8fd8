"""The guide's part for whoever uses the models: where they are, what they are called, and requests that work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from macstate.blocks import Block, Section, code, points, table, text
from macstate.services.reach import Reach, chief, variables

if TYPE_CHECKING:
    from macstate.services.guide import Guide

SPEAKS = {
    "ollama": "Ollama's API, and OpenAI's below `/v1`",
    "openai": "OpenAI's API below `/v1`",
    "rest": "an API of its own",
}
NO_KEY = "unused"
MADE = "made by macstate, kept on the laptop that made it"
BEARER = "Authorization: Bearer $OPENAI_API_KEY"


def sections(guide: Guide) -> Iterator[Section]:
    """Give the sections in their order; what is not there is not told."""
    yield Section("How it hangs together", (code("text", "", _drawing(guide)),))
    if guide.reaches:
        yield Section("Endpoints", tuple(_endpoints(guide)))
    if list(variables(guide.reaches, "tailnet")):
        yield Section("Environment", tuple(_environment(guide)))
    if models := [(model, about or model, each) for each in guide.reaches for model, about in each.models]:
        rows = [(f"`{model}`", about, each.name) for model, about, each in models]
        yield Section("Models", (text("Identifiers are exact."), table(("Identifier", "What it is", "Endpoint"), rows)))
    if requests := tuple(_requests(guide)):
        yield Section("Requests", requests)


def _drawing(guide: Guide) -> Iterator[str]:
    places = [each.place(via) for each in guide.reaches for via in ("tailnet", "funnel")]
    width = max(map(len, places), default=0)
    for each in guide.reaches:
        server = f"{each.name} 127.0.0.1:{each.port}"
        door, public = ("", "")
        if guide.gateway:
            door = f"{guide.gateway.server} 127.0.0.1:{guide.gateway.ports.tailnet} -> "
            public = f"{guide.gateway.server} 127.0.0.1:{guide.gateway.ports.funnel}, wants a key -> "
        if each.tailnet:
            yield f"tailnet  {each.place('tailnet'):<{width}} -> Tailscale Serve  -> {door}{server}"
        if each.internet:
            yield f"internet {each.place('funnel'):<{width}} -> Tailscale Funnel -> {public}{server}"
        if not (each.tailnet or each.internet):
            yield f"nobody   -> {server}"


def _endpoints(guide: Guide) -> Iterator[Block]:
    rows = [
        (
            each.name,
            SPEAKS[each.engine],
            f"`{each.base('tailnet')}`" if each.tailnet else "no",
            f"`{each.base('funnel')}`" if each.internet else "no",
            "both" if each.tailnet_key and each.internet else "yes" if each.tailnet_key else _internet_key(each),
        )
        for each in guide.reaches
    ]
    yield table(("Endpoint", "Speaks", "From the tailnet", "From the internet", "Wants a key"), rows, on_page=False)
    if guide.page:
        yield text(
            f"This guide as a page that shows what is up: `{guide.page}`; as Markdown: `{guide.page}guide.md`; for "
            f"agents: `{guide.page.removesuffix('macstate/')}llms.txt`."
        )


def _internet_key(each: Reach) -> str:
    return "from the internet" if each.internet else "no"


def _environment(guide: Guide) -> Iterator[Block]:
    asks = any(each.tailnet_key for each in guide.reaches if each.tailnet)
    if chief(guide.reaches, "tailnet"):
        yield text(
            "For programs that speak OpenAI's API. `OPENAI_BASE_URL` is what its libraries read, `OPENAI_API_BASE` "
            "what they read before 1.0; each further endpoint has a variable of its own."
        )
    lines = [f"export {name}={url}" for name, url in variables(guide.reaches, "tailnet")]
    yield code("sh", "laptop", [*lines, *([] if asks else [f"export OPENAI_API_KEY={NO_KEY}"])])
    if not asks:
        yield text("The tailnet needs no key, and the libraries insist on one: any text will do.")
    if guide.gateway and (asks or guide.public):
        yield text("A key belongs into `OPENAI_API_KEY`. None stands here; they are to be had by reference:")
        yield points(
            f"{name}: {MADE if each == 'generate' else f'`{each}`'}"
            for name, references in sorted(guide.gateway.keys.items())
            for each in references
        )


def _requests(guide: Guide) -> Iterator[Block]:
    first = chief(guide.reaches, "tailnet")
    for each in guide.reaches:
        if each.tailnet:
            yield text(f"{each.name}, from the tailnet:")
            yield code("sh", "laptop", _asked(each, "tailnet"))
        if each is first and each.models:
            yield code("sh", "laptop", _chat(each))
            yield text("The same with OpenAI's Python library, by the variables above:")
            yield code("python", "laptop", _python(each.models[0][0]))
    for each in guide.public:
        yield text(f"{each.name}, from the internet, with a key in `OPENAI_API_KEY`:")
        yield code("sh", "laptop", _asked(each, "funnel"))


def _asked(each: Reach, via: str) -> list[str]:
    key = f' --header "{BEARER}"' if each.needs_key(via) else ""
    path = "/models" if each.speaks_openai else each.health
    return [f"curl --silent --show-error --fail{key} {each.base(via)}{path}"]


def _chat(each: Reach) -> list[str]:
    key = f' --header "{BEARER}"' if each.needs_key("tailnet") else ""
    body = json.dumps({"model": each.models[0][0], "messages": [{"role": "user", "content": "Say hello."}]})
    return [
        f"curl --silent --show-error --fail{key} --json '{body}' \\",
        f"  {each.base('tailnet')}/chat/completions",
    ]


def _python(model: str) -> list[str]:
    return [
        "from openai import OpenAI",
        "",
        "client = OpenAI()",
        "asked = [{'role': 'user', 'content': 'Say hello.'}]",
        f"answer = client.chat.completions.create(model={model!r}, messages=asked)",
        "print(answer.choices[0].message.content)",
    ]
