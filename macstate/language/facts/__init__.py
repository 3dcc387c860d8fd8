"""The facts about a Mac that entries are expanded with, since the spec cannot know them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from macstate.errors import MacstateError
from macstate.language.facts.machine import Machine

FUNNEL_PORTS = "https://tailscale.com/cap/funnel-ports?ports="


@dataclass(frozen=True)
class Node:
    """The Mac as a node of its tailnet, from ``tailscale status --json`` on the Mac itself, and its Tailscale build."""

    name: str = ""
    """The node's DNS name, without a dot at the end."""
    problem: str = ""
    """Why the name is not known."""
    capabilities: frozenset[str] = frozenset()
    userspace: bool = False
    """Whether tailscaled brings its own network; then the tailnet can reach every loopback port of the Mac."""
    variant: str = "open-source"
    """The build of Tailscale: ``open-source``, ``Standalone`` or ``App Store``."""

    @classmethod
    def read(cls, status: str, errors: str = "", variant: str = "open-source") -> Node:
        """Read the output of the tailscale command; the app's command can print an error with exit status 0."""
        try:
            found = json.loads(status)
            state, own = found.get("BackendState", ""), found.get("Self") or {}
            capabilities = frozenset(own.get("CapMap") or own.get("Capabilities") or ())
        except (ValueError, AttributeError, TypeError, RecursionError):
            return cls(problem=errors or status.strip() or "`tailscale status` answers nothing", variant=variant)
        if state != "Running":
            return cls(problem=f"tailscaled is in state {state}", variant=variant)
        return cls(
            name=str(own.get("DNSName", "")).rstrip("."),
            capabilities=frozenset(filter(lambda each: isinstance(each, str), capabilities)),
            userspace=found.get("TUN") is False,
            variant=variant,
        )

    def check_serve(self, funnel: int | None = None) -> None:
        """Refuse routes that could not answer; ``funnel`` is the HTTPS port of a route for the internet.

        Raises:
            MacstateError: tailscaled does not run or is not logged in, or the tailnet lacks certificates or Funnel.
        """
        if not self.name:
            raise MacstateError(
                f"routes need the Mac's tailnet name, which cannot be read: {self.problem or 'no answer'}; "
                "start tailscaled and log in (`sudo tailscale up`), then run again"
            )
        if "https" not in self.capabilities:
            raise MacstateError(
                "routes need certificates, which this tailnet does not give: turn on MagicDNS and HTTPS Certificates "
                "on the DNS page of Tailscale's admin console, then run again"
            )

        if funnel and not ("funnel" in self.capabilities and self._may_funnel(funnel)):
            raise MacstateError(
                f"funnel: this node may not use Funnel on port {funnel}: give it the node attribute `funnel` in the "
                "tailnet's policy (nodeAttrs), then run again"
            )

    def _may_funnel(self, port: int) -> bool:
        spans = re.findall(rf"{re.escape(FUNNEL_PORTS)}(\S+)", "\n".join(self.capabilities))
        found = re.findall(r"\b([0-9]{1,5})(?:-([0-9]{1,5}))?\b", ",".join(spans))
        return any(int(first) <= port <= int(last or first) for first, last in found)

    def check_ssh(self) -> None:
        """Refuse Tailscale SSH on a build of Tailscale without an SSH server.

        Raises:
            MacstateError: the build is one of the apps, which have no SSH server (measured).
        """
        if self.variant != "open-source":
            raise MacstateError(
                f"tailscale.ssh: the {self.variant} build of Tailscale on this Mac has no SSH server; install the "
                "open-source one (`brew install tailscale`), or take `ssh` out and set `via: openssh` for this Mac"
            )


@dataclass(frozen=True)
class Laptop:
    """The machine that macstate runs on, if the spec has entries for it."""

    system: str = ""
    """The output of `uname`: ``Darwin`` or ``Linux``."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Lines of the user's own files that could conflict with ours, as ``NUMBER:TEXT``, by path."""
    host_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """SSH host keys of the nodes that the laptop's tailnet shows, by DNS name; empty if it is in no tailnet."""


@dataclass(frozen=True)
class Facts:
    """Facts about a Mac, read by the probe in the same remote command as everything else."""

    user: str = ""
    uid: int = 501
    home: str = ""
    sudo: bool = False
    """Whether ``sudo -n`` works: no password is needed."""
    version: str = ""
    """The macOS version, e.g. ``26.5.2``."""
    real: Mapping[str, str] = field(default_factory=dict)
    """Paths with their symbolic links resolved."""
    node: Node = Node()
    machine: Machine = field(default_factory=Machine)
    laptop: Laptop = Laptop()
    recorded: Mapping[str, str] = field(default_factory=dict)
    """The record: the fingerprint of what macstate wrote last, by the resource's id."""
    programs: Mapping[str, str] = field(default_factory=dict)
    """What server programs say of themselves (version and modules), by path; without those that could not be run."""

    def home_of(self, user: str) -> str:
        """Return a user's home folder: for the SSH user as the Mac reports it, for others macOS' usual place."""
        return self.home if user == self.user else "/var/root" if user == "root" else f"/Users/{user}"
