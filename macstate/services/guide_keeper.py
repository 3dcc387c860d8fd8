"""The guide's part for whoever keeps the Mac: is it well, who reaches what, when does it sleep, how to change it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from macstate.blocks import Block, Section, code, points, table, text

if TYPE_CHECKING:
    from macstate.services.guide import Guide

SETTINGS = {
    "sleep": "Prevent automatic sleeping when the display is off",
    "displaysleep": "Turn display off when inactive",
    "womp": "Wake for network access",
    "autorestart": "Start up automatically after a power failure",
    "powernap": "Power Nap",
    "lowpowermode": "Low Power Mode",
}
"""pmset's words, and what System Settings calls them."""


def sections(guide: Guide) -> Iterator[Section]:
    """Give the sections in their order; what is not there is not told."""
    if guide.reaches:
        yield Section("Is it well", tuple(_health(guide)))
    yield Section("Who reaches what", (points(_security(guide)),))
    if guide.mac.sections.get("power"):
        yield Section("Power", tuple(_power(guide.mac.sections["power"])))
    yield Section("Remote access", tuple(_access(guide)))
    yield Section("Adding an endpoint", tuple(_adding(guide)))
    yield Section("Once, in Tailscale's admin console", tuple(_console(guide)))


def _target(each: Any) -> str:
    return f"system/{each.label}" if each.domain == "system" else f"gui/$(id -u)/{each.label}"


def _health(guide: Guide) -> Iterator[Block]:
    yield text("All of it, from the laptop that has the YAML:")
    yield code("sh", "laptop", ["macstate status inventory.py"])
    yield text("On the Mac itself:")
    for each in guide.reaches:
        sudo = "sudo " if each.domain == "system" else ""
        yield code(
            "sh",
            "mac",
            [
                f"{sudo}launchctl print {_target(each)} | grep -E 'state = |pid = '",
                f"{sudo}lsof -nP -iTCP:{each.port} -sTCP:LISTEN",
                f"curl --silent --show-error --output /dev/null http://127.0.0.1:{each.port}{each.health}",
                f"tail -n 20 {each.log.replace('{home}', guide.home)}",
            ],
        )
    yield code("sh", "mac", ["tailscale serve status", "pmset -g custom"])
    if any(each.domain == "system" for each in guide.reaches):
        yield text("Without sudo neither `launchctl` nor `lsof` tells of a daemon: empty is no sign that it is down.")


def _security(guide: Guide) -> Iterator[str]:
    yield "Every server listens on 127.0.0.1 alone; the local network reaches none of them."
    open_ones = [each.name for each in guide.reaches if each.tailnet and not each.tailnet_key]
    keyed = [each.name for each in guide.reaches if each.tailnet and each.tailnet_key]
    if open_ones:
        yield f"From the tailnet without a key: {', '.join(open_ones)}; the policy's grants say which devices."
    if keyed:
        yield f"From the tailnet with a key: {', '.join(keyed)}."
    if guide.public:
        names = ", ".join(each.name for each in guide.public)
        yield f"From the internet, by Tailscale Funnel, with a key and never without: {names}. All else is not there."
    else:
        yield "From the internet: nothing."
    if guide.gateway:
        yield "What manages a server, such as Ollama's `/api/pull` and `/api/delete`, is closed through the gateway."
        yield "A page of another web site gets nothing without a key, in whosever browser it is."


def _power(power: Any) -> Iterator[Block]:
    rows = [
        (name, f"`{field}` on {source}", _value(value))
        for source in ("ac", "battery", "ups")
        if (profile := getattr(power, source))
        for field, name in SETTINGS.items()
        if (value := getattr(profile, field)) is not None
    ]
    if rows:
        yield table(("System Settings", "pmset", "Set to"), rows)
    if power.disablesleep:
        yield text(
            "`disablesleep` is on: it is of the whole system, whatever the power source, and forbids the emergency "
            "sleep on overheating too."
        )
    yield text("A request does not wake a Mac that sleeps: what comes over Tailscale is no magic packet.")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value} minutes" if value else "never"


def _access(guide: Guide) -> Iterator[Block]:
    yield code("sh", "laptop", [f"ssh {guide.user}@{guide.host}"])
    ssh = "with Tailscale SSH, which knows the device and wants no key" if guide.mac.entry.ssh == "tailscale" else ""
    yield text(f"The laptop that macstate set up has `ssh {guide.name}` for it{f', {ssh}' if ssh else ''}.")
    sharing = guide.mac.sections.get("screen_sharing")
    if sharing and sharing.enabled:
        yield text("Its screen, from another Mac; what you may do there, its owner grants:")
        yield code("sh", "laptop", [f"open vnc://{guide.user}@{guide.host}"])


def _adding(guide: Guide) -> Iterator[Block]:
    taken = {each.port for each in guide.reaches} | set(guide.gateway.loopback_ports if guide.gateway else ())
    port = next(port for port in range(8100, 65535) if port not in taken)
    yield text("One more entry in the YAML, and `pyinfra inventory.py deploy.py`; take it out, and it goes again.")
    yield code(
        "yaml",
        "spec",
        [
            "endpoints:",
            "  one-more:",
            "    engine: openai",
            '    command: [/opt/homebrew/bin/mlx_lm.server, --host, 127.0.0.1, --port, "{port}"]',
            f"    port: {port}",
            "    serve: /one-more",
        ],
    )


def _console(guide: Guide) -> Iterator[Block]:
    yield points(["DNS: MagicDNS and HTTPS Certificates are on.", "Access controls: the policy holds what follows."])
    ports = sorted({route.https for each in guide.endpoints.values() for route in (each.serve,) if route}) or [443]
    mine = {"src": ["autogroup:member"], "dst": ["autogroup:self"]}
    policy: dict[str, Any] = {
        "ssh": [{"action": "accept", **mine, "users": [guide.user]}],
        "grants": [{**mine, "ip": [f"tcp:{port}" for port in (22, *ports)]}],
    }
    if guide.public:
        policy["nodeAttrs"] = [{"target": ["autogroup:member"], "attr": ["funnel"]}]
    rules = ",\n".join(f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in policy.items())
    yield code("json", "policy", ["{", rules, "}"])
