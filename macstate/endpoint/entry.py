"""A model endpoint: a server that launchd keeps alive on a loopback port, and the routes to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, Strict

from macstate.endpoint import models
from macstate.endpoint.engine import Engine
from macstate.endpoint.engines import ENGINES, EngineName
from macstate.endpoint.models import ModelEntry, Models
from macstate.endpoint.watchdog import Watchdog
from macstate.gateway.doors import Routed, State, Upstream
from macstate.gateway.entry import Gateway, doors_of
from macstate.gateway.pages import STATE
from macstate.gateway.ports import chosen_port
from macstate.kernel.resource import Resource
from macstate.kinds.alias import Alias
from macstate.kinds.launchd import Launchd
from macstate.kinds.launchd.job import Job
from macstate.kinds.model import Model
from macstate.kinds.serve import Serve, route
from macstate.kinds.serve.route import Route
from macstate.language import meant
from macstate.language.facts import Facts
from macstate.language.scope import Scope
from macstate.language.types import AbsolutePath, Label, Name, OpenPath, Port, Seconds, UrlPath, Word, Words, short


def _one(value: object) -> object:
    if value == "" or isinstance(value, list | dict):
        why = "it is empty" if value == "" else "a server has one"
        raise ValueError(f"{why}; type it as one text: mlx-community/Qwen3-8B-4bit")
    return value


Paths = Annotated[tuple[OpenPath, ...], Strict(strict=False)]
OneModel = Annotated[Word, BeforeValidator(_one, json_schema_input_type=Word)]
Where = Annotated[Route, short(bool | str | Route)]


class Endpoint(Job, Routed):
    """A model server on the Mac, keyed by its name."""

    sample: ClassVar[str] = "{engine: openai, command: [/opt/homebrew/bin/NAME], port: 8000}"
    samples: ClassVar[Mapping[str, str]] = {
        **{name: engine.sample for name, engine in ENGINES.items() if engine.sample},
        "vllm": "{engine: openai, command: [/opt/homebrew/bin/vllm, serve, Qwen/Qwen3-8B, --host, 127.0.0.1, --port, "
        '"{port}"]}',
    }
    """Those of servers that are known by their names."""
    section: ClassVar[str] = "endpoints"
    named: ClassVar[Any] = Name
    former: ClassVar[Mapping[str, str]] = {
        "closed": "everything is closed but what people use of an engine; take this out, and name what else is open: "
        "`open: [/x]`, or `open: [/x/*]` for all below it"
    }

    becomes: ClassVar[Mapping[str, str]] = {
        **Job.becomes,
        "program": "the first word of ProgramArguments in the launchd plist, where no command is typed",
        "model": "an argument of the engine's command",
        "engine": "what the server's command, its environment, its routes and its health path are taken from",
        "port": "what the server listens on (127.0.0.1), and where Serve or the gateway leads",
        "enabled": "`launchctl disable` of its job and its watchdog, and no route, where it is false",
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

    engine: EngineName
    """A server that macstate knows, or what any other one speaks: ``openai`` (below /v1), ``rest``."""
    program: AbsolutePath | None = None
    """Where the engine's server is; default: Homebrew's, as /opt/homebrew/bin/ollama."""
    model: OneModel | None = None
    """The one model that the server serves; ``{model}`` in the command stands for it."""
    command: Annotated[Words, Field(min_length=1)] = ()
    """The server by its absolute path, and its arguments; default: what its engine is started with."""
    port: Port = Field(default_factory=int)  # completed() adds the default
    """The loopback port it listens on, ``{port}`` in the command; default: its engine's, else one by its name."""
    enabled: bool = True
    """Whether it runs; false: its job is off and its routes are gone, and its plist, log and models stay."""
    label: Label | None = None
    """The launchd label; default: ``macstate.NAME``."""
    serve: Where | None = None
    """Where the tailnet reaches it: ``/path`` (on HTTPS port 443), true (``/NAME``), or ``{https: PORT, path: /x}``."""
    funnel: Where | None = None
    """Where the internet reaches it, always with a key: as ``serve``, on HTTPS port 443, 8443 or 10000."""
    require_key: bool | None = None
    """Whether the tailnet needs a key for it too; default: as the gateway says."""
    open: Paths | None = None
    """Paths of the server that the gateway lets through in addition to the engine's; with ``rest``, only these."""
    models: Models | None = None
    """Its models: a list, or each with what it is. An Ollama pulls what is missing, in the background."""
    prune_models: bool = False
    """Whether a model that macstate had pulled is deleted when it is no longer in `models`."""
    example: UrlPath | None = None
    """A path below its route for the guide's example request; default: /v1/models, of a ``rest`` engine its health."""
    health: UrlPath | None = None
    """The path that tells whether it is well; default: its engine's."""
    ready_within: Seconds = 600
    """How long it may take from its start to its first answer; until then it is `starting`."""
    watchdog: Annotated[Watchdog, short(bool | Watchdog)] | None = None
    """Ask it at an interval (true: every 5m), and restart it when it does not answer."""

    @classmethod
    def sample_of(cls, name: str) -> str:
        """Return an example of the fields of a server that is known by this name, otherwise of any server."""
        return cls.samples.get(name) or super().sample_of(name)

    @classmethod
    def instead(cls, name: str, value: Any) -> str:
        """Return a path alone as the command of a server."""
        command = meant.command(value)
        return f"{{engine: openai, command: {command}, port: 8000}}" if command else super().instead(name, value)

    @classmethod
    def written_out(cls, name: str, value: Any) -> Any:
        """Return the entry with the long form of its routes, its models and its watchdog."""
        if not isinstance(value, dict):
            return value
        out = dict(value)
        for field in ("serve", "funnel"):
            if field in out:
                out[field] = route.written_out(name, out[field])
        if "models" in out:
            out["models"] = models.written_out(out["models"])
        if "watchdog" in out:
            out["watchdog"] = Watchdog.written_out(name, out["watchdog"])
        return out

    @classmethod
    def completed(cls, name: str, value: dict[str, Any]) -> dict[str, Any]:
        """Return the entry with the port and the command that follow from its engine, its model and its name."""
        engine = ENGINES.get(str(value.get("engine")))
        if engine is None:
            return value
        program, model, command = (value.get(field) for field in ("program", "model", "command"))
        if command is None and engine.program and isinstance(program, str | None):
            command = [program or engine.program, *engine.arguments]
        if isinstance(command, list) and isinstance(model, str):
            command = [word.replace("{model}", model) if isinstance(word, str) else word for word in command]
        port = engine.port or chosen_port(f"endpoints/{name}")
        own = {"command": command, "port": port if value.get("port") is None else value["port"]}
        return {**value, **{field: each for field, each in own.items() if each is not None}}

    @property
    def made_by(self) -> Engine:
        """Its engine."""
        return ENGINES[self.engine]

    @property
    def all_models(self) -> Mapping[str, ModelEntry]:
        """Its models, first the one that its command names."""
        return {**({self.model: ModelEntry()} if self.model else {}), **(self.models or {})}

    @property
    def is_off(self) -> bool:
        """Whether the spec has switched it off."""
        return not self.enabled

    @property
    def health_path(self) -> str:
        """The path that tells whether it is healthy."""
        return self.health or self.made_by.health

    @property
    def routes(self) -> tuple[str, ...] | None:
        """The paths that its engine opens; None if all are open, since neither the engine nor the entry names any."""
        engine = self.made_by
        if engine.routes is None:
            return None if self.open is None else ()
        return (*engine.lists, *engine.routes)

    @property
    def open_path(self) -> str:
        """A path that a gateway lets through: its root if all is open, otherwise its health path if that is open."""
        if self.routes is None:
            return "/"
        if self.lets_through(self.health_path.partition("?")[0]):
            return self.health_path
        return next((path for path in (*(self.open or ()), *(self.routes or ())) if not path.endswith("*")), "/")

    def lets_through(self, path: str) -> bool:
        """Return whether a gateway passes a path of the server on."""
        known = (*(self.routes or ()), *(self.open or ()))
        return self.routes is None or any(
            path.startswith(each[:-1]) if each.endswith("/*") else path == each for each in known
        )

    @property
    def host_header(self) -> str:
        """The Host header that it needs; if empty, the client's."""
        return self.made_by.host.replace("{port}", str(self.port))

    def listens_on(self, scope: Scope) -> tuple[int, ...]:
        """Return its loopback port; none if it is off."""
        del scope
        return (self.port,) if self.enabled else ()

    def leads_here(self, port: int, https: int) -> bool:
        """Return whether a route to this loopback port, from any HTTPS port, was made for it."""
        del https
        return port == self.port

    @property
    def mount(self) -> tuple[int, str] | None:
        """The HTTPS port and the path of the tailnet's route to it; None if it has none, or is off."""
        return (self.serve.https, self.serve.path) if self.serve and self.enabled else None

    def needs_key(self, *, always: bool) -> bool:
        """Return whether the tailnet needs a key for it."""
        return always if self.require_key is None else self.require_key

    def upstream(self, name: str, audience: str, *, always: bool) -> Upstream | None:
        """Return its upstream for an audience; None if it has no route."""
        route, engine = self.funnel if audience == "funnel" else self.serve, self.made_by
        if route is None:
            return None
        return Upstream(
            name=name,
            https=route.https,
            path=route.path.rstrip("/"),
            port=self.port,
            stripped=not route.keep_path,
            needs_key=audience == "funnel" or self.needs_key(always=always),
            host=self.host_header,
            origin=engine.origin,
            usual=self.routes,
            lists=frozenset(engine.lists),
            open=self.open or (),
        )

    def state(self, name: str) -> State:
        """Return how the guide's page asks whether it answers."""
        return State(f"{STATE}{name}", name, self.port, self.health_path, self.host_header)

    def job_label(self, name: str) -> str:
        """Return the launchd label."""
        return self.label or f"macstate.{name}"

    def made(self, name: str, identifier: str) -> bool:
        """Return whether an id that is no longer in the spec is a model or an alias of it, or its watchdog's job."""
        kind, _, key = identifier.partition("/")
        label = self.job_label(name)
        return key.startswith(f"{name}/") if kind in {Model.kind, Alias.kind} else key.endswith(f"/{label}.watchdog")

    def job_labels(self, name: str) -> tuple[str, ...]:
        """Return the launchd labels that it uses: its own, and its watchdog's."""
        label = self.job_label(name)
        return (label, f"{label}.watchdog") if self.watchdog else (label,)

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield its job, its port, its watchdog, and what its engine adds."""
        yield from super().lists(self.job_label(name))
        yield "port", str(self.port)
        if self.watchdog:
            yield from self.watchdog.lists(self.job_label(name))
        yield from self.made_by.looked_at(name, self)

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the job, its watchdog, the engine's resources and the routes; if it is off, what stays."""
        port = str(self.port)
        command = tuple(word.replace("{port}", port) for word in self.command)
        environment = {**self.made_by.environment, **self.environment}
        filled = {key: value.replace("{port}", port) for key, value in environment.items()}
        job = self.job(self.job_label(name), scope.facts, command, filled)
        watchdog = self._watchdog(name, job, scope.facts)
        freed = (self.port,) if self.is_off else ()
        for each in (job.model_copy(update={"ports": self.listens_on(scope), "freed": freed}), *watchdog):
            yield each.off() if self.is_off and isinstance(each, Launchd) else each
        yield from self.made_by.resources(name, self, job.id, scope)
        if self.is_off:
            return
        if self.serve or self.funnel:
            scope.facts.node.check_serve(self.funnel.https if self.funnel else None)
        if gateway := scope.one(Gateway):
            needs = (job.id, f"launchd/system/{gateway.label}")
            yield from (
                Serve.to(upstream.https, upstream.path, door.url(upstream.path), funnel=door.public, needs=needs)
                for door in doors_of(scope)
                for upstream in door.upstreams
                if upstream.name == name
            )
        elif self.serve:
            kept = self.serve.path.rstrip("/") if self.serve.keep_path else ""
            to = f"http://127.0.0.1:{self.port}{kept}"
            yield Serve.to(self.serve.https, self.serve.path, to, funnel=False, needs=(job.id,))

    def _watchdog(self, name: str, job: Launchd, facts: Facts) -> Iterator[Resource]:
        if self.watchdog is None:
            return
        model = self.watchdog.model or next(iter(self.all_models), "")
        asked = {"ENGINE": self.made_by.speaks, "PORT": str(self.port), "HEALTH": self.health_path}
        asked |= {"READY": str(self.ready_within), **dict(self.made_by.watched(self, model))}
        yield from self.watchdog.resources(name, job, facts, self.domain, asked)
