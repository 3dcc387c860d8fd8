"""Who listens where, derived from the commands of jobs, since no program really runs."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .machine import Mac

SOCKETS = {"com.apple.screensharing": 5900, "com.openssh.sshd": 22}
"""Apple's socket-activated jobs, for which launchd itself listens."""
NGINX = "/opt/homebrew/etc/nginx/nginx.conf"
"""The file that Homebrew's nginx reads if no other is named."""


def of(mac: Mac, job: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield (host, port) for each address that a job's program would listen on."""
    words = [str(word) for word in job["plist"].get("ProgramArguments", [])]
    environment = job["plist"].get("EnvironmentVariables", {})
    command = " ".join(words)
    port = re.search(r"--port[ =](\d+)", command)
    host = re.search(r"--(?:host|listen)[ =](\S+)", command)
    if port:
        yield (host[1] if host else "127.0.0.1"), int(port[1])
    elif "OLLAMA_HOST" in environment or command.endswith("ollama serve"):
        where = str(environment.get("OLLAMA_HOST", "127.0.0.1")).rpartition("://")[2]
        name, _, number = where.partition(":")
        yield name or "127.0.0.1", int(number or 11434)
    elif job["label"] in mac.state.get("ports", {}):
        yield "127.0.0.1", mac.state["ports"][job["label"]]
    named = re.findall(r"(?:-c|--config)[ =](\S+)", command)
    at_home = [NGINX] if words and words[0].endswith("/nginx") else []
    for path in named or at_home:
        yield from _configured(mac, path)


def _configured(mac: Mac, path: str) -> Iterator[tuple[str, int]]:
    # nginx: `listen 127.0.0.1:8080;`, Caddy: `http://127.0.0.1:8080 {`, `:8080 {` and `bind 127.0.0.1`
    file = mac.file(path)
    text = file.read_text() if file.is_file() else ""
    listen = r"^\s*listen\s+(?:([\w.*]+):)?(\d+)|^\s*(?:https?://)?([\w.]*):(\d+)\b[^\n]*\{"
    for nginx_host, nginx_port, caddy_host, caddy_port in sorted(set(re.findall(listen, text, re.MULTILINE))):
        bound = re.search(r"^\s*bind\s+(\S+)", text, re.MULTILINE)
        yield nginx_host or caddy_host or (bound[1] if bound else "*"), int(nginx_port or caddy_port)


def listeners(mac: Mac) -> Iterator[tuple[int, str, str, str, int]]:
    """Yield (pid, command, user, host, port) for everything that listens."""
    for job in mac.state["launchd"]["jobs"].values():
        if job["pid"] is not None:
            default = "root" if job["domain"] == "system" else mac.state["user"]
            user = str(job["plist"].get("UserName", default))
            words = job["plist"].get("ProgramArguments", [])
            # the shell that keeps the Mac awake becomes its fifth word, the program
            place = 4 if words[1:2] == ["-c"] and "caffeinate" in words[2] else 0
            program = str(job["plist"].get("Program") or words[place])
            for host, port in of(mac, job):
                yield job["pid"], program.rpartition("/")[2], user, host, port
        elif job["label"] in SOCKETS:
            yield 1, "launchd", "root", "*", SOCKETS[job["label"]]
    for pid, command, host, port in mac.state["listeners"]:
        yield pid, command.rpartition("/")[2], mac.state["user"], host, port


def taken(mac: Mac, job: dict[str, Any]) -> bool:
    """Return whether something else holds a port that this job needs."""
    wanted = {port for _, port in of(mac, job)}
    return any(port in wanted for _, _, _, _, port in listeners(mac))
