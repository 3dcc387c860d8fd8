"""The application firewall: its switches, and the applications that may be reached."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Strict

from macstate.kernel.declaration import Declaration
from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.language.types import AbsolutePath

if TYPE_CHECKING:
    from macstate.language.scope import Scope

TOOL = "/usr/libexec/ApplicationFirewall/socketfilterfw"
SWITCHES = {"enabled": "--setglobalstate", "block_all": "--setblockall", "stealth": "--setstealthmode"}


class FirewallEntry(Declaration):
    """The application firewall. A server on loopback behind Tailscale Serve needs no rule."""

    sample: ClassVar[str] = "{enabled: true}"
    section: ClassVar[str] = "firewall"
    short: ClassVar[Any] = bool
    becomes: ClassVar[Mapping[str, str]] = {
        **{field: f"`socketfilterfw {option} on|off`" for field, option in SWITCHES.items()},
        "allow": "`socketfilterfw --add PATH --unblockapp PATH`",
    }

    enabled: bool | None = None
    """Whether the firewall is on."""
    block_all: bool | None = None
    """Block all incoming connections but the essential ones."""
    stealth: bool | None = None
    """Do not answer probes such as ping."""
    allow: Annotated[tuple[AbsolutePath, ...], Strict(strict=False)] = ()
    """Programs that may accept connections, by absolute path; symbolic links are resolved on the Mac."""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the allowed paths, to be resolved and looked for."""
        del name
        yield from ((kind, path) for path in self.allow for kind in ("path", "program"))

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield one resource for the switches, and one for each allowed program."""
        del name
        switches = self.model_dump(exclude={"allow"})
        if any(value is not None for value in switches.values()):
            yield Firewall(key="state", **switches)
        for path in sorted({scope.facts.real.get(path, path) for path in self.allow}):
            yield Firewall(key=f"allow{path}", allowed=True)


MACOS = ("allow/System/", "allow/bin/", "allow/sbin/", "allow/usr/bin/", "allow/usr/libexec/", "allow/usr/sbin/")
"""Rules of programs on the sealed system volume: a new Mac comes with some of them."""


class Firewall(Resource):
    """The switches (``state``), or the rule of one program (``allow/path``)."""

    kind: ClassVar[str] = "firewall"
    probes: ClassVar[tuple[str, ...]] = (
        "socketfilterfw --getglobalstate",
        "socketfilterfw --getblockall",
        "socketfilterfw --getstealthmode",
        "socketfilterfw --listapps",
    )
    script: ClassVar[str] = f"""
for option in getglobalstate getblockall getstealthmode listapps; do
  reply "socketfilterfw --$option" "$root{TOOL}" "--$option"
done
"""

    overrides: ClassVar[Mapping[str, str]] = {"firewall-off": "the firewall would be turned off"}

    enabled: bool | None = None
    block_all: bool | None = None
    stealth: bool | None = None
    allowed: bool | None = None

    @property
    def owned(self) -> bool:
        """Whether it is a rule; the switches always exist, and so do the rules of macOS' own programs."""
        return self.key != "state" and not self.key.startswith(MACOS)

    def dangers(self, have: Self | None) -> Iterator[str]:
        """Yield the override for turning the firewall off."""
        if self.enabled is False and "enabled" in self.unlike(have):
            yield "firewall-off"

    def brief(self, *, going: bool = False) -> str:
        """Return what a rule does."""
        if going:
            return "the rule goes, and the program stays"
        return "may accept connections" if self.allowed else ""

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read the three switches in their old and new wordings, and the list of rules in both layouts."""
        state = _search(r"State = (\d)", outputs.get("socketfilterfw --getglobalstate"))
        switches = {
            "enabled": state and state != "0",
            "block_all": _on(outputs.get("socketfilterfw --getblockall")),
            "stealth": _on(outputs.get("socketfilterfw --getstealthmode")),
        }
        known = {name: bool(value) for name, value in switches.items() if value is not None}
        if known:
            yield cls.model_validate({"key": "state", **known})
        rules = re.findall(
            r"^\d+ : +(\S.*?) *$\s*\( *(Allow|Block)", outputs.get("socketfilterfw --listapps", ""), re.MULTILINE
        )
        for path, verdict in rules:
            if path.startswith("/"):  # since macOS 15 a rule may name a bundle instead
                yield cls(key=f"allow{path}", allowed=verdict == "Allow")

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Set the switches that differ; or add a rule, which macOS makes blocked or allowed at will, then allow it."""
        if self.key == "state":
            for name in self.unlike(have):
                yield Run((TOOL, SWITCHES[name], "on" if getattr(self, name) else "off"))
            return
        path = self.key.removeprefix("allow")
        if have is None:
            yield Run((TOOL, "--add", path))
        yield Run((TOOL, "--unblockapp", path))

    def remove(self) -> Iterator[Step]:
        """Take the rule out of the list."""
        yield Run((TOOL, "--remove", self.key.removeprefix("allow")))


def _search(pattern: str, text: str | None) -> str | None:
    match = re.search(pattern, text or "")
    return match[1] if match else None


def _on(text: str | None) -> bool | None:
    word = _search(r"(?i)\b(on|off|enabled|disabled)\b", text)
    return None if word is None else word.lower() in {"on", "enabled"}
