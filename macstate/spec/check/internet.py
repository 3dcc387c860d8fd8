"""Rules about who could reach what: the internet reaches no model without a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from macstate.endpoint.entry import Endpoint
from macstate.gateway.entry import Gateway
from macstate.language.document import Placed
from macstate.spec.model import Root

PUBLIC = (443, 8443, 10000)
"""The only ports of Funnel (its node capability says the same)."""
GATE = "gateway: {server: nginx, keys: {agents: generate}}"


def _macs(root: Root) -> Iterator[tuple[Gateway | None, Mapping[str, Endpoint]]]:
    for mac in root.macs.values():
        yield mac.gateway, mac.endpoints or {}


def funnel_without_a_key(root: Root) -> Placed:
    """Yield the Funnel routes without a key; Funnel itself authenticates nobody."""
    for gateway, endpoints in _macs(root):
        for name, endpoint in endpoints.items():
            if endpoint.funnel and gateway is None:
                why = "Funnel asks nobody for a key, and there is no gateway that would"
                yield ("endpoints", name, "funnel"), f"funnel: {why}; add `{GATE}`, or type `serve`"
            elif gateway and endpoint.funnel and gateway.require_key == "never":
                why = "`gateway.require_key: never` would open it to the whole internet"
                yield ("endpoints", name, "funnel"), f"funnel: {why}; type `funnel` there, or take this out"


def key_gate_without_keys(root: Root) -> Placed:
    """Yield the gateways that require a key and have none."""
    for gateway, endpoints in _macs(root):
        if (
            gateway
            and not gateway.keys
            and any(upstream.needs_key for door in gateway.doors(endpoints) for upstream in door.upstreams)
        ):
            yield ("gateway",), "keys: a key is asked for, and there is none; type `keys: {agents: generate}`"


def funnel_ports(root: Root) -> Placed:
    """Yield the routes that misuse Funnel's ports; it has three, and each is public as a whole."""
    for _, endpoints in _macs(root):
        tailnet = {each.serve.https: name for name, each in endpoints.items() if each.serve and not each.is_off}
        for name, endpoint in endpoints.items():
            if not endpoint.funnel:
                continue
            port, where = endpoint.funnel.https, ("endpoints", name, "funnel")
            free = next((each for each in PUBLIC if each not in tailnet), PUBLIC[1])
            if port not in PUBLIC:
                how = f"`{{https: {free}, path: {endpoint.funnel.path}}}`; it has 443, 8443 and 10000"
                yield where, f"funnel: Funnel has no port {port}; type {how}"
            elif port in tailnet and not endpoint.is_off:
                yield (
                    where,
                    f"funnel: port {port} also has the tailnet route of endpoints.{tailnet[port]}, and Funnel makes "
                    f"a whole port public; type another, such as `{{https: {free}, path: {endpoint.funnel.path}}}`",
                )


def own_host_without_a_gateway(root: Root) -> Placed:
    """Yield routes without a gateway to a server that wants a local Host: Serve keeps Host (Ollama: 403, measured)."""
    for gateway, endpoints in _macs(root):
        for name, endpoint in endpoints.items():
            if endpoint.serve and gateway is None and endpoint.made_by.host:
                yield (
                    ("endpoints", name, "serve"),
                    f"serve: {endpoint.made_by.title} would answer 403 to every request, because Serve keeps the Mac's "
                    "name as Host; add `gateway: {server: nginx}`, which puts in the one it wants",
                )


def gate_options_without_a_gate(root: Root) -> Placed:
    """Yield the options that only a gateway can carry out, if there is none."""
    for gateway, endpoints in _macs(root):
        for name, endpoint in endpoints.items():
            for option in ("require_key", "open"):
                if gateway is None and getattr(endpoint, option) is not None:
                    yield ("endpoints", name, option), f"{option}: only a gateway can do that; add `{GATE}`"


def closed_example(root: Root) -> Placed:
    """Yield the guide's examples that the gateway would refuse."""
    for gateway, endpoints in _macs(root):
        for name, endpoint in endpoints.items():
            if gateway and endpoint.example and not endpoint.lets_through(endpoint.example.partition("?")[0]):
                yield (
                    ("endpoints", name, "example"),
                    f"example: the gateway lets {endpoint.example} of engine {endpoint.engine} through only where it "
                    f"is open; add `open: [{endpoint.example.partition('?')[0]}]`",
                )


RULES = (
    funnel_without_a_key,
    key_gate_without_keys,
    funnel_ports,
    own_host_without_a_gateway,
    gate_options_without_a_gate,
    closed_example,
)
