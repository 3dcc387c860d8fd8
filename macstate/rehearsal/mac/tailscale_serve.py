"""`tailscale serve` and `funnel`: the writing subcommands, as in cmd/tailscale/cli/serve_v2.go of 1.102.5."""

from __future__ import annotations

import os
import sys

from . import quick_json, tailnet
from .machine import Failure, Mac, err, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATHS_REFUSED = (
    "Path serving is not supported on macOS due to sandbox restrictions. To use Tailscale Serve on macOS, switch to "
    "the open-source tailscaled distribution. See https://tailscale.com/kb/1065/macos-variants for more information."
)
DENIED = "sending serve config: Access denied: serve config denied"
SCHEMES = ("https", "http", "tcp", "tls-terminated-tcp")
POLL = 0.2
"""Seconds between two checks of a foreground `serve` for its session and for the Mac's folder."""


def reset(mac: Mac, words: list[str]) -> int:
    """Remove the whole configuration."""
    tailnet.need_root(mac, words, DENIED)
    tailnet.store(mac, {})
    return 0


def set_raw(mac: Mac, words: list[str]) -> int:
    """Replace the whole configuration with JSON; the last word is what came on standard input."""
    wanted = tailnet.parse(words[-1])
    tailnet.need_root(mac, words[:-1], DENIED)
    tailnet.take(mac, wanted)
    return 0


def serve(mac: Mac, words: list[str]) -> int:
    """Serve one target, or stop serving it."""
    asked, removed = _arguments(words), ""
    config = quick_json.loads(quick_json.dumps(tailnet.config(mac)))  # a copy: a refused command changes nothing
    part = {} if asked.foreground else config
    try:
        if asked.target == "off":
            _off(config, mac.state["dns_name"], asked)
        else:
            removed = _on(mac, part, words[0], asked)
    except Failure as failure:
        raise Failure(1, f"error: {failure.text}\n\ntry `tailscale {words[0]} --help` for usage info") from None
    tailnet.need_root(mac, words, DENIED)
    if asked.foreground:
        config.setdefault("Foreground", {})[f"{os.getpid():016x}"] = part
    tailnet.take(mac, config)
    if asked.target != "off":
        _report(mac, words[0], asked, part)
    if removed:
        err(removed)
    return _hold(mac) if asked.foreground else 0


class Asked:
    """The arguments that were typed."""

    def __init__(self) -> None:
        self.scheme, self.port, self.path, self.target, self.background = "https", 443, "", "", False

    @property
    def foreground(self) -> bool:
        """Whether the route ends with its command."""
        return not self.background and self.target != "off"

    @property
    def mount(self) -> str:
        """The path, from the root."""
        return "/" + self.path.lstrip("/")


def _arguments(words: list[str]) -> Asked:
    asked, targets, given = Asked(), [], 0
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            targets.append(word)
        elif name in SCHEMES and (name, words[0]) != ("http", "funnel"):
            port = value if equals else next(rest, "")
            asked.scheme, asked.port, given = name, _port(words[0], port, name), given + 1
        elif name == "set-path":
            asked.path = value if equals else next(rest, "")
        elif name == "bg":
            asked.background = value != "false"
        elif name != "yes":
            _usage(words[0], f"flag provided but not defined: -{name}")
    if not targets:
        _usage(words[0])
    if len(targets) > 1 and targets[-1] != "off":
        raise Failure(1, f"Error: invalid argument format\ntry `tailscale {words[0]} --help` for usage info")
    if given > 1:
        text = "error: cannot serve multiple types for a single mount point"
        raise Failure(1, f"{text}\n\ntry `tailscale {words[0]} --help` for usage info")
    asked.target = targets[-1]
    return asked


def _port(command: str, text: str, flag: str) -> int:
    if not text.isdigit():
        _usage(command, f'invalid value "{text}" for flag -{flag}: parse error')
    return int(text)


def _usage(command: str, text: str = "") -> None:
    from .tailscale_usage import FUNNEL, SERVE  # noqa: PLC0415 - seldom needed

    usage = FUNNEL if command == "funnel" else SERVE
    raise Failure(2 if text else 0, f"{text}\n{usage}" if text else usage)


def _on(mac: Mac, part: dict[str, Any], command: str, asked: Asked) -> str:
    """Add a target; return what to print about Funnel."""
    name, port = mac.state["dns_name"], str(asked.port)
    site, here = f"{name}:{port}", part.get("TCP", {}).get(port, {})
    if asked.scheme in {"https", "http"}:
        handler = _handler(mac, asked)
        if here.get("TCPForward"):
            raise Failure(1, "failed apply web serve: cannot serve web; already serving TCP")
        part.setdefault("TCP", {})[port] = {asked.scheme.upper(): True}
        handlers = part.setdefault("Web", {}).setdefault(site, {"Handlers": {}})["Handlers"]
        for twin in [each for each in handlers if each.removesuffix("/") == asked.mount.removesuffix("/")]:
            del handlers[twin]  # /x and /x/ are one mount: the later spelling stays
        handlers[asked.mount] = handler
    else:
        if asked.path:
            raise Failure(1, "cannot mount a path for TCP serve")
        forward = {"TCPForward": _forward(asked.target)}
        if here.get("HTTPS") or here.get("HTTP"):
            raise Failure(1, f"failed to apply TCP serve: cannot serve TCP; already serving web on {port} for {name}")
        if asked.scheme != "tcp":
            forward["TerminateTLS"] = name
        part.setdefault("TCP", {})[port] = forward
    had_funnel = part.get("AllowFunnel", {}).pop(site, None) is not None
    if command == "funnel":
        part.setdefault("AllowFunnel", {})[site] = True
    return f"Removing Funnel for {name}:{site}" if had_funnel and command == "serve" else ""  # as recorded


def _handler(mac: Mac, asked: Asked) -> dict[str, str]:
    target = asked.target
    if target.startswith("/"):
        if mac.state["tailscale"]["variant"] != "oss":
            raise Failure(1, f"failed apply web serve: {PATHS_REFUSED}")
        place = mac.place(target)
        if not os.path.exists(place):
            raise Failure(1, "failed apply web serve: invalid path")
        if os.path.isdir(place) and not asked.path.endswith("/"):
            asked.path = f"{asked.mount}/" if asked.mount != "/" else "/"
        return {"Path": mac.outside(target)}
    if target.startswith("text:"):
        return {"Text": target.removeprefix("text:")}
    try:
        return {"Proxy": _expanded(target, "http https https+insecure unix", "http")}
    except ValueError as error:
        raise Failure(1, f"failed apply web serve: {error}") from None


def _forward(target: str) -> str:
    try:
        expanded = _expanded(target, "tcp unix", "tcp")
    except ValueError as error:
        raise Failure(1, f"failed to apply TCP serve: unable to expand target: {error}") from None
    if expanded.startswith("unix:"):
        return expanded
    place = expanded.partition("://")[2].partition("/")[0]
    if ":" not in place:
        raise Failure(1, f'failed to apply TCP serve: TCP target "{target}" must include a port')
    return place


def _expanded(target: str, schemes: str, usual: str) -> str:
    """Return a target as a URL; raise ValueError in the words of ipn.ExpandProxyTargetValue."""
    if target.isdigit() and int(target) < 65536:  # noqa: PLR2004 - a port
        return f"{usual}://127.0.0.1:{target}"
    if target.startswith("unix:"):
        return target
    url = target if "://" in target else f"{usual}://{target}"
    scheme, _, rest = url.partition("://")
    host, colon, port = rest.partition("/")[0].partition(":")
    if not port.isdigit() and colon:
        raise ValueError(f'invalid URL parse "{url}": invalid port ":{port}" after host')
    if scheme not in schemes.split():
        raise ValueError(f"must be a URL starting with one of the supported schemes: [{schemes}]")
    if host in {"localhost", "127.0.0.1"} and not port:
        raise ValueError(f'port required for localhost target "{url}"')
    if host not in {"localhost", "127.0.0.1"} and "://" not in target:
        raise ValueError(f'non-localhost target "{url}" must include a scheme')
    return url


def _off(config: dict[str, Any], name: str, asked: Asked) -> None:
    port = str(asked.port)
    site, here = f"{name}:{port}", config.get("TCP", {}).get(port)
    if asked.scheme not in {"https", "http"}:
        if here is None:
            raise Failure(1, "failed to remove TCP serve: serve config does not exist")
        if here.get("HTTPS") or here.get("HTTP"):
            why = f"unable to remove; serving web, not TCP forwarding on serve port {port}"
            raise Failure(1, f"failed to remove TCP serve: {why}")
        del config["TCP"][port]
        return
    if here and here.get("TCPForward"):
        raise Failure(1, "failed to remove web serve: cannot remove web handler; currently serving TCP")
    handlers = config.get("Web", {}).get(site, {}).get("Handlers", {})
    # without --set-path all handlers of the port are removed; with it, the mount of exactly that spelling
    gone = [path for path in handlers if asked.path in {"", path} or asked.mount == path]
    if not gone:
        raise Failure(1, "failed to remove web serve: handler does not exist")
    for path in gone:
        del handlers[path]
    if not handlers:
        del config["Web"][site]
        config.get("TCP", {}).pop(port, None)
        config.get("AllowFunnel", {}).pop(site, None)


def _report(mac: Mac, command: str, asked: Asked, part: dict[str, Any]) -> None:
    name, port = mac.state["dns_name"], asked.port
    site = f"{name}:{port}"
    public = part.get("AllowFunnel", {}).get(site)
    out("Available on the internet:\n" if public else "Available within your tailnet:\n")
    web, forward = part.get("Web", {}).get(site), part["TCP"][str(port)]
    if web:
        scheme = "http" if forward.get("HTTP") else "https"
        shown = "" if (scheme, port) in {("https", 443), ("http", 80)} else f":{port}"
        for mount, handler in sorted(web["Handlers"].items(), key=lambda item: len(item[0])):
            kind, value = next(iter(handler.items()))
            text = f'"{value}"' if kind == "Text" else value
            out(f"{scheme}://{name}{shown}{mount}\n|-- {kind.lower():<5} {text}\n")
    else:
        out(f"|-- tcp://{site}{' (TLS terminated)' if forward.get('TerminateTLS') else ''}")
        for address in tailnet.IPS:
            out(f"|-- tcp://{f'[{address}]' if ':' in address else address}:{port}")
        out(
            f"|--> {forward['TCPForward']}\n"
            if ":/" in forward["TCPForward"]
            else f"|--> tcp://{forward['TCPForward']}\n"
        )
    if asked.foreground:
        out("Press Ctrl+C to exit.")
    else:
        out(f"{command.capitalize()} started and running in the background.")
        out(f"To disable the proxy, run: tailscale {command} --{asked.scheme}={port} off")


def _hold(mac: Mac) -> int:
    """Stay as long as the session; killing the process ends the session too, as tailscaled watches its connection."""
    import time  # noqa: PLC0415 - seldom needed

    sys.stdout.flush()
    mac.save()
    while os.path.isdir(mac.root):
        if f"{os.getpid():016x}" not in tailnet.config(mac).get("Foreground", {}):
            break
        mac.save()
        time.sleep(POLL)
    return 0
