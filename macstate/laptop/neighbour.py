"""A Mac as the laptop's files describe it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from platformdirs import user_config_path

from macstate.endpoint.entry import Endpoint
from macstate.endpoint.reach import Reach, reaches, tailnet_name, variables
from macstate.gateway.entry import Gateway
from macstate.kinds.screen_sharing import ScreenSharingEntry
from macstate.language.facts import Facts
from macstate.language.mac import MacEntry
from macstate.language.scope import MacView
from macstate.language.secrets import fetch
from macstate.laptop import machine as laptop


@dataclass(frozen=True)
class Neighbour:
    """A Mac of the spec."""

    mac: MacView
    facts: Facts
    """The facts of the laptop."""
    via: str
    """The URLs to use: ``tailnet`` or ``funnel``."""
    key: str | None
    """The name of the gateway's key to use; None: the first."""
    first: bool
    """Whether variables without a Mac's name mean this Mac."""

    @property
    def name(self) -> str:
        """The Mac's name in the spec, which is also its alias."""
        return self.mac.name

    @property
    def entry(self) -> MacEntry:
        """How to reach the Mac."""
        return self.mac.entry

    @property
    def host(self) -> str:
        """The Mac's DNS name in the tailnet; empty if neither the spec nor the tailnet tells it."""
        return tailnet_name(self.entry.hostname, self.facts.laptop.host_keys)

    @property
    def own_host(self) -> str:
        """File and line of a host of this name in the user's own ssh configuration; empty if there is none."""
        return laptop.own_hosts(self.facts.laptop).get(self.name, "")

    @property
    def screen(self) -> str:
        """The command that opens the Mac's screen; empty if Screen Sharing is off."""
        sharing = self.mac.one(ScreenSharingEntry)
        if sharing is not None and not sharing.enabled:
            return ""
        opener = "open" if self.facts.laptop.system == "Darwin" else "xdg-open"
        return shlex.join((opener, f"vnc://{self.entry.user}@{self.entry.hostname}"))

    @cached_property
    def reaches(self) -> tuple[Reach, ...]:
        """The Mac's endpoints that this laptop can reach."""
        found = reaches(self.mac.all(Endpoint), self.mac.one(Gateway), self.host)
        return tuple(each for each in found if self.host and each.url(self.via))

    @property
    def variables(self) -> list[tuple[str, str]]:
        """The Mac's variables; those of any Mac but the first carry its name."""
        return list(variables(self.reaches, self.via, "" if self.first else self.name))

    @property
    def needs_key(self) -> bool:
        """Whether any endpoint of the Mac needs a key over these URLs."""
        return any(each.needs_key(self.via) for each in self.reaches)

    @property
    def fetch(self) -> str:
        """The shell command that prints the Mac's key; empty if none is needed, or if no key has that name."""
        gateway = self.mac.one(Gateway)
        keys = gateway.keys if gateway else {}
        name = self.key or min(keys, default="")
        if not self.needs_key or name not in keys:
            return ""
        kept = user_config_path("macstate") / "keys" / self.name / f"gateway.keys.{name}"
        return shlex.join(fetch.of(keys[name][0], kept))

    @property
    def key_variable(self) -> str:
        """The variable for the Mac's key."""
        return "OPENAI_API_KEY" if self.first else f"{self.name.upper().replace('-', '_')}_API_KEY"

    @property
    def known_hosts(self) -> Path | None:
        """The file that pins the Mac's host keys; None if ssh keeps its own list."""
        return laptop.folder() / f"known_hosts.{self.name}" if self.entry.login == "tailscale" else None

    @property
    def host_keys(self) -> tuple[str, ...]:
        """The Mac's host keys from the tailnet; none if the tailnet does not show the Mac here."""
        return self.facts.laptop.host_keys.get(self.entry.hostname) or self.facts.laptop.host_keys.get(self.host, ())
