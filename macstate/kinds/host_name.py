"""The Mac's name, as its prompt and its network show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from macstate.kernel.declaration import Declaration
from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.language.scope import Scope
from macstate.language.types import Name

SETTINGS = {"computer": "ComputerName", "local": "LocalHostName", "host": "HostName"}
"""scutil's three names: what people see, what Bonjour says (NAME.local), what the shell says."""


class HostNameEntry(Declaration):
    """The Mac's name (scutil). Its name in the tailnet is up to Tailscale."""

    sample: ClassVar[str] = "{name: studio}"
    section: ClassVar[str] = "host_name"
    short: ClassVar[Any] = str
    becomes: ClassVar[Mapping[str, str]] = {"name": f"`scutil --set` of {', '.join(SETTINGS.values())}"}

    name: Name
    """The one name, for all three of macOS' places."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the three names as one setting."""
        del name, scope
        yield HostName(computer=self.name, local=self.name, host=self.name)


class HostName(Resource):
    """The three names; one that is not set is empty, as on many Macs."""

    kind: ClassVar[str] = "host_name"
    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = tuple(f"scutil --get {setting}" for setting in SETTINGS.values())
    absent: ClassVar[tuple[int, ...]] = (1,)

    key: Literal["scutil"] = "scutil"
    computer: str | None = None
    local: str | None = None
    host: str | None = None

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read the three names; `NAME: not set` becomes empty."""
        texts = {field: outputs.get(f"scutil --get {setting}") for field, setting in SETTINGS.items()}
        if any(text is not None for text in texts.values()):
            yield cls.model_validate({field: None if text is None else _name(text) for field, text in texts.items()})

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Set each that differs."""
        for field in self.unlike(have):
            yield Run(("scutil", "--set", SETTINGS[field], getattr(self, field)))


def _name(text: str) -> str:
    return "" if text.strip().endswith(": not set") else text.strip()
