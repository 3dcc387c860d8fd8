"""Scenes for a rehearsal: what others did to this Mac before macstate came."""

from __future__ import annotations

import plistlib
import sys

from . import launchctl_load, launchd, launchers, owners, tailnet
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OLLAMA = "/usr/local/bin/ollama"
SCREEN_SHARING = "/System/Library/LaunchDaemons/com.apple.screensharing.plist"
WATCHDOG = (
    "curl -fs http://127.0.0.1:11434/v1/models >/dev/null || launchctl kickstart -k gui/$(id -u)/com.ollama.server"
)
SESSIONS = ["Aqua", "Background", "LoginWindow", "StandardIO", "System"]
"""The sessions in which Homebrew's services may load."""
NGINX = """\
worker_processes  1;
events {
    worker_connections  1024;
}
http {
    server {
        listen       8080;
        server_name  localhost;
        location / {
            root   html;
            index  index.html index.htm;
        }
    }
}
"""


def old_guide(mac: Mac, _words: list[str]) -> None:
    """Set the Mac up as the hand-written guide does: agents, a public route, a firewall rule, and no sleep at all."""
    mac.state["console"] = mac.state["user"]
    _install(mac, OLLAMA)
    server = {
        "Label": "com.ollama.server",
        "ProgramArguments": [OLLAMA, "serve"],
        "EnvironmentVariables": {"OLLAMA_HOST": "127.0.0.1:11434"},
        "RunAtLoad": True,
        "KeepAlive": True,
    }
    log = f"/Users/{mac.state['user']}/Library/Logs/ollama.log"
    _agent(mac, {**server, "StandardOutPath": log, "StandardErrorPath": log})
    watchdog = {"Label": "com.ollama.watchdog", "ProgramArguments": ["/bin/sh", "-c", WATCHDOG], "StartInterval": 300}
    _agent(mac, watchdog)
    name = f"{mac.state['dns_name']}:443"
    handlers = {"/": {"Proxy": "http://127.0.0.1:11434"}}
    document = {"TCP": {"443": {"HTTPS": True}}, "Web": {name: {"Handlers": handlers}}, "AllowFunnel": {name: True}}
    tailnet.store(mac, document)
    mac.state["firewall"]["apps"][mac.real(OLLAMA)] = "Allow"
    mac.state["power"]["system"]["SleepDisabled"] = 1
    launchd.overrides(mac, "system")["com.apple.screensharing"] = "enabled"
    sharing = launchctl_load.read(mac, SCREEN_SHARING)
    if sharing and "system/com.apple.screensharing" not in launchd.settle(mac):
        launchd.load(mac, "system", SCREEN_SHARING, sharing)


def brew_service(mac: Mac, words: list[str]) -> None:
    """Let Homebrew run a formula's service: `sh.brew.FORMULA` since 2026, `homebrew.mxcl.FORMULA` before."""
    formula, prefix = [*words, "sh.brew"][:2]
    if formula not in {"ollama", "nginx"}:
        raise Failure(64, "rehearse: brew-service ollama | nginx [PREFIX]")
    mac.state["console"] = mac.state["user"]
    program = f"/opt/homebrew/opt/{formula}/bin/{formula}"
    _install(mac, program)
    mac.file("/opt/homebrew/var/log").mkdir(parents=True, exist_ok=True)
    plist: dict[str, Any] = {"KeepAlive": True, "Label": f"{prefix}.{formula}", "LimitLoadToSessionType": SESSIONS}
    log = f"/opt/homebrew/var/log/{formula}.log"
    if formula == "ollama":
        plist["EnvironmentVariables"] = {"OLLAMA_FLASH_ATTENTION": "1", "OLLAMA_KV_CACHE_TYPE": "q8_0"}
        plist |= {"StandardErrorPath": log, "StandardOutPath": log}
        plist["ProgramArguments"] = [program, "serve"]
    else:
        config = mac.file("/opt/homebrew/etc/nginx/nginx.conf")
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(NGINX)
        plist["ProgramArguments"] = [program, "-g", "daemon off;"]
    _agent(mac, {**plist, "RunAtLoad": True})


def _install(mac: Mac, path: str) -> None:
    file = mac.file(path)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(launchers.program(sys.executable, path))
        file.chmod(0o755)


def _agent(mac: Mac, plist: dict[str, Any]) -> None:
    path = f"/Users/{mac.state['user']}/Library/LaunchAgents/{plist['Label']}.plist"
    domain = f"gui/{mac.state['uid']}"
    target = f"{domain}/{plist['Label']}"
    file = mac.file(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(plistlib.dumps(plist))
    owners.give(mac, str(file), mac.state["uid"], 20)
    if target not in launchd.settle(mac):
        launchd.load(mac, domain, path, plist)
    if plist.get("KeepAlive"):  # it was loaded at the screen, not over SSH, so it runs
        launchd.spawn(mac, launchd.settle(mac)[target])


KNOBS = {"brew-service": brew_service}
