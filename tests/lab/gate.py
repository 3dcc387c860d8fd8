"""The gateway alone: the real server with the product's own configuration, before servers that count who comes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from lab import build
from lab.tailnet import free_port, listens, wait_for

from macstate import spec
from macstate.facts import Facts, Node
from macstate.resources.file import File
from macstate.resources.secret import Secret as KeyFile
from macstate.secrets import Secret

NAME = "studio.tail1.ts.net"
FUNNEL = "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"
KEYS = {"agents": "aGoodKeyOfTheAgents-0123456789", "phone": "another.Key_of~the+phone/123="}
RELATIVE = b"../../../../usr/local/share/macstate/guide"
"""The guide's folder, seen from where the gateway runs on a Mac."""
PIECES = 300
"""What a stream brings, ten a second."""


class Backend(ThreadingHTTPServer):
    """A model server that notes every request that reaches it."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.port = int(self.server_address[1])
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement
    server: Backend

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        if self.path.endswith("/stream"):
            self.stream()
            return
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(PIECES):
            piece = f"data: {number}\n\n"
            self.wfile.write(f"{len(piece):x}\r\n{piece}\r\n".encode())
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        pass


class Gate:
    """A running gateway."""

    def __init__(self, server: str, folder: Path, backends: dict[str, Backend], **options: Any) -> None:
        self.server, self.folder = server, folder
        self.tailnet, self.ui, self.funnel = free_port(), free_port(), free_port()
        self.guide = TemporaryDirectory()  # where nginx, started by root, reads it as nobody
        Path(self.guide.name).chmod(0o755)
        self.spec = {
            "macs": {"studio": {"hostname": NAME, "user": "me"}},
            "gateway": {
                "server": server,
                "ports": {"tailnet": {443: self.tailnet, 7860: self.ui}, "funnel": self.funnel},
                "keys": {name: f"env:{name}" for name in KEYS},
                **options,
            },
            "endpoints": {
                "ollama": self._endpoint("ollama", backends, serve="/", funnel={"https": 8443}),
                "open": self._endpoint("openai", backends, serve="/open", funnel={"https": 8443, "path": "/open"}),
                "inner": self._endpoint("openai", backends, serve="/inner"),
                "dead": {"engine": "rest", "command": ["/bin/x"], "port": free_port(), "serve": "/dead"},
                "asking": self._endpoint("rest", backends, serve={"https": 7860}, require_key=True),
            },
        }

    def _endpoint(self, engine: str, backends: dict[str, Backend], **more: Any) -> dict[str, Any]:
        backend = backends.setdefault(f"{engine}{len(backends)}", Backend())
        return {"engine": engine, "command": ["/bin/x"], "port": backend.port, **more}

    def write(self) -> None:
        """Write the configuration as the product would."""
        program = f"/opt/homebrew/bin/{self.server}"
        node = Node(name=NAME, capabilities=frozenset({"https", "funnel", FUNNEL}))
        facts = Facts(user="me", home="/Users/me", node=node, programs={program: "v2.11.7"})
        wishes = spec.parse(yaml.safe_dump(self.spec), "x").for_host("studio")
        found = wishes.expand(facts, lambda reference, _: Secret(KEYS[reference.removeprefix("env:")]))
        (self.folder / "etc").mkdir(exist_ok=True)
        for each in found.values():
            if isinstance(each, File | KeyFile):
                (write,) = each.converge(None)
                content = write.content.replace(RELATIVE, self.guide.name.encode())  # type: ignore[union-attr]
                (self.folder / "etc" / Path(each.key).name).write_bytes(content)
        for step in found["guide/pages"].converge(None):
            (Path(self.guide.name) / Path(step.path).name).write_bytes(step.content)  # type: ignore[union-attr]

    def words(self) -> list[str]:
        """Give the command that the product has launchd run."""
        if self.server == "nginx":
            prefix, config = f"{self.folder}/Caches/", f"{self.folder}/etc/nginx.conf"
            return [str(build.nginx()), "-e", "stderr", "-p", prefix, "-c", config]
        return [str(build.caddy()), "run", "--adapter", "caddyfile", "--config", f"{self.folder}/etc/Caddyfile"]

    @contextmanager
    def running(self) -> Iterator[Gate]:
        """Run it."""
        for place in ("Caches", "Logs"):
            (self.folder / place).mkdir(exist_ok=True)
        self.write()
        with (self.folder / "said.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *self.words()],
                cwd=self.folder / "Caches",
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self.folder)},
            )
        try:
            wait_for(lambda: listens(self.funnel), f"{self.server}: {(self.folder / 'said.log').read_text()[-500:]}")
            yield self
        finally:
            self.process.terminate()
            self.process.wait()
            self.guide.cleanup()

    def reload(self) -> None:
        """Have it read its configuration again, as the product does."""
        self.process.send_signal(signal.SIGHUP if self.server == "nginx" else signal.SIGUSR1)

    def log(self) -> str:
        """Read the access log."""
        return (self.folder / "Logs/macstate.gateway.access.log").read_text()


def ask(port: int, request: bytes, seconds: float = 10) -> bytes:
    """Send bytes, and give what comes back until it is over."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.settimeout(seconds)
        connection.sendall(request)
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                answer += piece
    return answer


def get(port: int, path: str, host: str = f"{NAME}:8443", method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Ask for a path; give status and body."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    answer = ask(port, ("\r\n".join(lines) + "\r\n\r\n").encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


def bearer(name: str) -> str:
    """Give the header of a key."""
    return f"Bearer {KEYS[name]}"
