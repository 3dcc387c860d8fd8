"""The Mac that a guide is about."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Self

from macstate.endpoint.entry import Endpoint
from macstate.endpoint.reach import Reach, reaches, tailnet_name
from macstate.gateway.doors import Door, page_port
from macstate.gateway.entry import Gateway
from macstate.gateway.pages import HTTPS, PAGE
from macstate.kinds.screen_sharing import ScreenSharingEntry
from macstate.kinds.tailscale import TailscaleEntry
from macstate.language.scope import MacView

UNKNOWN = "NAME.TAILNET.ts.net"
"""Stands for the Mac's name in the tailnet if the name is not known."""


class Subject:
    """One Mac as its guide describes it; nothing depends on a single run, so two runs render the same text."""

    def __init__(self, mac: MacView, host: str, home: str) -> None:
        """Take the Mac, its name in the tailnet (empty: not known) and its user's home folder."""
        self.mac, self.host, self.home = mac, host or UNKNOWN, home
        self.unknown = "" if host else UNKNOWN
        self.name, self.user = mac.name, str(mac.entry.user)
        self.gateway = mac.one(Gateway)
        self.endpoints = {name: each for name, each in mac.all(Endpoint).items() if not each.is_off}
        self.reaches: tuple[Reach, ...] = reaches(self.endpoints, self.gateway, self.host)

    @classmethod
    def of_spec(cls, mac: MacView, nodes: Iterable[str] = ()) -> Self:
        """Return the subject for a Mac as the spec describes it; ``nodes`` are the names of the tailnet's nodes."""
        return cls(mac, tailnet_name(mac.entry.hostname, nodes), f"/Users/{mac.entry.user}")

    @cached_property
    def doors(self) -> tuple[Door, ...]:
        """The gateway's doors."""
        return self.gateway.doors(self.endpoints) if self.gateway else ()

    @property
    def page(self) -> str:
        """The page's URL in the tailnet; empty if there is none."""
        port = page_port(self.endpoints.values()) if self.gateway else None
        return "" if port is None else self._page_at(port)

    @property
    def via(self) -> str:
        """The URLs of variables and examples: ``tailnet`` if any endpoint has a route there, otherwise ``funnel``."""
        return "tailnet" if any(each.tailnet for each in self.reaches) else "funnel"

    @property
    def node(self) -> str:
        """The Mac's name as ``tailscale status`` and the admin console show it."""
        return self.host.partition(".")[0]

    @property
    def first(self) -> Reach | None:
        """The endpoint that a new client asks first; None if there is none."""
        return next((each for each in self.reaches if each.url(self.via)), None)

    @property
    def needs_key(self) -> bool:
        """Whether any endpoint needs a key over ``via``."""
        return any(each.needs_key(self.via) for each in self.reaches if each.url(self.via))

    @property
    def public_pages(self) -> list[str]:
        """The page's URLs on the internet, where it needs a key."""
        return [self._page_at(door.https) for door in self.doors if door.public and door.has_guide]

    def _page_at(self, port: int) -> str:
        return f"https://{self.host}{'' if port == HTTPS else f':{port}'}{PAGE}"

    @property
    def tailscale_ssh(self) -> bool:
        """Whether the Mac's SSH server is Tailscale's."""
        wanted = getattr(self.mac.one(TailscaleEntry), "ssh", None)
        return bool(self.mac.entry.login == "tailscale" if wanted is None else wanted)

    @property
    def shares_screen(self) -> bool:
        """Whether Screen Sharing is on."""
        return bool(getattr(self.mac.one(ScreenSharingEntry), "enabled", False))

    @property
    def public(self) -> list[Reach]:
        """The endpoints that the internet reaches."""
        return [each for each in self.reaches if each.internet]
