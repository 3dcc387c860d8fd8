"""The tailnet as this laptop sees it: whether a Mac is in it and can be reached, and which host keys it has.

The host keys come from Tailscale's control server (``sshHostKeys`` in ``tailscale status --json``), so no key is
trusted merely because it was seen first.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from typing import Any

from macstate.errors import MacstateError

APP = "/Applications/Tailscale.app/Contents/MacOS/Tailscale"
SOON = 14
"""Each run warns if a node key ends within this many days."""
PING = 5
"""Seconds to wait for the answer to a ping."""
OPENSSH = "or set `via: openssh` for this Mac to come in through its Remote Login"


class OutsideError(MacstateError):
    """This laptop is in no tailnet."""


class StrangerError(MacstateError):
    """A node that this laptop's tailnet does not know."""


@dataclass(frozen=True)
class Peer:
    """Another node of the tailnet."""

    name: str
    addresses: tuple[str, ...]
    online: bool
    last_seen: str
    expired: bool
    key_expiry: str
    """When the node key ends, as RFC 3339; empty if it never does."""
    host_keys: tuple[str, ...]
    """SSH host keys as in known_hosts, without a host name; empty if Tailscale SSH is off."""

    @classmethod
    def read(cls, found: dict[str, Any]) -> Peer:
        """Return one node from ``tailscale status --json``."""
        return cls(
            name=str(found.get("DNSName", "")).rstrip("."),
            addresses=_texts(found.get("TailscaleIPs")),
            online=bool(found.get("Online")),
            last_seen=str(found.get("LastSeen", "")),
            expired=bool(found.get("Expired")),
            key_expiry=str(found.get("KeyExpiry", "")),
            host_keys=_texts(found.get("sshHostKeys")),
        )


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


def login() -> str:
    """Return the login name that owns this laptop's node; empty for a tagged node."""
    found = status()
    user = _nodes(found.get("User")).get(str(_own(found).get("UserID")), {})
    return str(user.get("LoginName", ""))


def _nodes(found: Any) -> dict[str, dict[str, Any]]:
    """Return the entries of a mapping that are mappings themselves; a value of another shape gives none."""
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: each for key, each in pairs if isinstance(each, dict)}


def _own(found: dict[str, Any]) -> dict[str, Any]:
    own = found.get("Self")
    return own if isinstance(own, dict) else {}


def _command() -> str:
    return shutil.which("tailscale") or (APP if os.path.exists(APP) else "")  # noqa: PTH110 - pathlib would be late


@cache
def status() -> dict[str, Any]:
    """Return the status that this laptop's tailscaled reports; it is asked once a run.

    Raises:
        OutsideError: there is no tailscaled, it does not run, or it is not logged in.
    """
    command = _command()
    if not command:
        raise OutsideError(f"there is no `tailscale` on this laptop; install it and type `tailscale up`, {OPENSSH}")
    # the app's command fails without SHLVL, and prints its error on standard output with exit status 0
    environment = {**os.environ, "SHLVL": os.environ.get("SHLVL", "1")}
    words = [command, "status", "--json"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, errors="replace", check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
        state = found["BackendState"]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = " ".join((done.stdout + done.stderr).split())[:200] or "nothing"
        raise OutsideError(f"`tailscale status` on this laptop says {said!r}; start Tailscale, {OPENSSH}") from None
    if state != "Running":
        raise OutsideError(f"this laptop is not in its tailnet (tailscaled is in state {state}); type `tailscale up`")
    return found


def host_keys() -> dict[str, tuple[str, ...]]:
    """Return the SSH host keys of all nodes, by DNS name; empty if this laptop is in no tailnet."""
    try:
        peers = [Peer.read(each) for each in _nodes(status().get("Peer")).values()]
    except MacstateError:
        return {}
    return {each.name: each.host_keys for each in peers}


def peer(hostname: str, found: dict[str, Any]) -> Peer:
    """Return the node with this DNS name, short name or address, if it can be reached and offers Tailscale SSH.

    Raises:
        MacstateError: it is this machine, not in the tailnet, offline, without Tailscale SSH, or its key has expired.
    """
    there = node(hostname, found)
    if there == Peer.read(_own(found)):
        raise MacstateError(f"{hostname} is this machine itself, and Tailscale SSH does not lead back to it")
    if not there.host_keys:
        raise MacstateError(
            f"{there.name} does not offer Tailscale SSH; type `sudo tailscale set --ssh` at its keyboard, {OPENSSH}"
        )
    return there


def node(hostname: str, found: dict[str, Any]) -> Peer:
    """Return the node with this DNS name, short name or address, if it can be reached; it may be this machine.

    Raises:
        StrangerError: the tailnet has no such node.
        MacstateError: the node is offline, or its key has expired.
    """
    peers = [Peer.read(each) for each in _nodes(found.get("Peer")).values()]
    wanted = hostname.lower().rstrip(".")
    for each in peers:
        if wanted in {each.name.lower(), each.name.lower().partition(".")[0], *each.addresses}:
            return _reachable(each, peers)
    own = Peer.read(_own(found))
    if wanted in {own.name.lower(), *own.addresses}:
        return own
    labels = {each.name.partition(".")[0]: each.name for each in peers}
    near = get_close_matches(wanted.partition(".")[0], labels, n=1)
    hint = f"did you mean {labels[near[0]]}?" if near else "`tailscale status` lists what is there."
    raise StrangerError(f"{hostname} is not in this laptop's tailnet; {hint} Correct `hostname`, {OPENSSH}")


def _reachable(found: Peer, peers: list[Peer]) -> Peer:
    if found.expired:
        raise MacstateError(f"the tailnet key of {found.name} has expired; type `sudo tailscale up` at its keyboard")
    if not found.online:
        seen = "" if found.last_seen.startswith("0001") else f", last seen {found.last_seen}"
        label, _, rest = found.name.partition(".")
        anew = re.compile(rf"{re.escape(label)}-\d+\.{re.escape(rest)}")  # what a second node of this name is called
        twin = next((each.name for each in peers if each.online and anew.fullmatch(each.name)), "")
        hint = "is it on, awake and on the network, and does its tailscaled run?"
        if twin:
            hint = f"{twin} is online: if that is the same Mac, registered again, type it as `hostname`, or remove the "
            hint += "old machine in Tailscale's admin console and give this one its name"
        raise MacstateError(f"{found.name} is offline{seen}; {hint}")
    return found


def answers(peer: Peer) -> bool:
    """Return whether a node answers a ping inside the tailnet, which needs no server, policy or firewall rule there.

    The ping uses the address, because a name is looked up in the internet's DNS if MagicDNS is off (measured).
    """
    words = [_command(), "ping", "--tsmp", "--c=1", f"--timeout={PING}s", *peer.addresses[:1]]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, timeout=2 * PING)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return not re.search("no reply|timed out", done.stdout + done.stderr)


def warnings(found: dict[str, Any], mac: Peer, now: datetime) -> Iterator[str]:
    """Yield a warning for each node key that ends soon; without it, this laptop and the Mac lose each other."""
    for each in (Peer.read(_own(found)), mac):
        if each.key_expiry:
            try:
                left = (datetime.fromisoformat(each.key_expiry).astimezone(UTC) - now).days
            except (ValueError, OverflowError):
                continue  # another version of Tailscale may write it differently
            if left < SOON:
                yield (
                    f"the tailnet key of {each.name} expires on {each.key_expiry[:10]} (in {left} days), and then it "
                    "leaves the tailnet; log it in again before that, or disable its key expiry in the admin console"
                )
