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
"""What stands for the Mac's name in the tailnet where it is not known."""


class Subject:
    """One Mac, as its guide tells of it. Nothing in it is of one run: two runs render the same."""

    def __init__(self, mac: MacView, host: str, home: str) -> None:
        """Begin with the Mac, its name in the tailnet (empty: it is not known) and its user's home."""
        self.mac, self.host, self.home = mac, host or UNKNOWN, home
        self.unknown = "" if host else UNKNOWN
        self.name, self.user = mac.name, str(mac.entry.user)
        self.gateway = mac.one(Gateway)
        self.endpoints = {name: each for name, each in mac.all(Endpoint).items() if not each.is_off}
        self.reaches: tuple[Reach, ...] = reaches(self.endpoints, self.gateway, self.host)

    @classmethod
    def of_spec(cls, mac: MacView, nodes: Iterable[str] = ()) -> Self:
        """Tell of a Mac by the spec, and by the names of the tailnet's nodes where they are known."""
        return cls(mac, tailnet_name(mac.entry.hostname, nodes), f"/Users/{mac.entry.user}")

    @cached_property
    def doors(self) -> tuple[Door, ...]:
        """The gateway's doors."""
        return self.gateway.doors(self.endpoints) if self.gateway else ()

    @property
    def page(self) -> str:
        """The page's URL for the tailnet; empty: there is none."""
        port = page_port(self.endpoints.values()) if self.gateway else None
        return "" if port is None else self._page_at(port)

    @property
    def via(self) -> str:
        """Return the way that the variables and examples take: the tailnet's, where it has a route to anything."""
        return "tailnet" if any(each.tailnet for each in self.reaches) else "funnel"

    @property
    def node(self) -> str:
        """The Mac's name as ``tailscale status`` and the admin console show it."""
        return self.host.partition(".")[0]

    @property
    def first(self) -> Reach | None:
        """What a new client asks first."""
        return next((each for each in self.reaches if each.url(self.via)), None)

    @property
    def needs_key(self) -> bool:
        """Whether anything needs a key that way."""
        return any(each.needs_key(self.via) for each in self.reaches if each.url(self.via))

    @property
    def public_pages(self) -> list[str]:
        """The page's URLs for the internet, which gets it with a key."""
        return [self._page_at(door.https) for door in self.doors if door.public and door.has_guide]

    def _page_at(self, port: int) -> str:
        return f"https://{self.host}{'' if port == HTTPS else f':{port}'}{PAGE}"

    @property
    def tailscale_ssh(self) -> bool:
        """Whether its SSH server is Tailscale's."""
        wanted = getattr(self.mac.one(TailscaleEntry), "ssh", None)
        return bool(self.mac.entry.login == "tailscale" if wanted is None else wanted)

    @property
    def shares_screen(self) -> bool:
        """Whether Screen Sharing is on."""
        return bool(getattr(self.mac.one(ScreenSharingEntry), "enabled", False))

    @property
    def public(self) -> list[Reach]:
        """What the internet reaches."""
        return [each for each in self.reaches if each.internet]
