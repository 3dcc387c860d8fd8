"""The guide for people and agents, rendered from the spec: Markdown, llms.txt, and a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from macstate import render
from macstate.resource import Resource
from macstate.resources.guide import GuidePages
from macstate.resources.serve import Serve
from macstate.scope import MacView, Scope
from macstate.services import guide_keeper, guide_requests, guide_start, guide_user
from macstate.services.doors import Door, doors
from macstate.services.pages import HTTPS, PAGE, mounts, page_port
from macstate.services.reach import Reach, reaches, tailnet_name

PLACES = {
    "laptop": "on your computer",
    "mac": "on the Mac",
    "policy": "in the tailnet's policy",
    "spec": "in the YAML",
    "": "",
}
"""What the page says above a block."""
UNKNOWN = "NAME.TAILNET.ts.net"
"""What stands for the Mac's name in the tailnet where it is not known."""


class Guide:
    """One Mac, as its guide tells of it. Nothing in it is of one run: two runs render the same."""

    def __init__(self, mac: MacView, host: str, home: str) -> None:
        """Begin with the Mac, its name in the tailnet (empty: it is not known) and its user's home."""
        self.mac, self.host, self.home = mac, host or UNKNOWN, home
        self.unknown = "" if host else UNKNOWN
        self.name, self.user = mac.name, str(mac.entry.user)
        self.gateway: Any = mac.sections.get("gateway")
        all_of_them: dict[str, Any] = mac.sections.get("endpoints", {})
        self.endpoints = {name: each for name, each in all_of_them.items() if not each.is_off}
        self.reaches: tuple[Reach, ...] = reaches(self.endpoints, self.gateway, self.host)

    @classmethod
    def of_spec(cls, mac: MacView, nodes: Iterable[str] = ()) -> Guide:
        """Tell of a Mac by the spec, and by the names of the tailnet's nodes where they are known."""
        return cls(mac, tailnet_name(mac.entry.hostname, nodes), f"/Users/{mac.entry.user}")

    @cached_property
    def doors(self) -> tuple[Door, ...]:
        """The gateway's doors."""
        return doors(self.gateway, self.endpoints) if self.gateway else ()

    @property
    def page(self) -> str:
        """The page's URL for the tailnet; empty: there is none."""
        port = page_port(self.endpoints) if self.gateway else None
        return "" if port is None else self._page_at(port)

    @property
    def via(self) -> str:
        """Give the way that the variables and examples take: the tailnet's, where it has a route to anything."""
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
    def asks(self) -> bool:
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
        wished = getattr(self.mac.sections.get("tailscale"), "ssh", None)
        return bool(self.mac.entry.login == "tailscale" if wished is None else wished)

    @property
    def shares_screen(self) -> bool:
        """Whether Screen Sharing is on."""
        return bool(getattr(self.mac.sections.get("screen_sharing"), "enabled", False))

    @property
    def public(self) -> list[Reach]:
        """What the internet reaches."""
        return [each for each in self.reaches if each.internet]

    @property
    def sections(self) -> list[Any]:
        """Its text."""
        return [guide_start.connect(self), *guide_user.sections(self), *guide_keeper.sections(self)]

    def files(self) -> dict[str, str]:
        """Render all three forms, by file name."""
        return {
            "guide.md": render.template("guide.md", guide=self),
            "llms.txt": render.template(
                "llms.txt", guide=self, request=guide_requests.request, speaks=guide_user.SPEAKS
            ),
            "index.html": render.template(
                "guide.html", guide=self, state="state/", places=PLACES, speaks=guide_user.SPEAKS
            ),
        }


def resources(scope: Scope, found: tuple[Door, ...], needs: tuple[str, ...]) -> Iterator[Resource]:
    """Give the pages, and where Serve leads to them at the tailnet's door; ``needs``: the id of the gateway's job."""
    (mac,) = scope.macs
    name = scope.facts.node.name or tailnet_name(mac.entry.hostname, ())
    yield GuidePages.of(Guide(mac, name, scope.facts.home).files())
    for door in found:
        for path in mounts(scope.all("endpoints")) if door.has_guide and not door.public else ():
            yield Serve.to(door.https, path, door.url(path), funnel=False, needs=needs)
