"""The guide's part for whoever keeps the Mac: its health, who reaches what, when it sleeps, how to change it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from macstate.endpoint.reach import Reach
from macstate.gateway.pages import HTTPS
from macstate.guide.blocks import Block, Chapter, code, points, text
from macstate.guide.power import power
from macstate.guide.subject import Subject
from macstate.kinds.power import PowerEntry

EVERYTHING = '{"src": ["*"], "dst": ["*"], "ip": ["*"]}'
"""Tailscale's default grant."""
SCREEN, SSH = 5900, 22


def sections(guide: Subject) -> Iterator[Chapter]:
    """Yield the chapters in order; a chapter about something that this Mac lacks is left out."""
    if guide.reaches:
        yield Chapter("Health", tuple(_health(guide)))
    yield Chapter("Security", (points(_security(guide)),))
    yield Chapter("Power", tuple(power(guide.mac.one(PowerEntry))))
    yield Chapter("Remote access", tuple(_access(guide)))
    yield Chapter("Adding an endpoint", tuple(_adding(guide)))
    yield Chapter("Tailscale's admin console", tuple(_console(guide)))


def _target(each: Reach) -> str:
    return f"system/{each.label}" if each.domain == "system" else f"gui/$(id -u)/{each.label}"


def _health(guide: Subject) -> Iterator[Block]:
    yield text("Everything at once, from the laptop that has the YAML, in the folder with `inventory.py`:")
    yield code("sh", "laptop", ["macstate status"])
    yield text(
        "On the Mac itself. An endpoint is healthy when its state is `running`, `lsof` prints a line, and `curl` "
        "prints a number below 500 (`000` means no answer):"
    )
    for each in guide.reaches:
        sudo = "sudo " if each.domain == "system" else ""
        yield code(
            "sh",
            "mac",
            [
                # nested blocks, indented further, have their own state and pid
                f"launchctl print {_target(each)} | awk '/^\\t(state|pid) = /'",
                f"{sudo}lsof -nP -iTCP:{each.port} -sTCP:LISTEN",
                "curl --silent --show-error --output /dev/null --write-out '%{http_code}\\n' "
                + shlex.quote(f"http://127.0.0.1:{each.port}{each.health}"),
                f"tail -n 20 {shlex.quote(each.log.replace('{home}', guide.home))}",
            ],
        )
    if any(each.domain == "system" for each in guide.reaches):
        yield text("Without sudo, `launchctl list` and `lsof` do not show daemons, even while they run.")
    if any(each.domain == "gui" for each in guide.reaches):
        names = ", ".join(each.name for each in guide.reaches if each.domain == "gui")
        yield text(f"Only while {guide.user} is logged in at the Mac's screen: {names}.")
    yield from _routes(guide)


def _routes(guide: Subject) -> Iterator[Block]:
    ports = sorted({route.https for each in guide.endpoints.values() if (route := each.funnel)}) if guide.public else []
    urls = ", ".join(f"`https://{guide.host}{'' if port == HTTPS else f':{port}'}`" for port in ports)
    public = f"`(Funnel on)` is printed after {urls}, which the internet reaches; " if ports else ""
    yield text(f"The routes, on the Mac. {public}macstate's {'other ' if ports else ''}routes are `(tailnet only)`:")
    # a shell that ssh opens for one command does not have Homebrew in its PATH
    command = "tailscale funnel status" if ports else "tailscale serve status"
    yield code("sh", "mac", [f"PATH=/opt/homebrew/bin:/usr/local/bin:$PATH {command}"])
    if ports:
        yield text(
            "When Funnel is new, public DNS may need 10 minutes to learn the Mac's name. A device in the tailnet never "
            "goes through Funnel, even with the same URL: to try it, use a phone with Tailscale off."
        )


def _security(guide: Subject) -> Iterator[str]:
    yield "Every server listens on 127.0.0.1 alone; the local network reaches none of them."
    open_ones = [each.name for each in guide.reaches if each.tailnet and not each.tailnet_key]
    open_ones += ["this guide"] if guide.page else []
    keyed = [each.name for each in guide.reaches if each.tailnet and each.tailnet_key]
    if open_ones:
        yield f"From the tailnet without a key: {', '.join(open_ones)}; the policy decides which devices."
    if keyed:
        yield f"From the tailnet with a key: {', '.join(keyed)}."
    if guide.public:
        names = [*(each.name for each in guide.public), *(f"this guide (`{page}`)" for page in guide.public_pages)]
        yield f"From the internet, through Tailscale Funnel, always with a key: {', '.join(names)}. Nothing else."
    else:
        yield "From the internet: nothing."
    if guide.gateway:
        for each in guide.reaches:
            endpoint = guide.endpoints[each.name]
            if (each.tailnet or each.internet) and endpoint.routes is not None:
                paths = ", ".join(f"`{path}`" for path in (*endpoint.routes, *(endpoint.open or ())))
                yield f"Of {each.name}, the gateway passes on these paths and no others, even with a key: {paths}."
        yield "A page of another website gets nothing without a key, even in a browser on the tailnet."


def _access(guide: Subject) -> Iterator[Block]:
    yield code("sh", "laptop", [f"ssh {guide.user}@{guide.host}"])
    if guide.tailscale_ssh:
        yield text("Tailscale SSH knows your device, so no SSH key is needed.")
    if guide.mac.clients:
        yield text(f"On the laptop that macstate set up, `ssh {guide.name}` is enough.")
    if guide.shares_screen:
        yield text(
            "The Mac's screen, from another Mac. Its owner grants in System Settings who may see and control it:"
        )
        yield code("sh", "laptop", [f"open vnc://{guide.user}@{guide.host}"])


def _adding(guide: Subject) -> Iterator[Block]:
    taken = {each.port for each in guide.reaches} | {door.port for door in guide.doors}
    port = next(port for port in range(8100, 65535) if port not in taken)
    named = "" if "endpoints" not in guide.mac.chosen else f", and its name to `macs.{guide.name}.endpoints`"
    yield text(
        f"Add an entry to the YAML{named}, then run `pyinfra inventory.py deploy.py`. To remove the endpoint, take the "
        "entry out and run it again."
    )
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


def _console(guide: Subject) -> Iterator[Block]:
    yield points(
        [
            "DNS: turn on MagicDNS and HTTPS Certificates.",
            f"Machines: disable the key expiry of {guide.node}. Otherwise its key ends after 180 days, and nobody "
            "reaches this Mac until somebody logs it in again at its keyboard.",
            f"Access controls: put the rules below into the policy. The grants take the place of the default one, "
            f"`{EVERYTHING}`, which lets every device reach every port. Add what your other devices need.",
            "Users: invite whoever has an account of their own. They need one more grant: their login as `src`, the "
            "address that `tailscale ip -4` prints on the Mac as `dst`, and the ports below, except 22, as `ip`.",
        ]
    )
    # Funnel's ports too: within the tailnet, the Funnel's name leads to the Mac itself
    ports = {route.https for each in guide.endpoints.values() for route in (each.serve, each.funnel) if route}
    ports |= {SSH, *([SCREEN] if guide.shares_screen else [])}
    mine = {"src": ["autogroup:member"], "dst": ["autogroup:self"]}
    policy: dict[str, Any] = {"grants": [{**mine, "ip": [f"tcp:{port}" for port in sorted(ports)]}]}
    if guide.tailscale_ssh:
        policy["ssh"] = [{"action": "accept", **mine, "users": [guide.user]}]
    if guide.public:
        policy["nodeAttrs"] = [{"target": ["autogroup:member"], "attr": ["funnel"]}]
    rules = ",\n".join(f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in policy.items())
    yield code("json", "policy", ["{", rules, "}"])
