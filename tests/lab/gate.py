"""The gateway alone: the real server with the product's own configuration, before servers that count who comes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import yaml
from lab import build
from lab.tailnet import listens, wait_for
from ports import free_port

from macstate import spec
from macstate.gateway.servers import SERVERS
from macstate.kernel import scripts
from macstate.kernel.steps import Write
from macstate.kinds.file import File
from macstate.kinds.key_file import KeyFile
from macstate.language.facts import Facts, Node
from macstate.language.secrets import Secret

NAME = "studio.tail1.ts.net"
FUNNEL = "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"
KEYS = {"agents": "aGoodKeyOfTheAgents-0123456789", "phone": "another.Key_of~the+phone/123="}
RELATIVE = b"../../../../Library/macstate/guide"
"""The guide's folder, seen from where the gateway runs on a Mac."""
AUDIENCES = {"tailnet": "serve", "funnel": "funnel"}
"""Each, and the field of an endpoint that lets it in."""
PIECES = 300
"""What a stream brings, ten a second."""


def program(server: str) -> Path:
    """Give the real program."""
    return build.nginx() if server == "nginx" else build.caddy()


@cache
def about(server: str) -> str:
    """Give what the real program says of itself, asked as the probe asks it."""
    function = re.search(r"^about\(\) \{.*?^\}", scripts.bare("probe_mac.sh"), re.MULTILINE | re.DOTALL)
    assert function
    words = ["sh", "-c", f'{function[0]}\nabout "$@"', "sh", ",".join(SERVERS[server].about), str(program(server))]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


class Backend(ThreadingHTTPServer):
    """A model server that notes every request that reaches it, however it came there."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        """Method, path byte for byte, headers."""
        self.bodies: list[bytes] = []
        self.broken: list[str] = []
        """First lines of what reached it and is no request."""
        self.port = int(self.server_address[1])
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """Tell a gateway that has hung up from one that has sent what is no request."""
        error = sys.exception()
        if not isinstance(error, OSError):
            self.broken.append(repr(error))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement
    server: Backend

    def answer(self) -> None:
        path = self.requestline.split()[1]  # self.path has one slash for two
        self.server.seen.append((self.command, path, dict(self.headers)))
        body = self.body()
        self.server.bodies.append(body)
        if path.endswith("/stream"):
            self.stream()
            return
        if path.endswith("/ws") and self.headers["Upgrade"] == "websocket":
            self.echo()
            return
        told = {"port": self.server.port, "method": self.command, "path": path, "headers": dict(self.headers)}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Own", "of the server")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        whole = b""
        while (line := self.rfile.readline()) and (size := int(line, 16)):  # no line: the gateway has hung up
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

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

    def echo(self) -> None:
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            while piece := self.connection.recv(65536):
                self.connection.sendall(piece)

    def send_error(self, *_: Any, **__: Any) -> None:
        self.server.broken.append(self.requestline)
        self.close_connection = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        pass


class AnyGate:
    """A running gateway of any endpoints."""

    def __init__(
        self, server: str, folder: Path, endpoints: dict[str, Any], keys: dict[str, str] = KEYS, **options: Any
    ) -> None:
        self.server, self.folder, self.keys = server, folder, keys
        routes = [(audience, each.get(field)) for audience, field in AUDIENCES.items() for each in endpoints.values()]
        https = {
            (audience, route.get("https", 443) if isinstance(route, dict) else 443)
            for audience, route in routes
            if route
        }
        self.doors = {place: free_port() for place in sorted(https)}
        """The loopback port of each audience's HTTPS port."""
        self.guide = TemporaryDirectory()  # where nginx, started by root, reads it as nobody
        Path(self.guide.name).chmod(0o755)
        ports: dict[str, dict[int, int]] = {}
        for (audience, number), port in self.doors.items():
            ports.setdefault(audience, {})[number] = port
        self.spec = {
            "macs": {"studio": {"hostname": NAME, "user": "me"}},
            "gateway": {"server": server, "ports": ports, "keys": {name: f"env:{name}" for name in keys}, **options},
            "endpoints": endpoints,
        }

    def write(self) -> None:
        """Write the configuration as the product would."""
        node = Node(name=NAME, capabilities=frozenset({"https", "funnel", FUNNEL}))
        facts = Facts(
            user="me", home="/Users/me", node=node, programs={SERVERS[self.server].program: about(self.server)}
        )
        wishes = spec.parse(yaml.safe_dump(self.spec), "x").for_host("studio")
        found = wishes.expand(facts, lambda reference, _: Secret(self.keys[reference.removeprefix("env:")]))
        for place in ("etc", "Caches", "Logs"):
            (self.folder / place).mkdir(exist_ok=True)
        for each in found.values():
            if isinstance(each, File | KeyFile):
                write = next(step for step in each.converge(None) if isinstance(step, Write))
                content = write.content.replace(RELATIVE, self.guide.name.encode())
                (self.folder / "etc" / Path(each.key).name).write_bytes(content)
        for step in found["guide/pages"].converge(None):
            (Path(self.guide.name) / Path(step.path).name).write_bytes(step.content)  # type: ignore[union-attr]

    def words(self, *, check: bool = False) -> list[str]:
        """Give the command that the product has launchd run, or that by which it tries a configuration."""
        server = SERVERS[self.server]
        config = f"{self.folder}/etc/{server.file}"
        return [
            *server.command(
                server.check if check else server.run, str(program(self.server)), f"{self.folder}/Caches/", config
            )
        ]

    def refusal(self) -> str:
        """Say what the server has against the configuration, as before it takes an old one's place."""
        words = self.words(check=True)
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=self.folder / "Caches")
        return done.stdout + done.stderr if done.returncode else ""

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Run it."""
        if not (self.folder / "etc").exists():
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
            wait_for(lambda: all(map(listens, self.doors.values())), f"{self.server}, see {self.folder}/said.log")
            yield self
        finally:
            self.process.terminate()
            self.process.wait()
            self.guide.cleanup()

    def reload(self) -> None:
        """Have it read its configuration again, as the product does."""
        self.process.send_signal(signal.Signals[SERVERS[self.server].signal])

    def log(self) -> str:
        """Read the access log."""
        return (self.folder / "Logs/macstate.gateway.access.log").read_text(errors="replace")

    def said(self) -> str:
        """Read what it said itself."""
        return (self.folder / "said.log").read_text(errors="replace")


class Gate(AnyGate):
    """The gateway of most tests."""

    def __init__(self, server: str, folder: Path, backends: dict[str, Backend], **options: Any) -> None:
        self.backends = backends
        more = ["/", "/x", "/ws", "/stream", "/deep/*"]
        endpoints = {
            "ollama": self._endpoint("ollama", serve="/", funnel={"https": 8443}),
            "open": self._endpoint("openai", serve="/open", funnel={"https": 8443, "path": "/open"}, open=more),
            "inner": self._endpoint("openai", serve="/inner", open=more),
            "dead": {"engine": "rest", "command": ["/bin/x"], "port": free_port(), "serve": "/dead"},
            "asking": self._endpoint("rest", serve={"https": 7860}, require_key=True),
        }
        super().__init__(server, folder, endpoints, **options)
        self.tailnet, self.ui = self.doors["tailnet", 443], self.doors["tailnet", 7860]
        self.funnel = self.doors["funnel", 8443]

    def _endpoint(self, engine: str, **more: Any) -> dict[str, Any]:
        backend = self.backends.setdefault(f"{engine}{len(self.backends)}", Backend())
        return {"engine": engine, "command": ["/bin/x"], "port": backend.port, **more}


def ask(port: int, request: bytes, seconds: float = 10) -> bytes:
    """Send bytes, and give what comes back until it is over."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.settimeout(seconds)
        with contextlib.suppress(OSError):
            connection.sendall(request)
            while piece := connection.recv(65536):
                answer += piece
    return answer


def until(connection: socket.socket, end: bytes) -> bytes:
    """Read until something comes, or all is over."""
    found = b""
    while not found.endswith(end) and (piece := connection.recv(1)):
        found += piece
    return found


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
