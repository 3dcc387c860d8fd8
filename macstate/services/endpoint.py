"""A model endpoint: a server that launchd keeps alive on a loopback port, and the routes that lead to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Strict

from macstate.ollama import names
from macstate.resource import Resource
from macstate.resources import serve
from macstate.resources.model import PROGRAM
from macstate.resources.serve import Route, Serve
from macstate.services import doors, models
from macstate.services.engines import ENGINES
from macstate.services.job import Job
from macstate.services.models import Models
from macstate.services.watchdog import Watchdog
from macstate.types import Label, Name, OpenPath, Port, Seconds, UrlPath, short

if TYPE_CHECKING:
    from macstate.scope import Scope


Paths = Annotated[tuple[OpenPath, ...], Strict(strict=False)]
Where = Annotated[Route, short(bool | str | Route)]


class Endpoint(Job):
    """A model server on the Mac, keyed by its name."""

    section: ClassVar[str] = "endpoints"
    named: ClassVar[Any] = Name
    former: ClassVar[Mapping[str, str]] = {
        "closed": "everything is closed but what people use of an engine; take this out, and name what else is open: "
        "`open: [/x]`, or `open: [/x/*]` for all below it"
    }

    becomes: ClassVar[Mapping[str, str]] = {
        **Job.becomes,
        "engine": "what the server's environment, its routes and its health path are taken from",
        "port": "what the server listens on (127.0.0.1), and where Serve or the gateway leads",
        "label": "Label in the launchd plist, and the names of the plist and the log",
        "serve": "a mount of Tailscale Serve, to the server or to the gateway's tailnet port",
        "funnel": "a mount of Tailscale Serve with Funnel on, to the gateway's other port",
        "require_key": "the answer 401 for a request without a key, from the gateway",
        "open": "paths that the gateway passes on; every other one gets the answer 403",
        "models": "models below ~/.ollama/models, pulled through /api/pull (ollama only)",
        "prune_models": "`DELETE /api/delete` of what macstate had pulled",
        "example": "the guide's request that shows how to use it",
        "health": "what verify, status and the watchdog ask the server for",
        "watchdog": "a second launchd job, LABEL.watchdog",
    }

    engine: Literal["ollama", "openai", "rest"]
    """What it speaks: ``ollama`` (its own API and OpenAI's), ``openai`` (that, below /v1), ``rest`` (else)."""
    port: Port
    """The loopback port it listens on; ``{port}`` in the command and the environment stands for it."""
    label: Label | None = None
    """The launchd label; default: ``macstate.NAME``."""
    serve: Where | None = None
    """Where the tailnet reaches it: ``/path`` (on HTTPS port 443), true (``/NAME``), or ``{https: PORT, path: /x}``."""
    funnel: Where | None = None
    """Where the internet reaches it, always with a key: as ``serve``, on HTTPS port 443, 8443 or 10000."""
    require_key: bool | None = None
    """Whether the tailnet needs a key for it too; default: as the gateway says."""
    open: Paths | None = None
    """Paths of the server that the gateway lets through beside those of the engine; with ``rest`` all that it does."""
    models: Models | None = None
    """Its models: a list, or each with what it is. An Ollama pulls what is missing, in the background."""
    prune_models: bool = False
    """Whether a model that macstate had pulled is deleted when it is no longer in `models`."""
    example: UrlPath | None = None
    """A path below its route for the guide's example request; default: /v1/models, of a ``rest`` engine its health."""
    health: UrlPath | None = None
    """The path that tells whether it is well; default by engine (ollama: /, openai: /v1/models, rest: /)."""
    ready_within: Seconds = 600
    """How long it may take from its start to its first answer; until then it is `starting`."""
    watchdog: Annotated[Watchdog, short(bool | Watchdog)] | None = None
    """Ask it at an interval (true: every 5m), and restart it when it does not answer."""

    @classmethod
    def written_out(cls, name: str, value: Any) -> Any:
        """Give the long form of its routes, its models and its watchdog."""
        if not isinstance(value, dict):
            return value
        out = dict(value)
        for field in ("serve", "funnel"):
            if field in out:
                out[field] = serve.written_out(name, out[field])
        if "models" in out:
            out["models"] = models.written_out(out["models"])
        if "watchdog" in out:
            out["watchdog"] = Watchdog.written_out(name, out["watchdog"])
        return out

    @property
    def health_path(self) -> str:
        """What to ask it for, to see that it is well."""
        return self.health or ENGINES[self.engine].health

    @property
    def routes(self) -> tuple[str, ...] | None:
        """What its engine opens of it; None: everything, unless the entry names what."""
        engine = ENGINES[self.engine]
        if engine.routes is None:
            return None if self.open is None else ()
        return (*engine.lists, *engine.routes)

    @property
    def open_path(self) -> str:
        """A path of it that a gateway lets through: that of its health, if that is one; where all is open, its root."""
        if self.routes is None:
            return "/"
        if self.lets_through(self.health_path.partition("?")[0]):
            return self.health_path
        return next((path for path in (*(self.open or ()), *(self.routes or ())) if not path.endswith("*")), "/")

    def lets_through(self, path: str) -> bool:
        """Say whether a gateway passes a path of the server on."""
        known = (*(self.routes or ()), *(self.open or ()))
        return self.routes is None or any(
            path.startswith(each[:-1]) if each.endswith("/*") else path == each for each in known
        )

    @property
    def host_header(self) -> str:
        """The Host header that it wants; empty: the client's."""
        return ENGINES[self.engine].host.replace("{port}", str(self.port))

    def listens_on(self, scope: Scope) -> tuple[int, ...]:
        """Give its port."""
        del scope
        return (self.port,)

    def leads_here(self, port: int, https: int) -> bool:
        """Say whether that is its port."""
        del https
        return port == self.port

    def job_label(self, name: str) -> str:
        """Give the launchd label."""
        return self.label or f"macstate.{name}"

    def job_labels(self, name: str) -> tuple[str, ...]:
        """Give the launchd labels that are taken: its own, and its watchdog's."""
        label = self.job_label(name)
        return (label, f"{label}.watchdog") if self.watchdog else (label,)

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Have the job looked at."""
        yield from super().lists(self.job_label(name))
        yield "port", str(self.port)
        if self.watchdog:
            yield from self.watchdog.lists(self.job_label(name))
        if self.engine == "ollama" and (self.models is not None or self.prune_models):
            yield "models", f"{name} {self.port}"
            yield from (
                ("wanted", f"{name} {names.full(model)} {names.manifest(model)}") for model in self.models or ()
            )
            yield "file", PROGRAM
            yield "folder", self.environment.get("OLLAMA_MODELS", "/Users")  # every home lies on one disk

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Give the job and its route."""
        port = str(self.port)
        command = tuple(word.replace("{port}", port) for word in self.command)
        environment = {**ENGINES[self.engine].environment, **self.environment}
        filled = {key: value.replace("{port}", port) for key, value in environment.items()}
        job = self.job(self.job_label(name), scope.facts, command, filled)
        yield job.model_copy(update={"ports": self.listens_on(scope)})
        if self.watchdog:
            yield from self.watchdog.resources(name, self, job, scope.facts)
        yield from models.resources(name, self, job.id, scope)
        if self.serve or self.funnel:
            scope.facts.node.check_serve(self.funnel.https if self.funnel else None)
        if gateway := scope.one("gateway"):
            needs = (job.id, f"launchd/system/{gateway.label}")
            yield from (
                Serve.to(way.https, way.path, door.url(way.path), funnel=door.public, needs=needs)
                for door in doors.of(scope)
                for way in door.ways
                if way.name == name
            )
        elif self.serve:
            kept = self.serve.path.rstrip("/") if self.serve.keep_path else ""
            to = f"http://127.0.0.1:{self.port}{kept}"
            yield Serve.to(self.serve.https, self.serve.path, to, funnel=False, needs=(job.id,))
