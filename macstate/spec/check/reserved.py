"""Rules about names: those that are taken (variables, the guide's paths), and those that must exist."""

from __future__ import annotations

import re
from collections.abc import Callable

from macstate.endpoint.entry import Endpoint
from macstate.endpoint.reach import variable
from macstate.errors import near
from macstate.gateway.entry import Gateway
from macstate.gateway.pages import AGENTS, PAGE
from macstate.language.document import Placed
from macstate.spec.model import Root, view


def variables(root: Root) -> Placed:
    """Yield the endpoints that share a variable: ``a-b`` and ``a_b`` both get A_B_API_BASE."""
    for mac in root.macs:
        owners: dict[str, str] = {}
        for name in view(root, mac).all(Endpoint):
            first = owners.setdefault(variable(name), name)
            if first != name:
                why = f"its variable {variable(name)} is that of {first} too"
                yield ("endpoints", name), f"{name}: {why}; give one of them another name"


def references(root: Root) -> Placed:
    """Yield a client's Mac or key that the spec does not have."""
    if not root.clients:
        return
    client, path = root.clients.local, ("clients", "local")
    if client.mac and client.mac not in root.macs:
        there = ", ".join(root.macs)
        yield (*path, "mac"), f"mac: the spec has no {client.mac}; there are {there}{near(client.mac, root.macs)}"
        return
    gateway = view(root, client.mac or next(iter(root.macs))).one(Gateway)
    keys = gateway.keys if gateway else {}
    if client.key and client.key not in keys:
        there = f"there are {', '.join(keys)}" if keys else "there is none"
        yield (*path, "key"), f"key: the gateway has no key {client.key}; {there}{near(client.key, keys)}"


def pages(root: Root) -> Placed:
    """Yield the routes that take the guide's paths, if the Mac has a gateway."""
    for mac in root.macs:
        here = view(root, mac)
        for name, endpoint in here.all(Endpoint).items() if here.one(Gateway) else ():
            for field in ("serve", "funnel"):
                path = getattr(getattr(endpoint, field), "path", "").rstrip("/")
                if f"{path}/".startswith(PAGE) or path == AGENTS:
                    yield (
                        ("endpoints", name, field),
                        f"{field}: {path} is where the guide is; type another path, such as `/{name}-2`",
                    )


def plists(root: Root) -> Placed:
    """Yield the plists among the files; a job is more than its plist: it is loaded, enabled, and has an owner."""
    for path in root.files or {}:
        if place := re.search(r"/Library/Launch(Daemon|Agent)s/([^/]+)\.plist$", path):
            typed = f"{place[2]}: {{command: […]{', domain: gui' if place[1] == 'Agent' else ''}}}"
            yield ("files", path), f"{path}: a plist alone loads no job; declare it as `launchd: {{{typed}}}`"


RULES: tuple[Callable[[Root], Placed], ...] = (variables, pages, plists)
