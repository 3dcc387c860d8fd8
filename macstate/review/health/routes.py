"""Do the routes of Serve answer this laptop as they answer any client?"""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.client import HTTPException

from macstate.endpoint.entry import Endpoint
from macstate.gateway.doors import page_mounts, page_port
from macstate.gateway.entry import Gateway
from macstate.kernel.resource import Actual
from macstate.kinds.serve import Serve
from macstate.review.health import SERVER_ERROR, healths
from macstate.spec.declared import Declared

PATIENCE = 10
"""Seconds for a route's answer; the first one may have to wait for a certificate."""


@dataclass(frozen=True)
class RouteHealth:
    """The URL of one route, and what it answered."""

    url: str
    state: str
    """``answers``, ``starting`` (its endpoint is), ``silent``, ``unknown`` (the laptop itself cannot ask), ``missing``
    (it is not in Serve); empty: it was not asked."""
    text: str
    """The HTTP status, or why there is none."""
    endpoint: str = ""
    """The endpoint to which it belongs; empty if the spec has none for it."""
    public: bool = False
    """Whether the internet reaches it."""
    stray: bool = False
    """Whether nothing in the spec stands for it."""


def known(declared: Declared, actual: Actual) -> list[RouteHealth]:
    """Return every route that macstate made, and the declared ones that are missing, without asking them."""
    name = actual.facts.node.name
    here = {have.key: have for have in _mine(declared, actual)}
    guide = _guide(declared, actual)
    wanted = {key: (each, funnel) for key, (each, _, funnel) in _endpoints(declared).items()}
    return [
        *(
            RouteHealth(
                _url(name, key), "", "", wanted.get(key, ("", False))[0], have.public, key not in {*wanted, *guide}
            )
            for key, have in here.items()
        ),
        *(
            RouteHealth(_url(name, key), "missing", "not in Serve yet", each, funnel)
            for key, (each, funnel) in wanted.items()
            if key not in here and name and not declared.only
        ),
    ]


def reached(declared: Declared, actual: Actual) -> list[RouteHealth]:
    """Return the same routes as ``known``, with their answers; all are asked at once."""
    starting = {each.name for each in healths(declared, actual) if each.state == "starting"}
    open_ones = {
        _url(actual.facts.node.name, key): entry.open_path for key, (_, entry, _) in _endpoints(declared).items()
    }
    routes = known(declared, actual)
    mine = [route for route in routes if not route.state]
    with ThreadPoolExecutor(max(len(mine), 1)) as pool:
        answers = pool.map(
            lambda route: _ask(route, open_ones.get(route.url, ""), young=route.endpoint in starting), mine
        )
        return [*answers, *(route for route in routes if route.state)]


def _endpoints(declared: Declared) -> dict[str, tuple[str, Endpoint, bool]]:
    """Return (name, endpoint, whether it is for the internet) by the key of each declared route."""
    return {
        f"{route.https}{route.path}": (name, entry, field == "funnel")
        for name, entry in declared.all(Endpoint).items()
        if not entry.is_off
        for field, route in (("serve", entry.serve), ("funnel", entry.funnel))
        if route
    }


def _guide(declared: Declared, actual: Actual) -> set[str]:
    """Return the keys of the routes to the guide."""
    scope = declared.scope(actual.facts)
    endpoints = scope.all(Endpoint).values() if scope.one(Gateway) else ()
    return {f"{page_port(endpoints)}{mount}" for mount in page_mounts(endpoints)}


def _mine(declared: Declared, actual: Actual) -> list[Serve]:
    about = declared.ids(declared.only, actual.facts) if declared.only else actual.record.lines
    mine = [have for have in actual.resources.values() if isinstance(have, Serve) and have.id in actual.record.lines]
    return [have for have in mine if have.id in about]


def ill(declared: Declared, actual: Actual, left: Collection[str], *, ask: bool) -> Iterator[str]:
    """Yield what is not healthy, with ``ask`` also silent routes; not endpoints whose job or models are ``left``."""
    labels = {identifier.rpartition("/")[2] for identifier in left}
    for each in healths(declared, actual):
        if not (each.fine or each.label in labels or (each.missing and each.missing <= {*left})):
            yield f"{each.name}: {each.text}"
    if ask:
        yield from (f"{each.url}: {each.text}" for each in reached(declared, actual) if each.state == "silent")


def _url(name: str, key: str) -> str:
    port, _, mount = key.partition("/")
    return f"https://{name}{'' if port == '443' else f':{port}'}/{mount}"


def _ask(route: RouteHealth, path: str, *, young: bool) -> RouteHealth:
    """Return the route with the answer of a path that the gateway lets through; it answers all others itself."""
    state, text = _answer(route.url, path, young=young)
    return replace(route, state=state, text=text)


def _answer(url: str, path: str, *, young: bool) -> tuple[str, str]:
    where = url if path in {"", "/"} else f"{url.rstrip('/')}{path}"
    try:
        with urllib.request.urlopen(where, timeout=PATIENCE) as answer:  # noqa: S310 - https, made above
            return "answers", str(answer.status)
    except urllib.error.HTTPError as error:
        if error.code < SERVER_ERROR:  # 401: the gateway asks for a key
            return "answers", str(error.code)
        return "starting" if young else "silent", f"HTTP {error.code}"
    except (OSError, ValueError, HTTPException) as error:
        why = getattr(error, "reason", error)
        if isinstance(why, socket.gaierror):
            return "unknown", "this laptop cannot resolve the name (`tailscale up --accept-dns`)"
        if isinstance(why, ssl.SSLCertVerificationError):
            return "unknown", f"this laptop's Python does not trust the certificate: {why.verify_message}"
        return "silent", str(why) or type(why).__name__
