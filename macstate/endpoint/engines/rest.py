"""Any other server, such as A1111: nothing is known of it but its port."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import ClassVar, Literal

from macstate.endpoint.engine import Engine, Server
from macstate.kernel.resource import Actual


class Rest(Engine):
    """An API of its own."""

    name: ClassVar[str] = "rest"
    order: ClassVar[int] = 4
    speaks: ClassVar[Literal["ollama", "openai", "rest"]] = "rest"
    told: ClassVar[str] = "an API of its own"
    lists: ClassVar[tuple[str, ...]] = ()
    routes: ClassVar[tuple[str, ...] | None] = None
    health: ClassVar[str] = "/"
    no_model: ClassVar[str] = "engine rest knows of no models; put it into `command`, and take this out"

    def questions(self, name: str, server: Server, *, usage: bool) -> Iterator[tuple[str, str]]:
        """Ask for its health alone."""
        del name, server, usage
        yield from ()

    def serves(self, name: str, server: Server, actual: Actual) -> Collection[str] | str:
        """Take its word for the models that are declared."""
        del name, actual
        return server.all_models

    def shown(self, name: str, server: Server, actual: Actual) -> Collection[str]:
        """Nothing is known of its models."""
        del name, server, actual
        return ()


ENGINE = Rest()
