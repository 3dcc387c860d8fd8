"""The guide for people and agents, rendered from the spec: Markdown, llms.txt, and a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from macstate import render
from macstate.resource import Resource
from macstate.resources.guide import GuidePages
from macstate.resources.serve import Serve
from macstate.scope import MacView, Scope
from macstate.services import guide_keeper, guide_user
from macstate.services.doors import Door
from macstate.services.pages import HTTPS, PAGE, mounts, page_port
from macstate.services.reach import Reach, reaches

PLACES = {
    "laptop": "on the laptop",
    "mac": "on the Mac",
    "policy": "in the tailnet's policy",
    "spec": "in the YAML",
    "": "",
}
"""What the page says above a block."""


class Guide:
    """One Mac, as its guide tells of it. Nothing in it is of one run: two runs render the same."""

    def __init__(self, mac: MacView, host: str, home: str) -> None:
        """Begin with the Mac, its name in the tailnet and its user's home."""
        self.mac, self.host, self.home = mac, host, home
        self.name, self.user = mac.name, str(mac.entry.user)
        self.gateway: Any = mac.sections.get("gateway")
        self.endpoints: dict[str, Any] = mac.sections.get("endpoints", {})
        self.reaches: tuple[Reach, ...] = reaches(self.endpoints, self.gateway, host)

    @classmethod
    def of_spec(cls, mac: MacView) -> Guide:
        """Tell of a Mac by the spec alone."""
        return cls(mac, str(mac.entry.hostname), f"/Users/{mac.entry.user}")

    @property
    def page(self) -> str:
        """The page's URL for the tailnet; empty: there is none."""
        port = page_port(self.endpoints) if self.gateway else None
        return "" if port is None else f"https://{self.host}{'' if port == HTTPS else f':{port}'}{PAGE}"

    @property
    def public(self) -> list[Reach]:
        """What the internet reaches."""
        return [each for each in self.reaches if each.internet]

    @property
    def sections(self) -> list[Any]:
        """Its text."""
        return [*guide_user.sections(self), *guide_keeper.sections(self)]

    def files(self) -> dict[str, str]:
        """Render all three forms, by file name."""
        return {
            "guide.md": render.template("guide.md", guide=self),
            "llms.txt": render.template("llms.txt", guide=self),
            "index.html": render.template(
                "guide.html", guide=self, state="state/", places=PLACES, speaks=guide_user.SPEAKS
            ),
        }


def resources(scope: Scope, door: Door) -> Iterator[Resource]:
    """Give the pages, and where Serve leads to them at the tailnet's door."""
    (mac,) = scope.macs
    yield GuidePages.of(Guide(mac, scope.facts.node.name or mac.entry.hostname, scope.facts.home).files())
    for port in door.page_ports:
        for path in mounts(scope.all("endpoints")):
            yield Serve.to(port, path, f"http://127.0.0.1:{door.port}{path}", funnel=False)
