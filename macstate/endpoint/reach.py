"""How clients reach a Mac's endpoints: worked out once for the laptop's files, the guide and its page."""

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
    """An endpoint as its clients see it."""

    name: str
    engine: str
    told: str
    """Its API, for people."""
    chats: bool
    """Whether clients of OpenAI's API can talk to it."""
    port: int
    """Its loopback port on the Mac."""
    label: str
    """Its launchd label."""
    domain: str
    """``system`` or ``gui``."""
    log: str
    """Where its output goes on the Mac; ``{home}`` stands for the home of the Mac's user."""
    health: str
    """The path that tells whether it is healthy, beginning with a slash."""
    example: str
    """The path of the guide's example request, beginning with a slash."""
    models: tuple[tuple[str, str], ...]
    """(name, description) of each model."""
    aliases: tuple[tuple[str, str], ...] = ()
    """(other name, name) of each alias of a model."""
    tailnet: str = ""
    """Its URL for the tailnet, without a slash at the end; empty if the tailnet does not reach it."""
    internet: str = ""
    """Its URL for the internet, without a slash at the end; empty if the internet does not reach it."""
    tailnet_key: bool = False
    """Whether the tailnet needs a key for it. The internet always does."""

    @property
    def page_state(self) -> str:
        """What the guide's page shows at first: it does not ask an endpoint that needs a key."""
        return "unknown" if self.tailnet_key else "checking"

    @property
    def via(self) -> str:
        """The way to it that most people have: ``tailnet``, or ``funnel`` if the tailnet has no route to it."""
        return "tailnet" if self.tailnet else "funnel"

    def url(self, via: str) -> str:
        """Return its URL for ``tailnet`` or ``funnel``; empty if it is not reached that way."""
        return self.internet if via == "funnel" else self.tailnet

    def base(self, via: str) -> str:
        """Return its base URL for clients: with /v1 if it speaks OpenAI's API."""
        url = self.url(via)
        return f"{url}/v1" if url and self.chats else url

    def short_url(self, via: str) -> str:
        """Return its URL without the host name, which all endpoints share: ``:443/vllm``."""
        host, _, path = self.url(via).removeprefix("https://").partition("/")
        return f":{host.partition(':')[2] or HTTPS}/{path}"

    def needs_key(self, via: str) -> bool:
        """Return whether a request needs a key."""
        return via == "funnel" or self.tailnet_key


def tailnet_name(hostname: str, nodes: Iterable[str]) -> str:
    """Return a Mac's DNS name in the tailnet; empty if neither the spec nor one of the nodes' names tells it."""
    if hostname.endswith(TAILNET):
        return hostname
    label = hostname.partition(".")[0]
    return next((name for name in nodes if name.partition(".")[0] == label), "")


def reaches(endpoints: Mapping[str, Endpoint], gateway: Gateway | None, name: str) -> tuple[Reach, ...]:
    """Return every endpoint that is not off, of the Mac with the DNS name ``name``.

    Those with OpenAI's API come first, by the length of their URL, since the order of keys in YAML means nothing.
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
    """Return the endpoint for OpenAI's own variables: of those that speak its API, the one with the shortest URL."""
    reached = (each for each in found if each.chats and each.url(via))
    return min(reached, key=lambda each: (len(each.url(via)), each.name), default=None)


def variable(name: str) -> str:
    """Return the variable for an endpoint's URL: ``A1111_API_BASE`` for ``a1111``."""
    word = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return f"{'_' if word[0].isdigit() else ''}{word}_API_BASE"


def variables(found: tuple[Reach, ...], via: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (variable, URL) of all endpoints that are reached that way.

    OpenAI's own variables come first; with a prefix they are left out. OpenAI's libraries read ``OPENAI_BASE_URL``
    today; before 1.0 they read ``OPENAI_API_BASE``.
    """
    first = None if prefix else chief(found, via)
    if first:
        yield "OPENAI_BASE_URL", first.base(via)
        yield "OPENAI_API_BASE", first.base(via)
    start = f"{prefix}_" if prefix else ""
    yield from ((variable(start + each.name), each.base(via)) for each in found if each.url(via) and each is not first)
