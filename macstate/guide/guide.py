"""The guide for people and agents, rendered from the spec as Markdown, llms.txt, and an HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from macstate import render
from macstate.endpoint.entry import Endpoint
from macstate.endpoint.reach import tailnet_name
from macstate.gateway.doors import page_mounts
from macstate.gateway.entry import Gateway, check_program, doors_of
from macstate.guide import keeper as guide_keeper
from macstate.guide import requests as guide_requests
from macstate.guide import start as guide_start
from macstate.guide import user as guide_user
from macstate.guide.blocks import Chapter
from macstate.guide.subject import Subject
from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kinds.guide import GuidePages
from macstate.kinds.serve import Serve
from macstate.language.scope import Scope

PLACES = {
    "laptop": "on your computer",
    "mac": "on the Mac",
    "policy": "in the tailnet's policy",
    "spec": "in the YAML",
    "": "",
}
"""The page's words above a block of code, by the block's ``where``."""


class Guide(Subject):
    """The guide in all its forms."""

    @property
    def sections(self) -> list[Chapter]:
        """The chapters of the guide."""
        return [guide_start.connect(self), *guide_user.sections(self), *guide_keeper.sections(self)]

    def files(self) -> dict[str, str]:
        """Return all three forms, by file name."""
        return {
            "guide.md": render.template("guide.md", guide=self),
            "llms.txt": render.template("llms.txt", guide=self, request=guide_requests.request),
            "index.html": render.template("guide.html", guide=self, state="state/", places=PLACES),
        }


class GuideEntry(Declaration):
    """The guide, which comes with the gateway: nobody types it."""

    section: ClassVar[str] = "guide"

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the pages, and the tailnet's routes to them."""
        del name
        (mac,) = scope.macs
        gateway, host = mac.one(Gateway), scope.facts.node.name or tailnet_name(mac.entry.hostname, ())
        if gateway is None:
            return
        check_program(gateway, scope.facts)  # without its program there is no gateway and no guide
        yield GuidePages.of(Guide(mac, host, scope.facts.home).files())
        for door in doors_of(scope):
            for path in page_mounts(scope.all(Endpoint).values()) if door.has_guide and not door.public else ():
                needs = (f"launchd/system/{gateway.label}",)
                yield Serve.to(door.https, path, door.url(path), funnel=False, needs=needs)
