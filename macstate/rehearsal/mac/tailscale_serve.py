"""`tailscale serve` and `funnel`: the writing subcommands."""

from __future__ import annotations

from . import tailnet
from .machine import Failure, Mac, err, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATHS_REFUSED = (
    "Path serving is not supported on macOS due to sandbox restrictions. To use Tailscale Serve on macOS, switch to "
    "the open-source tailscaled distribution. See https://tailscale.com/kb/1065/macos-variants for more information."
)
DENIED = "sending serve config: Access denied: serve config denied"


def reset(mac: Mac, words: list[str]) -> int:
    """Take everything off."""
    tailnet.need_root(mac, words, DENIED)
    tailnet.store(mac, {})
    return 0


def set_raw(mac: Mac, words: list[str]) -> int:
    """Take the whole configuration as JSON; what came on standard input is the last word."""
    wished = tailnet.parse(words[-1])
    tailnet.need_root(mac, words[:-1], DENIED)
    tailnet.store(mac, wished)
    return 0


def serve(mac: Mac, words: list[str]) -> int:
    """Serve one target, or stop."""
    port, mount, target = _arguments(words)
    config = tailnet.config(mac)
    name = f"{mac.state['dns_name']}:{port}"
    if target == "off":
        return _off(mac, words, name, mount)
    handler = _handler(mac, target)
    if words[0] == "funnel" and str(port) not in mac.state["tailscale"]["funnel_ports"].split(","):
        raise Failure(1, f"error: Funnel not available; port {port} is not allowed for funnel")  # no recording
    tailnet.need_root(mac, words, DENIED)
    config.setdefault("TCP", {})[str(port)] = {"HTTPS": True}
    handlers = config.setdefault("Web", {}).setdefault(name, {"Handlers": {}})["Handlers"]
    mount = mount or "/"
    for twin in (mount.rstrip("/"), mount.rstrip("/") + "/"):  # /x and /x/ are one mount: the later spelling stays
        handlers.pop(twin, None)
    handlers[mount] = handler
    had_funnel = config.get("AllowFunnel", {}).pop(name, False)
    if words[0] == "funnel":
        config.setdefault("AllowFunnel", {})[name] = True
    tailnet.store(mac, config)
    _report(mac, words[0], port, name)
    if had_funnel and words[0] == "serve":
        err(f"Removing Funnel for {mac.state['dns_name']}:{name}")  # the name twice, as recorded
    return 0


def _arguments(words: list[str]) -> tuple[int, str, str]:
    port, mount, targets = 443, "", []
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            targets.append(word)
        elif name == "https":
            port = _port(value if equals else next(rest, ""))
        elif name == "set-path":
            value = value if equals else next(rest, "")
            mount = "/" + value.lstrip("/")
        elif name not in {"bg", "yes"}:
            _refuse(f"flag provided but not defined: -{name}")
    if not targets:
        _refuse("error: invalid number of arguments (0)")
    return port, mount, targets[0]


def _port(text: str) -> int:
    if not text.isdigit():
        _refuse(f'invalid value "{text}" for flag -https: parse error')
    return int(text)


def _refuse(text: str) -> None:
    from .tailscale_usage import SERVE  # noqa: PLC0415 - seldom needed

    raise Failure(2, f"{text}\n{SERVE}")


def _handler(mac: Mac, target: str) -> dict[str, str]:
    if target.startswith("/"):
        if mac.state["tailscale"]["variant"] != "oss":
            raise Failure(1, PATHS_REFUSED)
        return {"Path": mac.outside(target)}
    if target.startswith("text:"):
        return {"Text": target.removeprefix("text:")}
    if target.isdigit():
        return {"Proxy": f"http://127.0.0.1:{target}"}
    return {"Proxy": target if "://" in target or target.startswith("unix:") else f"http://{target}"}


def _off(mac: Mac, words: list[str], name: str, mount: str) -> int:
    config = tailnet.config(mac)
    handlers = config.get("Web", {}).get(name, {}).get("Handlers", {})
    # without --set-path every handler of the port goes
    gone = [path for path in handlers if not mount or path.rstrip("/") == mount.rstrip("/")]
    if not gone:
        raise Failure(1, "error: handler does not exist")
    tailnet.need_root(mac, words, DENIED)
    for path in gone:
        del handlers[path]
    if not handlers:
        del config["Web"][name], config["TCP"][name.rpartition(":")[2]]
        config.get("AllowFunnel", {}).pop(name, None)
    tailnet.store(mac, config)
    return 0


def _report(mac: Mac, word: str, port: int, name: str) -> None:
    handlers: dict[str, Any] = tailnet.config(mac)["Web"][name]["Handlers"]
    out("Available on the internet:\n" if word == "funnel" else "Available within your tailnet:\n")
    base = f"https://{mac.state['dns_name']}{'' if port == 443 else f':{port}'}"  # noqa: PLR2004 - https
    for mount, handler in handlers.items():
        kind, value = next(iter(handler.items()))
        out(f"{base}{mount}\n|-- {kind.lower()} {value}\n")
    out(f"{word.capitalize()} started and running in the background.")
    out(f"To disable the proxy, run: tailscale {word} --https={port} off")
