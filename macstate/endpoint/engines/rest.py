"""Any other server, such as A1111, of which macstate knows only the port."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import ClassVar, Literal

from macstate.endpoint.engine import EndpointView, Engine
from macstate.kernel.resource import Actual


class Rest(Engine):
    """A server with an API of its own."""

    name: ClassVar[str] = "rest"
    order: ClassVar[int] = 4
    speaks: ClassVar[Literal["ollama", "openai", "rest"]] = "rest"
    told: ClassVar[str] = "an API of its own"
    lists: ClassVar[tuple[str, ...]] = ()
    routes: ClassVar[tuple[str, ...] | None] = None
    health: ClassVar[str] = "/"
    no_model: ClassVar[str] = "engine rest knows of no models; put it into `command`, and take this out"

    def questions(self, name: str, endpoint: EndpointView, *, usage: bool) -> Iterator[tuple[str, str]]:
        """Yield nothing: only its health is asked for."""
        del name, endpoint, usage
        yield from ()

    def serves(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str] | str:
        """Return all declared models, since it cannot be asked."""
        del name, actual
        return endpoint.all_models

    def shown(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str]:
        """Return nothing: its models are not known."""
        del name, endpoint, actual
        return ()


ENGINE = Rest()
