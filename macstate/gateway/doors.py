"""Which door leads where: pure data for the gateway's templates."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from macstate.gateway.gate import Ports
from macstate.gateway.heads import GRADES
from macstate.gateway.pages import AGENTS, HTTPS, PAGE
from macstate.kernel.declaration import Declaration

READING = ("GET", "HEAD", "OPTIONS")
USUAL = (*READING, "POST")
"""The methods that an engine's own routes take: by others a server is managed. What the spec opens takes any."""


@dataclass(frozen=True)
class Upstream:
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
    needs_key: bool
    """Whether it wants a key."""
    host: str
    """The Host header for the server; empty: this Mac's name."""
    origin: bool
    """Whether the server sees Origin."""
    usual: tuple[str, ...] | None
    """The server's paths that people use, below the mount; None: all of them."""
    lists: frozenset[str] = frozenset()
    """Those of them that are only read."""
    open: tuple[str, ...] = ()
    """Further ones, by the spec."""

    @property
    def route(self) -> str:
        """The route as an id says it: ``443/vllm``."""
        return f"{self.https}{self.path or '/'}"

    @property
    def word(self) -> str:
        """Whether it wants a key, for the first lines of the configuration: the next plan is held against them."""
        return "key" if self.needs_key else "open"

    @property
    def below(self) -> str:
        """A regular expression for every path of it, as the client asks and decoded: what decides is never a prefix."""
        return rf"{re.escape(self.path)}(?:/.*)?" if self.path else "/.*"

    @property
    def rules(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        """Return (methods, such an expression) for what people use of the server; no methods: any."""
        if self.usual is None:
            return (((), self.below),)
        pairs = zip((READING, USUAL), self._read_and_used, strict=True)
        return tuple((methods, self._any(paths)) for methods, paths in pairs if paths)

    @property
    def allows(self) -> tuple[tuple[str, str], ...]:
        """Return (what for, paths) for the first lines of the configuration, from which a plan says what changes."""
        anything = ("/*",) if self.usual is None else self.open
        found = zip(GRADES, (*self._read_and_used, anything), strict=True)
        return tuple((grade, " ".join(paths)) for grade, paths in found if paths)

    @property
    def _read_and_used(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Part what is only read from what is used otherwise."""
        usual = self.usual or ()
        return tuple(path for path in usual if path in self.lists), tuple(p for p in usual if p not in self.lists)

    @property
    def open_paths(self) -> tuple[str, ...]:
        """Return such an expression for each path that the spec opens."""
        return tuple(self._any((path,)) for path in self.open)

    def _any(self, paths: tuple[str, ...]) -> str:
        mount = re.escape(self.path)
        words = (f"{re.escape(path[:-1])}.*" if path.endswith("/*") else re.escape(path) for path in paths)
        return f"{mount}(?:{'|'.join('/?' if mount and word == '/' else word for word in words)})"


@dataclass(frozen=True)
class State:
    """Whether one endpoint answers, as the guide's page asks."""

    path: str
    """What the page asks for."""
    name: str
    port: int
    health: str
    host: str
    """The Host header for the server; empty: this Mac's name."""


@dataclass(frozen=True)
class Door:
    """One loopback port of the gateway: all that one audience may ask for on one HTTPS port."""

    audience: str
    """``tailnet`` or ``funnel``."""
    https: int
    port: int
    upstreams: tuple[Upstream, ...]
    """The longest mount first, as the templates need it."""
    has_guide: bool = False
    states: tuple[State, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the configuration and the log: ``tailnet/443``."""
        return f"{self.audience}/{self.https}"

    @property
    def typed(self) -> str:
        """What to type in the spec for another port of it."""
        return f"`gateway: {{ports: {{{self.audience}: {{{self.https}: PORT}}}}}}`"

    def url(self, path: str) -> str:
        """Return where Serve leads for a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def public(self) -> bool:
        """Whether the internet comes in here: then there is nothing without a key, not even a 404."""
        return self.audience == "funnel"

    @property
    def needs_key(self) -> bool:
        """Whether every way wants a key: then a page of any site may come in, for it must know one."""
        return self.public or all(upstream.needs_key for upstream in self.upstreams)

    @property
    def authority(self) -> str:
        """What stands behind the Mac's name in its URLs: a port, where it is not HTTPS' own."""
        return "" if self.https == 443 else f":{self.https}"  # noqa: PLR2004 - https


class Routed(Declaration):
    """An entry that the gateway leads to."""

    @property
    @abstractmethod
    def mount(self) -> tuple[int, str] | None:
        """The HTTPS port and the path of the tailnet's route to it; None: there is none, or it is off."""

    @abstractmethod
    def upstream(self, name: str, audience: str, *, always: bool) -> Upstream | None:
        """Return an audience's route to it; ``always``: the gateway wants a key of everybody. None: there is none."""

    @abstractmethod
    def state(self, name: str) -> State:
        """Return how the guide's page asks whether it answers."""

    @abstractmethod
    def needs_key(self, *, always: bool) -> bool:
        """Say whether the tailnet needs a key for it."""


def doors(ports: Ports, endpoints: Mapping[str, Routed], *, always: bool) -> tuple[Door, ...]:
    """Return all doors, the tailnet's first, each audience's by HTTPS port; ``always``: everybody needs a key."""
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
    """Add the guide, where it is."""
    if door.public:  # no mount is added to what the internet sees
        shown = sorted(upstream.name for upstream in door.upstreams)
        has_guide = any(not upstream.path for upstream in door.upstreams)
    else:  # the page has a card for every endpoint, whether or not a route leads to it
        shown = sorted(name for name, each in endpoints.items() if not each.needs_key(always=always))
        has_guide = page_port(endpoints.values()) == door.https
    states = tuple(endpoints[name].state(name) for name in shown)
    return replace(door, has_guide=True, states=states) if has_guide else door


def page_port(endpoints: Iterable[Routed]) -> int | None:
    """Say on which HTTPS port of the tailnet the guide is: 443 where an endpoint is, else the lowest that one has."""
    ports = {each.mount[0] for each in endpoints if each.mount}
    return HTTPS if HTTPS in ports else min(ports, default=None)


def page_mounts(endpoints: Collection[Routed]) -> tuple[str, ...]:
    """Return the paths of the guide that Serve needs: none where an endpoint has the root, and all below it."""
    routes = {each.mount for each in endpoints}
    return () if (page_port(endpoints), "/") in routes else (PAGE.rstrip("/"), AGENTS)
