"""A model endpoint: a server that launchd keeps alive on a loopback port, and the routes that lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Strict

from macstate.resource import Resource
from macstate.resources.serve import Route, Serve, short
from macstate.services.engines import ENGINES
from macstate.services.job import Job
from macstate.types import AbsolutePath, Label, Name, Port

if TYPE_CHECKING:
    from macstate.scope import Scope


Paths = Annotated[tuple[AbsolutePath, ...], Strict(strict=False)]
Where = Annotated[Route, BeforeValidator(short, json_schema_input_type=str | Route)]


class Endpoint(Job):
    """A model server on the Mac, keyed by its name."""

    section: ClassVar[str] = "endpoints"
    named: ClassVar[Any] = Name

    engine: Literal["ollama", "openai", "rest"]
    """What it speaks: ``ollama`` (its own API and OpenAI's), ``openai`` (that, below /v1), ``rest`` (else)."""
    port: Port
    """The loopback port it listens on; ``{port}`` in the command and the environment stands for it."""
    label: Label | None = None
    """The launchd label; default: ``macstate.NAME``."""
    serve: Where | None = None
    """Where the tailnet reaches it: ``/path`` (on HTTPS port 443), or ``{https: PORT, path: /path}``."""
    funnel: Where | None = None
    """Where the internet reaches it, always with a key: as ``serve``, on HTTPS port 443, 8443 or 10000."""
    require_key: bool | None = None
    """Whether the tailnet needs a key for it too; default: as the gateway says."""
    closed: Paths | None = None
    """Paths of the server that nobody reaches through the gateway; default: what manages an Ollama."""

    def job_label(self, name: str) -> str:
        """Give the launchd label."""
        return self.label or f"macstate.{name}"

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Have the job looked at."""
        yield "label", self.job_label(name)

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Give the job and its route."""
        port = str(self.port)
        command = tuple(word.replace("{port}", port) for word in self.command)
        environment = {**ENGINES[self.engine].environment, **self.environment}
        filled = {key: value.replace("{port}", port) for key, value in environment.items()}
        yield self.job(self.job_label(name), scope.facts, command, filled)
        if self.serve or self.funnel:
            scope.facts.node.check_serve(self.funnel.https if self.funnel else None)
        if gateway := scope.one("gateway"):
            yield from (
                Serve.to(way.https, way.path, f"http://127.0.0.1:{door.port}{way.path}", funnel=door.public)
                for door in gateway.doors(scope)
                for way in door.ways
                if way.name == name
            )
        elif self.serve:
            kept = self.serve.path.rstrip("/") if self.serve.keep_path else ""
            yield Serve.to(self.serve.https, self.serve.path, f"http://127.0.0.1:{self.port}{kept}", funnel=False)
