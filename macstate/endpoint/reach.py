"""How the endpoints of a Mac are reached: what the laptop's files, the guide and its page all say, worked out once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from macstate.endpoint.engine import MODELS
from macstate.endpoint.entry import Endpoint
from macstate.gateway.entry import Gateway
from macstate.gateway.pages import HTTPS
from macstate.kinds.serve.route import Route
from macstate.language.facts import Facts

TAILNET = ".ts.net"


@dataclass(frozen=True)
class Reach:
    """One endpoint, as its clients see it."""

    name: str
    engine: str
    told: str
    """Whose API it has, for people."""
    chats: bool
    """Whether OpenAI's clients can talk to it."""
    port: int
    """Its loopback port on the Mac."""
    label: str
    """Its launchd label."""
    domain: str
    """``system`` or ``gui``."""
    log: str
    """Where its output goes on the Mac; ``{home}`` stands for the home of the Mac's user."""
    health: str
    """The path that tells whether it is well, beginning with a slash."""
    example: str
    """The path of a request that shows how to use it, likewise."""
    models: tuple[tuple[str, str], ...]
    """(identifier, what it is)."""
    aliases: tuple[tuple[str, str], ...] = ()
    """(other name, identifier)."""
    tailnet: str = ""
    """Its URL for the tailnet, without a slash at the end; empty: the tailnet does not reach it."""
    internet: str = ""
    """Its URL for the internet, likewise."""
    tailnet_key: bool = False
    """Whether the tailnet needs a key for it. The internet always does."""

    @property
    def page_state(self) -> str:
        """Return what the guide's page says at first; what wants a key is not asked from there."""
        return "unknown" if self.tailnet_key else "checking"

    @property
    def via(self) -> str:
        """Return the way to it that most have: ``tailnet``, or where the tailnet has no route to it, ``funnel``."""
        return "tailnet" if self.tailnet else "funnel"

    def url(self, via: str) -> str:
        """Return its URL for ``tailnet`` or ``funnel``; empty: it is not reached that way."""
        return self.internet if via == "funnel" else self.tailnet

    def base(self, via: str) -> str:
        """Return what a client calls the base URL: with /v1 where it speaks OpenAI's API."""
        url = self.url(via)
        return f"{url}/v1" if url and self.chats else url

    def short_url(self, via: str) -> str:
        """Return the URL without the name that all have in common: ``:443/vllm``."""
        host, _, path = self.url(via).removeprefix("https://").partition("/")
        return f":{host.partition(':')[2] or HTTPS}/{path}"

    def needs_key(self, via: str) -> bool:
        """Say whether a request needs a key."""
        return via == "funnel" or self.tailnet_key


def tailnet_name(hostname: str, nodes: Iterable[str]) -> str:
    """Return a Mac's DNS name in the tailnet; empty where neither the spec nor one of the nodes' names tells it."""
    if hostname.endswith(TAILNET):
        return hostname
    label = hostname.partition(".")[0]
    return next((name for name in nodes if name.partition(".")[0] == label), "")


def reaches(endpoints: Mapping[str, Endpoint], gateway: Gateway | None, name: str) -> tuple[Reach, ...]:
    """Return every endpoint of the Mac that has this DNS name, without those that are off.

    What speaks OpenAI's API comes first, by the length of its URL: the order of keys in YAML means nothing.
    """
    found = (_reach(each, endpoint, gateway, name) for each, endpoint in endpoints.items() if not endpoint.is_off)
    return tuple(sorted(found, key=lambda each: (not each.chats, len(each.tailnet) or HTTPS, each.name)))


def _reach(name: str, endpoint: Endpoint, gateway: Gateway | None, host: str) -> Reach:
    example = MODELS if endpoint.made_by.chats else endpoint.health_path
    return Reach(
        name=name,
        engine=endpoint.engine,
        told=endpoint.made_by.told,
        chats=endpoint.made_by.chats,
        port=endpoint.port,
        label=endpoint.job_label(name),
        domain=endpoint.domain,
        log=endpoint.log_path(endpoint.job_label(name), Facts(home="{home}")),
        health=endpoint.health_path,
        example=endpoint.example or example,
        models=tuple(sorted((model, entry.about) for model, entry in endpoint.all_models.items())),
        aliases=tuple(sorted((alias, model) for model, entry in endpoint.all_models.items() for alias in entry.alias)),
        tailnet=_url(host, endpoint.serve),
        internet=_url(host, endpoint.funnel) if gateway else "",
        tailnet_key=gateway is not None and endpoint.needs_key(always=gateway.require_key == "always"),
    )


def _url(host: str, route: Route | None) -> str:
    if route is None:
        return ""
    port = "" if route.https == HTTPS else f":{route.https}"
    return f"https://{host}{port}{route.path.rstrip('/')}"


def chief(found: tuple[Reach, ...], via: str) -> Reach | None:
    """Return the endpoint that OpenAI's own variables mean: what speaks its API and has the shortest URL."""
    reached = (each for each in found if each.chats and each.url(via))
    return min(reached, key=lambda each: (len(each.url(via)), each.name), default=None)


def variable(name: str) -> str:
    """Return the variable of a further endpoint: ``a1111`` is ``A1111_API_BASE``."""
    word = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return f"{'_' if word[0].isdigit() else ''}{word}_API_BASE"


def variables(found: tuple[Reach, ...], via: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (variable, URL) of all that is reached that way, OpenAI's own first; with a prefix those are left out.

    ``OPENAI_BASE_URL`` is what OpenAI's libraries read today, ``OPENAI_API_BASE`` what they read before 1.0.
    """
    first = None if prefix else chief(found, via)
    if first:
        yield "OPENAI_BASE_URL", first.base(via)
        yield "OPENAI_API_BASE", first.base(via)
    start = f"{prefix}_" if prefix else ""
    yield from ((variable(start + each.name), each.base(via)) for each in found if each.url(via) and each is not first)
