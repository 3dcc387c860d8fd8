"""The guide's example requests, and how to get a key into a terminal."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from macstate.endpoint.reach import Reach, chief, variable
from macstate.guide.blocks import Block, code, points, text
from macstate.guide.subject import Subject
from macstate.language.secrets import fetch

BEARER = "Authorization: Bearer $OPENAI_API_KEY"


def key(guide: Subject) -> Iterator[Block]:
    """Yield where each key is kept, and the command for the first key that one command fetches on any laptop."""
    references = [
        (name, each) for name, found in sorted(guide.gateway.keys.items() if guide.gateway else ()) for each in found
    ]
    yield text("Put a key into `OPENAI_API_KEY`. The keys are not shown here, only where each one is kept:")
    yield points(f"{name}: {fetch.scheme_of(each).told or f'`{each}`'}" for name, each in references)
    for name, each in references:
        if line := fetch.for_any_laptop(each, f"{guide.name}/gateway.keys.{name}"):
            yield text(f"On a laptop that has the key {name} (if yours does not, ask the Mac's owner for a key):")
            yield code("sh", "laptop", [f'export OPENAI_API_KEY="$({line})"'])
            return


def requests(guide: Subject, via: str) -> Iterator[Block]:
    """Yield a request for each endpoint that is reached this way, and a chat for each that has a model.

    The request with which the guide begins is left out.
    """
    spoken = next((each for each in guide.reaches if each.url(guide.via) and chats(each)), None)
    for each in guide.reaches:
        shown = [] if each is guide.first and via == guide.via else [asked(each, via)]
        if via == each.via and chats(each):
            shown.append(chat(each))
        if each.url(via) and shown:
            yield text(f"{each.name}{', with a key in `OPENAI_API_KEY`' if each.needs_key(via) else ''}:")
            yield from (code("sh", "laptop", lines) for lines in shown)
        if via == guide.via and each is spoken:
            yield text("The same with OpenAI's Python library and the variables above:")
            yield code("python", "laptop", _python(guide, each))


def chats(each: Reach) -> bool:
    """Return whether an endpoint has a model to chat with."""
    return each.chats and bool(each.models)


def request(each: Reach) -> list[str]:
    """Return the one request that best shows how to use an endpoint."""
    return chat(each) if chats(each) else asked(each, each.via)


def asked(each: Reach, via: str) -> list[str]:
    """Return a request that is answered at once: for its models, or for the spec's example."""
    return [f"{_curl(each, via)} {shlex.quote(each.url(via) + each.example)}"]


def chat(each: Reach) -> list[str]:
    """Return a chat request to the endpoint's first model."""
    body = json.dumps({"model": each.models[0][0], "messages": [{"role": "user", "content": "Say hello."}]})
    url = shlex.quote(f"{each.base(each.via)}/chat/completions")
    return [f"{_curl(each, each.via)} --json {shlex.quote(body)} \\", f"  {url}"]


def _curl(each: Reach, via: str) -> str:
    return "curl --silent --show-error --fail" + (f' --header "{BEARER}"' if each.needs_key(via) else "")


def _python(guide: Subject, each: Reach) -> list[str]:
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
