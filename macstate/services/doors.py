"""Which door leads where: pure data for the gateway's templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from macstate.services.engines import ENGINES
from macstate.services.pages import STATE, page_port


@dataclass(frozen=True)
class Way:
    """One route behind a door."""

    name: str
    https: int
    """The HTTPS port it is asked for on."""
    path: str
    """The mount, without a slash at the end; empty for the root."""
    port: int
    """The server's loopback port."""
    stripped: bool
    """Whether the server gets the path without the mount."""
    asks: bool
    """Whether it wants a key."""
    host: str
    """The Host header for the server; empty: the client's."""
    origin: bool
    """Whether the server sees Origin."""
    closed: tuple[str, ...]
    """Paths, with the mount, that nobody reaches."""

    @property
    def route(self) -> str:
        """The route as an id says it: ``443/vllm``."""
        return f"{self.https}{self.path or '/'}"

    @property
    def word(self) -> str:
        """Whether it wants a key, for the first lines of the configuration: the next plan is held against them."""
        return "key" if self.asks else "open"

    @property
    def locations(self) -> tuple[tuple[str, str], ...]:
        """Give nginx' locations behind the door's entrance, and the path that each becomes for the server."""
        target = "" if self.stripped else self.path
        below = (f"/{self.https}{self.path}/", f"{target}/")
        return ((f"= /{self.https}{self.path}", target or "/"), below) if self.path else (below,)


@dataclass(frozen=True)
class State:
    """Whether one endpoint answers, as the guide's page asks."""

    path: str
    """What the page asks for."""
    name: str
    port: int
    health: str
    host: str
    """The Host header for the server; empty: the client's."""


@dataclass(frozen=True)
class Door:
    """One loopback port of the gateway."""

    name: str
    port: int
    public: bool
    """Whether the internet comes in here: then there is nothing without a key, not even a 404."""
    ways: tuple[Way, ...]
    page_ports: tuple[int, ...] = ()
    """The HTTPS ports where the guide is."""
    states: tuple[State, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether every way wants a key: then a page of any site may come in, for it must know one."""
        return self.public or all(way.asks for way in self.ways)

    @property
    def entrances(self) -> tuple[int, ...]:
        """The HTTPS ports that lead here."""
        return tuple(sorted({way.https for way in self.ways}))


def doors(gateway: Any, endpoints: Mapping[str, Any]) -> tuple[Door, ...]:
    """Give both doors; the longest mount first, as the templates need it."""
    found = {"tailnet": gateway.ports.tailnet, "funnel": gateway.ports.funnel}
    return tuple(_door(gateway, endpoints, name, port) for name, port in found.items())


def asks(gateway: Any, endpoint: Any) -> bool:
    """Say whether the tailnet needs a key for an endpoint."""
    own: bool | None = endpoint.require_key
    return bool(gateway.require_key == "always" if own is None else own)


def _door(gateway: Any, endpoints: Mapping[str, Any], name: str, port: int) -> Door:
    ways = tuple(sorted(_ways(gateway, endpoints, name), key=_order))
    if name == "funnel":  # no mount is added to what the internet sees
        shown = sorted(way.name for way in ways)
        pages = tuple(sorted({way.https for way in ways if not way.path}))
    else:  # the page has a card for every endpoint, whether or not a route leads to it
        shown = sorted(each for each, endpoint in endpoints.items() if not asks(gateway, endpoint))
        pages = () if (page := page_port(endpoints)) is None else (page,)
    states = tuple(_state(each, endpoints[each]) for each in shown)
    return Door(name, port, name == "funnel", ways, pages, states)


def _state(name: str, endpoint: Any) -> State:
    return State(f"{STATE}{name}", name, endpoint.port, endpoint.health_path, endpoint.host_header)


def _order(way: Way) -> tuple[int, int, str]:
    return way.https, -len(way.path), way.path


def _ways(gateway: Any, endpoints: Mapping[str, Any], door: str) -> Iterator[Way]:
    for name, endpoint in endpoints.items():
        route = endpoint.funnel if door == "funnel" else endpoint.serve
        if route is None:
            continue
        mount = route.path.rstrip("/")
        yield Way(
            name=name,
            https=route.https,
            path=mount,
            port=endpoint.port,
            stripped=not route.keep_path,
            asks=door == "funnel" or asks(gateway, endpoint),
            host=endpoint.host_header,
            origin=ENGINES[endpoint.engine].origin,
            closed=tuple(f"{mount}{path}" for path in endpoint.closed_paths),
        )
