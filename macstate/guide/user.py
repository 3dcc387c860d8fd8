"""The guide's part for whoever uses the models: the URLs, the models' names, and the variables that programs read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from macstate.endpoint.reach import Reach, chief, variables
from macstate.guide import requests as guide_requests
from macstate.guide.blocks import Block, Chapter, code, table, text
from macstate.guide.subject import Subject

NO_KEY = "unused"


def sections(guide: Subject) -> Iterator[Chapter]:
    """Yield the chapters in order; a chapter about something that this Mac lacks is left out."""
    if guide.reaches:
        yield Chapter("Endpoints", tuple(_endpoints(guide)))
    if models := [(model, about or model, each) for each in guide.reaches for model, about in each.models]:
        rows = [(f"`{model}`", about, each.name) for model, about, each in models]
        rows += [
            (f"`{alias}`", f"another name of `{model}`", each.name)
            for each in guide.reaches
            for alias, model in each.aliases
        ]
        table_of = table(("Identifier", "What it is", "Endpoint"), rows)
        yield Chapter("Models", (text("Type an identifier exactly as it is here."), table_of))
    if any(variables(guide.reaches, guide.via)):
        yield Chapter("Environment", tuple(_environment(guide)))
    if requests := tuple(guide_requests.requests(guide, guide.via)):
        yield Chapter("Requests", requests)
    if guide.via == "tailnet" and guide.public:
        yield Chapter("From the internet", tuple(_internet(guide)))
    if guide.reaches:
        yield Chapter("Architecture", (code("text", "", _drawing(guide)),))


def _drawing(guide: Subject) -> Iterator[str]:
    places = [each.short_url(via) for each in guide.reaches for via in ("tailnet", "funnel")]
    width = max(map(len, places), default=0)
    for each in guide.reaches:
        server = f"{each.name} 127.0.0.1:{each.port}"
        doors = {
            door.audience: door.port
            for door in guide.doors
            if each.name in {upstream.name for upstream in door.upstreams}
        }
        gate = f"{guide.gateway.server} 127.0.0.1:" if guide.gateway else ""
        door = f"{gate}{doors['tailnet']} -> " if "tailnet" in doors else ""
        public = f"{gate}{doors['funnel']}, needs a key -> " if "funnel" in doors else ""
        if each.tailnet:
            yield f"tailnet  {each.short_url('tailnet'):<{width}} -> Tailscale Serve  -> {door}{server}"
        if each.internet:
            yield f"internet {each.short_url('funnel'):<{width}} -> Tailscale Funnel -> {public}{server}"
        if not (each.tailnet or each.internet):
            yield f"nobody   -> {server}"


def _endpoints(guide: Subject) -> Iterator[Block]:
    rows = [
        (
            each.name,
            each.told,
            f"`{each.base('tailnet')}`" if each.tailnet else "no",
            f"`{each.base('funnel')}`" if each.internet else "no",
            _needs_key(each),
        )
        for each in guide.reaches
    ]
    yield table(("Endpoint", "Speaks", "From the tailnet", "From the internet", "Needs a key"), rows, on_page=False)


def _needs_key(each: Reach) -> str:
    if each.tailnet_key or (each.internet and not each.tailnet):
        return "yes"
    return "from the internet" if each.internet else "no"


def _internet(guide: Subject) -> Iterator[Block]:
    yield text("The URL and a key are enough. Tailscale is not needed.")
    if not guide.needs_key:
        yield from guide_requests.key(guide)
    yield from guide_requests.requests(guide, "funnel")


def _environment(guide: Subject) -> Iterator[Block]:
    if chief(guide.reaches, guide.via):
        yield text(
            "For programs that speak OpenAI's API. OpenAI's libraries read `OPENAI_BASE_URL`; those before 1.0 read "
            "`OPENAI_API_BASE`. Every other endpoint has a variable of its own."
        )
    lines = [f"export {name}={shlex.quote(url)}" for name, url in variables(guide.reaches, guide.via)]
    yield code("sh", "laptop", [*lines, *([] if guide.needs_key else [f"export OPENAI_API_KEY={NO_KEY}"])])
    if not guide.needs_key:
        yield text("Within the tailnet no key is needed. The libraries insist on one, so any text will do.")
    elif not (guide.first and guide.first.needs_key(guide.via)):
        yield from guide_requests.key(guide)
