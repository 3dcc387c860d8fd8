"""A model endpoint: a server that launchd keeps alive on a loopback port, and the routes that lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from macstate.resource import Resource
from macstate.resources.serve import Route, Serve, short
from macstate.services.job import Job
from macstate.types import Label, Name, Port

if TYPE_CHECKING:
    from macstate.facts import Facts


@dataclass(frozen=True)
class Engine:
    """What a kind of model server needs, as data; ``{port}`` is the entry's port."""

    environment: dict[str, str] = field(default_factory=dict)


ENGINES = {
    "ollama": Engine(environment={"OLLAMA_HOST": "127.0.0.1:{port}"}),
    "openai": Engine(),
    "rest": Engine(),
}


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
    serve: Annotated[Route, BeforeValidator(short, json_schema_input_type=str | Route)] | None = None
    """Where the tailnet reaches it: ``/path`` (on HTTPS port 443), or ``{https: PORT, path: /path}``."""

    def job_label(self, name: str) -> str:
        """Give the launchd label."""
        return self.label or f"macstate.{name}"

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Have the job looked at."""
        yield "label", self.job_label(name)

    def expand(self, name: str, facts: Facts) -> Iterator[Resource]:
        """Give the job and its route."""
        port = str(self.port)
        command = tuple(word.replace("{port}", port) for word in self.command)
        environment = {**ENGINES[self.engine].environment, **self.environment}
        filled = {key: value.replace("{port}", port) for key, value in environment.items()}
        yield self.job(self.job_label(name), facts, command, filled)
        if self.serve:
            yield Serve.to(self.serve, self.port, facts)
