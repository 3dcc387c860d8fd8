"""One Mac, as the laptop's files tell of it."""

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
    """The laptop's."""
    via: str
    """``tailnet`` or ``funnel``."""
    key: str | None
    """Which of the gateway's keys; None: the first."""
    first: bool
    """Whether the variables without its name mean this one."""

    @property
    def name(self) -> str:
        """Its name in the spec, which is its alias."""
        return self.mac.name

    @property
    def entry(self) -> MacEntry:
        """How to reach it."""
        return self.mac.entry

    @property
    def host(self) -> str:
        """Its DNS name in the tailnet; empty where neither the spec nor the tailnet tells it."""
        return tailnet_name(self.entry.hostname, self.facts.laptop.host_keys)

    @property
    def own_host(self) -> str:
        """Say where the person's own ssh configuration has a host of this name; empty: nowhere."""
        return laptop.own_hosts(self.facts.laptop).get(self.name, "")

    @property
    def screen(self) -> str:
        """Return the command that opens its screen; empty where Screen Sharing is off."""
        sharing = self.mac.one(ScreenSharingEntry)
        if sharing is not None and not sharing.enabled:
            return ""
        opener = "open" if self.facts.laptop.system == "Darwin" else "xdg-open"
        return shlex.join((opener, f"vnc://{self.entry.user}@{self.entry.hostname}"))

    @cached_property
    def reaches(self) -> tuple[Reach, ...]:
        """Return its endpoints that are reached from here."""
        found = reaches(self.mac.all(Endpoint), self.mac.one(Gateway), self.host)
        return tuple(each for each in found if self.host and each.url(self.via))

    @property
    def variables(self) -> list[tuple[str, str]]:
        """Return its variables; those of a further Mac carry its name."""
        return list(variables(self.reaches, self.via, "" if self.first else self.name))

    @property
    def needs_key(self) -> bool:
        """Whether any of its endpoints wants a key this way."""
        return any(each.needs_key(self.via) for each in self.reaches)

    @property
    def fetch(self) -> str:
        """Return the shell command that prints its key; empty where none is wanted, or none has a name."""
        gateway = self.mac.one(Gateway)
        keys = gateway.keys if gateway else {}
        name = self.key or min(keys, default="")
        if not self.needs_key or name not in keys:
            return ""
        kept = user_config_path("macstate") / "keys" / self.name / f"gateway.keys.{name}"
        return shlex.join(fetch.of(keys[name][0], kept))

    @property
    def key_variable(self) -> str:
        """Return the variable that its key belongs into."""
        return "OPENAI_API_KEY" if self.first else f"{self.name.upper().replace('-', '_')}_API_KEY"

    @property
    def known_hosts(self) -> Path | None:
        """Say where its host keys are pinned; None where ssh keeps its own list."""
        return laptop.folder() / f"known_hosts.{self.name}" if self.entry.login == "tailscale" else None

    @property
    def host_keys(self) -> tuple[str, ...]:
        """Return its host keys, as the tailnet shows them; none where it cannot be seen from here."""
        return self.facts.laptop.host_keys.get(self.entry.hostname) or self.facts.laptop.host_keys.get(self.host, ())
