"""Doors and the upstreams behind them: pure data for the gateway's templates."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from macstate.gateway.heads import GRADES
from macstate.gateway.pages import AGENTS, HTTPS, PAGE
from macstate.gateway.ports import Ports
from macstate.kernel.declaration import Declaration

READING = ("GET", "HEAD", "OPTIONS")
USUAL = (*READING, "POST")
"""The methods that an engine's own paths take; others manage a server. A path that the spec opens takes any."""


@dataclass(frozen=True)
class Upstream:
    """A server behind a door, and the route to it."""

    name: str
    https: int
    """The HTTPS port on which clients ask for it."""
    path: str
    """The route's mount, without a slash at the end; empty for the root."""
    port: int
    """The server's loopback port."""
    stripped: bool
    """Whether the server gets the path without the mount."""
    needs_key: bool
    """Whether a request needs a key."""
    host: str
    """The Host header for the server; empty: this Mac's name."""
    origin: bool
    """Whether the server gets the Origin header."""
    usual: tuple[str, ...] | None
    """The server's paths that people use, below the mount; None for all of its paths."""
    lists: frozenset[str] = frozenset()
    """Those of ``usual`` that are only read."""
    open: tuple[str, ...] = ()
    """Further paths, which the spec opens."""

    @property
    def route(self) -> str:
        """The route as in its id: ``443/vllm``."""
        return f"{self.https}{self.path or '/'}"

    @property
    def word(self) -> str:
        """``key`` or ``open``, for the first lines of the configuration, with which the next plan is compared."""
        return "key" if self.needs_key else "open"

    @property
    def below(self) -> str:
        """A regular expression for all its paths, decoded, as a client asks for them; a mere prefix never decides."""
        return rf"{re.escape(self.path)}(?:/.*)?" if self.path else "/.*"

    @property
    def rules(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        """(methods, regular expression of paths) for what people use of the server; no methods means any."""
        if self.usual is None:
            return (((), self.below),)
        pairs = zip((READING, USUAL), self._read_and_used, strict=True)
        return tuple((methods, self._any(paths)) for methods, paths in pairs if paths)

    @property
    def allows(self) -> tuple[tuple[str, str], ...]:
        """(grade, paths) for the first lines of the configuration, from which a plan tells what changes."""
        anything = ("/*",) if self.usual is None else self.open
        found = zip(GRADES, (*self._read_and_used, anything), strict=True)
        return tuple((grade, " ".join(paths)) for grade, paths in found if paths)

    @property
    def _read_and_used(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The usual paths that are only read, and the others."""
        usual = self.usual or ()
        return tuple(path for path in usual if path in self.lists), tuple(p for p in usual if p not in self.lists)

    @property
    def open_paths(self) -> tuple[str, ...]:
        """A regular expression for each path that the spec opens."""
        return tuple(self._any((path,)) for path in self.open)

    def _any(self, paths: tuple[str, ...]) -> str:
        mount = re.escape(self.path)
        words = (f"{re.escape(path[:-1])}.*" if path.endswith("/*") else re.escape(path) for path in paths)
        return f"{mount}(?:{'|'.join('/?' if mount and word == '/' else word for word in words)})"


@dataclass(frozen=True)
class State:
    """How the guide's page asks whether one endpoint answers."""

    path: str
    """The path for which the page asks."""
    name: str
    port: int
    health: str
    host: str
    """The Host header for the server; empty: this Mac's name."""


@dataclass(frozen=True)
class Door:
    """One loopback port of the gateway, for one audience and one HTTPS port."""

    audience: str
    """``tailnet`` or ``funnel``."""
    https: int
    port: int
    upstreams: tuple[Upstream, ...]
    """The upstreams, longest mount first, as the templates need them."""
    has_guide: bool = False
    states: tuple[State, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the configuration and the log: ``tailnet/443``."""
        return f"{self.audience}/{self.https}"

    @property
    def typed(self) -> str:
        """What to type in the spec to give it another loopback port."""
        return f"`gateway: {{ports: {{{self.audience}: {{{self.https}: PORT}}}}}}`"

    def url(self, path: str) -> str:
        """Return the URL to which Serve leads for a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def public(self) -> bool:
        """Whether the internet comes in here: then nothing answers without a key, not even a 404."""
        return self.audience == "funnel"

    @property
    def needs_key(self) -> bool:
        """Whether every upstream needs a key: then a page of any site may ask, since it must know a key."""
        return self.public or all(upstream.needs_key for upstream in self.upstreams)

    @property
    def authority(self) -> str:
        """What follows the Mac's name in its URLs: the port, if it is not HTTPS' own."""
        return "" if self.https == 443 else f":{self.https}"  # noqa: PLR2004 - https


class Routed(Declaration):
    """An entry to which the gateway leads."""

    @property
    @abstractmethod
    def mount(self) -> tuple[int, str] | None:
        """The HTTPS port and the path of the tailnet's route to it; None if it has none, or is off."""

    @abstractmethod
    def upstream(self, name: str, audience: str, *, always: bool) -> Upstream | None:
        """Return its upstream for an audience; None if there is none. ``always``: everybody needs a key."""

    @abstractmethod
    def state(self, name: str) -> State:
        """Return how the guide's page asks whether it answers."""

    @abstractmethod
    def needs_key(self, *, always: bool) -> bool:
        """Return whether the tailnet needs a key for it."""


def doors(ports: Ports, endpoints: Mapping[str, Routed], *, always: bool) -> tuple[Door, ...]:
    """Return all doors, the tailnet's first, for each audience by HTTPS port; ``always``: everybody needs a key."""
    endpoints = {name: each for name, each in endpoints.items() if not each.is_off}
    found = []
    for audience in ("tailnet", "funnel"):
        routes = (each.upstream(name, audience, always=always) for name, each in endpoints.items())
        upstreams = sorted(
            filter(None, routes), key=lambda upstream: (upstream.https, -len(upstream.path), upstream.path)
        )
        for https, behind in groupby(upstreams, key=lambda upstream: upstream.https):
            port = ports.door(audience, https, upstreams[0].https)
            found.append(_door(endpoints, Door(audience, https, port, tuple(behind)), always=always))
    return tuple(found)


def _door(endpoints: Mapping[str, Routed], door: Door, *, always: bool) -> Door:
    """Return the door with the guide, if the guide belongs behind it."""
    if door.public:  # the internet sees the guide only where it has the root already: no mount is added
        shown = sorted(upstream.name for upstream in door.upstreams)
        has_guide = any(not upstream.path for upstream in door.upstreams)
    else:  # the page has a card for every endpoint, whether or not a route leads to it
        shown = sorted(name for name, each in endpoints.items() if not each.needs_key(always=always))
        has_guide = page_port(endpoints.values()) == door.https
    states = tuple(endpoints[name].state(name) for name in shown)
    return replace(door, has_guide=True, states=states) if has_guide else door


def page_port(endpoints: Iterable[Routed]) -> int | None:
    """Return the guide's HTTPS port in the tailnet: 443 if an endpoint has it, otherwise the lowest one in use."""
    ports = {each.mount[0] for each in endpoints if each.mount}
    return HTTPS if HTTPS in ports else min(ports, default=None)


def page_mounts(endpoints: Collection[Routed]) -> tuple[str, ...]:
    """Return the mounts of the guide that Serve needs; none if an endpoint has the root, and so all paths below it."""
    routes = {each.mount for each in endpoints}
    return () if (page_port(endpoints), "/") in routes else (PAGE.rstrip("/"), AGENTS)
