"""The laptop's side: how to log in, shell aliases, environment variables, and tools that talk to the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Strict

from macstate import render
from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kinds.home_file import HomeFile
from macstate.kinds.line import Line, includes, sources
from macstate.language.entry import Entry
from macstate.language.scope import Scope
from macstate.language.types import Name, Warned, short
from macstate.laptop import machine as laptop
from macstate.laptop import tools as client_tools
from macstate.laptop.neighbour import Neighbour
from macstate.laptop.tools import Tool

Tools = Annotated[tuple[Tool, ...], Strict(strict=False)]
Shells = Annotated[tuple[Literal["zsh", "bash"], ...], Strict(strict=False)]


class Client(Declaration):
    """A laptop that reaches the Macs."""

    sample: ClassVar[str] = "{via: tailnet}"
    section: ClassVar[str] = "clients"

    via: Literal["tailnet", "funnel"] = "tailnet"
    """Which URLs it gets: the tailnet's, or the internet's, which always need a key."""
    mac: Name | None = None
    """Whose endpoints the variables without a Mac's name mean; default: the first Mac's."""
    key: Name | None = None
    """Which of the gateway's keys OPENAI_API_KEY is fetched from; default: the first by name."""
    shells: Shells = ("zsh", "bash")
    """The shells that get the aliases and variables."""
    tools: Tools = ()
    """Tools that get a ready configuration: ``llm``, ``opencode``, ``continue``, ``open-webui``."""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield our files for the probe to read, and the user's own files that include ours."""
        del name
        ours = [laptop.folder() / file for file in ("ssh_config", "shell.sh", "models.env")]
        theirs = [laptop.ssh_config(), *laptop.candidates(self.shells)]
        yield from (("home_file", str(path)) for path in (*ours, *client_tools.places(self.tools)))
        yield from ((kind, str(path)) for path in theirs for kind in ("line", "own"))

    def neighbours(self, scope: Scope) -> list[Neighbour]:
        """Return the Macs; the one that variables without a Mac's name mean comes first."""
        chief = self.mac or scope.macs[0].name
        macs = sorted(scope.macs, key=lambda mac: mac.name != chief)
        return [Neighbour(mac, scope.facts, self.via, self.key, mac.name == chief) for mac in macs]

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield our files, and the lines through which ssh and the shells read them."""
        del name
        macs = self.neighbours(scope)
        ours = laptop.folder()
        environment = dict(client_tools.environment(self.tools))
        named = [mac for mac in macs if not mac.own_host]
        texts = {
            ours / "ssh_config": render.template("ssh_config", macs=named, home=laptop.home()),
            ours / "shell.sh": render.template("shell.sh", macs=macs, environment=environment),
            ours / "models.env": render.template("models.env", macs=macs),
            **dict(client_tools.files(self.tools, macs)),
        }
        for path, text in texts.items():
            yield self._file(path, text, scope)
        yield from self._known_hosts(macs, scope)
        yield Line(key=_key(laptop.ssh_config()), text=includes(str(ours / "ssh_config")))
        for path in laptop.startup_files(self.shells, scope.facts.laptop):
            yield Line(key=_key(path), text=sources(str(ours / "shell.sh")))

    def _known_hosts(self, macs: list[Neighbour], scope: Scope) -> Iterator[Resource]:
        for mac in macs:
            if mac.known_hosts and mac.host_keys:
                text = "".join(f"{mac.entry.hostname} {key}\n" for key in mac.host_keys)
                yield self._file(mac.known_hosts, text, scope)
            elif mac.known_hosts and f"home_file/{_key(mac.known_hosts)}" in scope.facts.recorded:
                yield self._file(mac.known_hosts, None, scope)  # the tailnet cannot be read now, so the file stays

    @staticmethod
    def _file(path: Path, text: str | None, scope: Scope) -> HomeFile:
        return HomeFile(key=_key(path), content=text, permissions=f"{scope.facts.uid} 600", source="spec")

    def warnings(self, scope: Scope) -> Iterator[tuple[Warned, str]]:
        """Yield a warning for each name of ours that the user's own files already define, since theirs wins."""
        macs = self.neighbours(scope)
        for mac in macs:
            if mac.own_host:
                text = f"{mac.own_host} already has a Host {mac.name} of your own: it stays, and macstate adds none"
                yield "ssh-host", text
            if not mac.host:
                text = f"{mac.name}: its name in the tailnet is not known here, so it gets no URLs; set its `hostname`"
                yield "no-urls", text
        files = tuple(laptop.startup_files(self.shells, scope.facts.laptop))
        ours = {word for mac in macs for word, _ in mac.variables} | {mac.key_variable for mac in macs}
        ours |= {word for mac in macs for word in (mac.name, f"{mac.name}-gui")}
        for word, place in laptop.own_words(scope.facts.laptop, files).items():
            if word in ours:
                yield "own-variable", f"{place} sets {word}, and that wins; remove it there to follow the spec"


def _key(path: Path) -> str:
    return str(path).lstrip("/")


class Clients(Entry):
    """Whose laptops are set up."""

    sample: ClassVar[str] = "{local: {via: tailnet}}"
    short: ClassVar[Any] = bool
    former: ClassVar[Mapping[str, str]] = {
        field: f"this is about one laptop; type `local: {{{field}: VALUE}}`" for field in Client.model_fields
    }

    local: Annotated[Client, short(bool | Client | None)] = Client()
    """The machine that macstate runs on."""

    @classmethod
    def written_out(cls, name: str, value: Any) -> Any:
        """Return the long form; true, here and in `local`, means the defaults."""
        out = super().written_out(name, value)
        if isinstance(out, dict) and out.get("local", 0) in (True, None):
            return {**out, "local": {}}
        return out
