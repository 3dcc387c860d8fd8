"""The gateway: doors for the tailnet and for the internet, and behind them every endpoint that has a route."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from macstate import render
from macstate.errors import MacstateError
from macstate.gateway import pages
from macstate.gateway.answers import ERRORS, REFUSALS
from macstate.gateway.doors import Door, Routed, doors
from macstate.gateway.ports import Ports
from macstate.gateway.server import Server
from macstate.gateway.servers import SERVERS, ServerName
from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kernel.steps import CHECK, Check
from macstate.kinds.file import File
from macstate.kinds.guide import FOLDER as GUIDE
from macstate.kinds.key_file import KeyFile, look_at, replaced
from macstate.kinds.launchd.job import Job
from macstate.language.document.masked import LIKE_A_KEY
from macstate.language.entry import Entry
from macstate.language.facts import Facts
from macstate.language.scope import Entries, Scope
from macstate.language.secrets import Reference, source
from macstate.language.types import UNITS, AbsolutePath, Label, Name, Rate

FOLDER = "/Library/macstate/etc"
PREFIX = "Library/Caches"
"""The folder below the home where the server keeps its temporary files, since it runs as the user."""
UNSET = "0123456789abcdef" * 2
"""Stands for the configuration's digest while that is worked out."""
NAMED = r"[a-z][a-z_-]{0,19}"
"""A name, which cannot be a key: a key is longer, or has digits."""
OPEN_FILES = 8192
"""Files that the server may have open: each stream takes two, and launchd's own default is 256."""
FRIENDS = (
    r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?",
    r"(app|file|tauri|vscode-file|vscode-webview)://.*",
)
"""Origins of pages that may ask without a key, besides this Mac's own: those on the person's own machine."""


def _list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


References = Annotated[
    tuple[Reference, ...],
    BeforeValidator(_list, json_schema_input_type=Reference | list[Reference]),
    Field(min_length=1, strict=False),
]
"""One reference to a key, or several that are all valid while clients move from one to the next."""


def _not_shown(value: object) -> object:
    """Refuse a value that is no mapping of names to references, without showing it, since it may be a key."""
    if not isinstance(value, dict):
        names = value if isinstance(value, list) and all(re.fullmatch(NAMED, str(each)) for each in value) else []
        typed = ", ".join(f"{name}: generate" for name in names or ["agents"])
        raise ValueError(f"this holds names, and where each key is to be had; type `{{{typed}}}`")  # noqa: TRY004
    if any(LIKE_A_KEY.fullmatch(str(name)) for name in value):
        raise ValueError("a name looks like a key itself, and the spec is no place for one; type `{agents: generate}`")
    for name, given in value.items():
        if not all(isinstance(each, str) for each in (given if isinstance(given, list) else [given])):
            raise ValueError(f"{name} is no text, and so no reference to a key; type `{{{name}: generate}}`")
    return value


class RateLimit(Entry):
    """How much one client may ask for."""

    sample: ClassVar[str] = "{per_key: 60/m}"
    becomes: ClassVar[Mapping[str, str]] = {
        "per_key": f"{', or '.join(server.limits for server in SERVERS.values())}; answer 429"
    }

    per_key: Rate | None = None
    """Requests for each key, e.g. ``60/m``; that many at once, then evenly."""

    @property
    def count(self) -> int:
        """The number of requests in one ``unit``."""
        return int((self.per_key or "1/s").partition("/")[0])

    @property
    def unit(self) -> str:
        """The time in which they are counted: ``s`` or ``m``."""
        return (self.per_key or "1/s").partition("/")[2]

    @property
    def retry_after(self) -> int:
        """The seconds until one more request of a key is let through."""
        return -(-UNITS[self.unit] // self.count)


class Gateway(Declaration):
    """The API-key gate in front of every endpoint; a text alone is its server."""

    sample: ClassVar[str] = "{server: nginx}"
    section: ClassVar[str] = "gateway"
    short: ClassVar[Any] = ServerName

    server: ServerName
    """What it is made with."""
    program: AbsolutePath | None = None
    """Where that is; default: Homebrew's, /opt/homebrew/bin/SERVER."""
    label: Label = "macstate.gateway"
    """The launchd label."""
    ports: Ports = Ports()
    """Its loopback ports."""
    require_key: Literal["funnel", "always", "never"] = "funnel"
    """Who needs a key: the internet alone, everybody, or nobody (then nothing can have ``funnel``)."""
    keys: Annotated[
        Mapping[Name, References], BeforeValidator(_not_shown, json_schema_input_type=dict[Name, References])
    ] = {}
    """Named keys by reference (``generate``, ``env:NAME``, ``file:PATH``, ``op://…``): never the key itself."""
    rate_limit: RateLimit = RateLimit()
    """How much one client may ask for."""

    @classmethod
    def written_out(cls, name: str, value: Any) -> Any:
        """Read a text alone as the server."""
        del name
        return {"server": value} if isinstance(value, str) and ":" not in value else value

    @property
    def made_with(self) -> Server:
        """The server that it is made with."""
        return SERVERS[self.server]

    @property
    def path(self) -> str:
        """The path of its program."""
        return self.program or self.made_with.program

    @property
    def config(self) -> str:
        """The path of its configuration."""
        return f"{FOLDER}/{self.made_with.file}"

    @property
    def key_file(self) -> str:
        """The path of the file with its keys."""
        return f"{FOLDER}/gateway.keys"

    @property
    def references(self) -> Iterator[tuple[str, str, str]]:
        """(name of the key, reference, field of the spec) of each reference."""
        for name, references in self.keys.items():
            for index, reference in enumerate(references):
                yield name, reference, f"gateway.keys.{name}" + (f".{index}" if index else "")

    def job_label(self, name: str) -> str:
        """Return its label."""
        del name
        return self.label

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the job, the configuration, the keys, the program and the listening ports."""
        del name
        yield "label", self.label
        yield "file", self.config
        yield look_at(self.key_file)
        yield "gateway", f"{','.join(self.made_with.about)} {self.path}"
        yield "port", "all"

    def doors(self, endpoints: Mapping[str, Routed]) -> tuple[Door, ...]:
        """Return all doors, the tailnet's first, for each audience by HTTPS port."""
        return doors(self.ports, endpoints, always=self.require_key == "always")

    def listens_on(self, scope: Scope) -> tuple[int, ...]:
        """Return the loopback port of every door."""
        return tuple(door.port for door in doors_of(scope))

    def leads_here(self, port: int, https: int) -> bool:
        """Return whether a loopback port is, or was, the door for this HTTPS port."""
        return self.ports.knows(port, https)

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the keys, the configuration, and the job."""
        del name
        facts = scope.facts
        check_program(self, facts)
        prefix = f"{facts.home}/{PREFIX}/"
        server, file = self.made_with, self.made_with.file
        words = server.command(server.run, self.path, prefix, self.config)
        valid, both = (
            ("sudo", "-H", "-u", facts.user, "--", *server.command(server.check, self.path, prefix, config))
            for config in ("{}", f"{CHECK}/{file}")
        )
        keys = self._keys(scope)
        content = render.template(
            f"{self.server}.conf",
            gateway=self,
            doors=(found := doors_of(scope)),
            name=facts.node.name,
            errors=ERRORS,
            refusals=REFUSALS,
            friends=FRIENDS,
            digest=UNSET,
            pages=pages,
            folder=os.path.relpath(GUIDE, prefix),  # relative to where the server runs
            **server.values,
        )
        content = content.replace(UNSET, hashlib.sha256(content.encode()).hexdigest()[: len(UNSET)])
        checked = ((file, content.encode()), (self.key_file.rpartition("/")[2], keys.text.encode()))
        yield keys.checked_by(Check(both, checked, keys.owner))
        yield File(key=self.config.lstrip("/"), content=content, permissions="0 644", valid=valid, source="spec")
        job = Job(
            command=words, open_files=OPEN_FILES, working_directory=prefix.rstrip("/"), process_type="Interactive"
        )
        proof = [
            (f"http://127.0.0.1:{door.port}{pages.KEY}", facts.node.name, self.key_file, replaced(self.key_file))
            for door in found[:1]
        ]
        yield job.job(self.label, facts, words, {}).model_copy(
            update={
                "ports": self.listens_on(scope),
                "logs": () if server.rotates else (access_log(self.label, facts.home),),
                "config_digest": _digest(content, keys.fingerprint),
                "refresh": ("launchctl", "kill", server.signal, f"system/{self.label}"),
                "proof": (*proof[0], _header(content)) if proof else (),
                "files": (f"file/{self.config.lstrip('/')}", keys.id),
            }
        )

    def _keys(self, scope: Scope) -> KeyFile:
        """Return the file of the keys; if a key cannot be had, with the reason and the recorded fingerprint."""
        facts, found, lacking = scope.facts, [], []
        for name, reference, field in self.references:
            try:
                found.append((name, source(reference, field), scope.key(reference, field)))
            except MacstateError as error:
                lacking.append(error.message)
                found.append((name, source(reference, field), None))
        known = all(key for _, _, key in found)
        values = {key.reveal(): name for name, _, key in reversed(found) if key}  # if two names have one key, the first
        keys = [(name, value) for value, name in reversed(values.items())]
        return KeyFile.of(
            self.key_file,
            render.template(f"{self.server}.keys", keys=keys) if known else None,
            facts.user,
            facts.uid,
            sources=[self.server, *(each for _, each, _ in found)],
            lacking="; ".join(lacking),
            recorded=facts.recorded.get(f"secret/{self.key_file.lstrip('/')}", ""),
        )


def access_log(label: str, home: str) -> str:
    """Return the path of the access log of the gateway with this label."""
    return f"{home}/Library/Logs/{label}.access.log"


def _header(content: str) -> str:
    """Return the digest in the header of a gateway that has taken this configuration in."""
    return next(iter(re.findall(r"X-Macstate-Config (\w+)", content)), "")


def _digest(config: str, keys: str) -> str:
    return hashlib.sha256(f"{config}\n{keys}".encode()).hexdigest()


def doors_of(scope: Scope) -> tuple[Door, ...]:
    """Return all doors of a Mac, without the upstreams that are closed; none without a gateway."""
    gateway = scope.one(Gateway)
    return scope.once("doors", lambda: tuple(_open(scope, gateway.doors(routed(scope)))) if gateway else ())


def routed(entries: Entries) -> dict[str, Routed]:
    """Return the entries to which the gateway may lead, by name."""
    return {name: entry for name, entry in entries.entries if isinstance(entry, Routed)}


def _open(scope: Scope, found: tuple[Door, ...]) -> Iterator[Door]:
    for door in found:
        upstreams = tuple(upstream for upstream in door.upstreams if f"endpoints.{upstream.name}" not in scope.closed)
        states = tuple(state for state in door.states if f"endpoints.{state.name}" not in scope.closed)
        if upstreams or door.has_guide:
            yield replace(door, upstreams=upstreams, states=states)


def check_program(gateway: Gateway, facts: Facts) -> None:
    """Refuse a gateway that the Mac's own program cannot be.

    Raises:
        MacstateError: the program is not there, or ``Server.refused`` says why it cannot be the gateway.
    """
    server, about = gateway.made_with, facts.programs.get(gateway.path)
    if about is None:
        raise MacstateError(
            f"gateway: {gateway.path} cannot be run on this Mac; type `brew install {server.formula}` there, or name "
            "another `program`"
        )
    if why := server.refused(about, limited=gateway.rate_limit.per_key is not None):
        raise MacstateError(why)
