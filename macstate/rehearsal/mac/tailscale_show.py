"""`tailscale status`, and the output of `tailscale serve` and `funnel`."""

from __future__ import annotations

import json

from . import tailnet
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def serve_status(mac: Mac, words: list[str]) -> int:
    """Play `serve status` and `funnel status`, which both show everything; any user may read."""
    config = tailnet.config(mac)
    if "--json" in words:
        out(tailnet.spelled(config, 2))
    elif not config:
        out("No serve config")
    else:
        for line in (*_funnels(mac), *_routes(mac)):
            out(line)
    return 0


def get_config(_mac: Mac, _words: list[str]) -> int:
    """Play `serve get-config`, which shows Services only and never the node's own routes (measured)."""
    out('{\n  "version": "0.0.1"\n}')
    return 0


def _url(name: str) -> str:
    return f"https://{name.removesuffix(':443')}"


def _funnels(mac: Mac) -> Iterator[str]:
    names = sorted(name for name, on in tailnet.config(mac).get("AllowFunnel", {}).items() if on)
    if names:
        yield "\n# Funnel on:"
        yield from (f"#     - {_url(name)}" for name in names)
        yield ""


def _routes(mac: Mac) -> Iterator[str]:
    config = tailnet.config(mac)
    for name, web in sorted(config.get("Web", {}).items()):
        yield f"{_url(name)} ({'Funnel on' if config.get('AllowFunnel', {}).get(name) else 'tailnet only'})"
        width = max(map(len, web["Handlers"]))
        for mount, handler in web["Handlers"].items():
            kind, value = next(iter(handler.items()))
            yield f"|-- {mount:<{width}} {kind.lower():<5} {value}"
        yield ""


def status(mac: Mac, words: list[str]) -> int:
    """Play `tailscale status`."""
    backend = _backend(mac)
    if "--json" in words:
        from . import tailscale_json  # noqa: PLC0415 - long, and seldom needed

        out(json.dumps(tailscale_json.status(mac, backend, peers="--peers=false" not in words), indent=2))
        return 0
    if backend != "Running":
        raise Failure(1, "Logged out." if backend == "NeedsLogin" else "Tailscale is stopped.", stdout=True)
    rows = [
        (tailnet.IPS[0], mac.state["dns_name"].partition(".")[0], "user-123@", "macOS", "-"),
        ("100.64.0.2", "macbook", "user-123@", "macOS", "active; direct 127.0.0.1:45960, tx 3188 rx 2036"),
    ]
    widths = [max(len(row[column]) for row in rows) + 2 for column in range(len(rows[0]))]
    for row in rows:
        out("".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)))
    for line in _funnels(mac):
        out(line)
    return 0


def _backend(mac: Mac) -> str:
    prefs = mac.state["tailscale"]["prefs"]
    if prefs["LoggedOut"]:
        return "NeedsLogin"
    return "Running" if prefs["WantRunning"] else "Stopped"
