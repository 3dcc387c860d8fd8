"""Resolve a door's name: to the Mac by the laptop's own resolver, to Funnel's ingress by a public one."""

from __future__ import annotations

import ipaddress
import re
import socket

import dns.exception
import dns.nameserver
import dns.resolver

from macstate import hint
from macstate.errors import MacstateError
from macstate.trial import RESOLVERS
from macstate.trial.door import BrokenError, Door, UnaskedError

DNS = 53
PATIENCE = 4
"""Seconds to wait for a public resolver."""
TAILNET = tuple(map(ipaddress.ip_network, ("100.64.0.0/10", "fd7a:115c:a1e0::/48")))
"""The address ranges of Tailscale's nodes."""


def resolver(text: str) -> dns.nameserver.Nameserver:
    """Return the resolver of ADDRESS or ADDRESS:PORT; an IPv6 address with a port is ``[ADDRESS]:PORT``.

    Raises:
        MacstateError: the text is neither.
    """
    parts = re.fullmatch(
        r"\[(?P<six>[^]]+)\](?::(?P<a>\d{1,5}))?|(?P<four>[^:]+)(?::(?P<b>\d{1,5}))?|(?P<bare>.+)", text
    )
    found = parts.groupdict() if parts else {}
    port = int(found.get("a") or found.get("b") or DNS)
    address = found.get("six") or found.get("four") or found.get("bare") or ""
    if not (_is_address(address) and 0 < port < 65536):  # noqa: PLR2004 - UDP
        said = f"--resolver {text}: no address of a DNS server"
        raise MacstateError(f"{said}; type one such as {RESOLVERS[0]}, or ADDRESS:PORT")
    return dns.nameserver.Do53Nameserver(address, port)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def address(door: Door, resolvers: tuple[dns.nameserver.Nameserver, ...]) -> str:
    """Return the one address to connect to for a door.

    Raises:
        BrokenError: the name leads nowhere, or to something other than the door.
        UnaskedError: no public resolver could be asked.
    """
    return _public(door, resolvers) if door.public else _in_tailnet(door)


def _in_tailnet(door: Door) -> str:
    turn_on = "turn MagicDNS on (`tailscale set --accept-dns` here)"
    try:
        found = socket.getaddrinfo(door.name, door.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is no DNS name"
        raise BrokenError(
            "name", f"this laptop cannot resolve {door.name} ({why}); {turn_on}, or correct `hostname`"
        ) from None
    addresses = [str(each[4][0]) for each in found]
    for each in addresses:
        if is_tailnet(each):
            return each
    said = f"{door.name} leads to {', '.join(dict.fromkeys(addresses))}, which is not in the tailnet"
    raise BrokenError("name", f"{said}: the internet's DNS has answered; {turn_on}")


def _public(door: Door, resolvers: tuple[dns.nameserver.Nameserver, ...]) -> str:
    failed = []
    for each in resolvers:
        asked = dns.resolver.Resolver(configure=False)
        asked.nameservers = [each]
        try:
            found = [str(row) for kind in ("A", "AAAA") for row in _rows(asked, door.name, kind)]
        except dns.resolver.NXDOMAIN:
            found = []
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            failed.append(f"{each}: {_short(error)}")
            continue
        if not found:
            raise BrokenError(
                "name",
                f"public DNS has no address of {door.name}: Funnel is off there, or on for less than 10 minutes; "
                f"{hint.command('status')} shows the routes",
            )
        for one in found:
            if is_public(one):
                return one
        failed.append(f"{each} answers {', '.join(found)}, no public address, as MagicDNS would")
    raise UnaskedError(f"no public resolver tells its address ({'; '.join(failed)}); name another one by --resolver")


def _rows(asked: dns.resolver.Resolver, name: str, kind: str) -> list[object]:
    try:
        return list(asked.resolve(f"{name}.", kind, lifetime=PATIENCE, search=False))
    except dns.resolver.NoAnswer:
        return []


def _short(error: Exception) -> str:
    return "no answer" if isinstance(error, dns.exception.Timeout) else type(error).__name__


def is_tailnet(text: str) -> bool:
    """Return whether an address belongs to a node of a tailnet."""
    found = ipaddress.ip_address(text.partition("%")[0])
    return any(found in each for each in TAILNET)


def is_public(text: str) -> bool:
    """Return whether an address is public: not private, not loopback, and not a node's."""
    found = ipaddress.ip_address(text.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_global and not found.is_multicast
