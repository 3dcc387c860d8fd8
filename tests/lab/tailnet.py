"""A real tailnet on loopback: control server, certificates, two nodes, and a way in from the internet."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ports import free_port
from python_socks.sync import Proxy

DOMAIN = "tail174e9b.ts.net"
VISITOR = "203.0.113.9:5555"
"""Somebody on the internet."""


Got = TypeVar("Got")


def listens(port: int) -> bool:
    """Say whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(ready: Callable[[], object], what: str, seconds: float = 15) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what}: not after {seconds} s"
        time.sleep(0.02)


class Processes:
    """What was started here, and nothing else, ends here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *words: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process that ends when this one dies; what it says goes to NAME.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                cwd=self.folder,
            )
        self.running.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End one of them."""
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.running.remove(process)

    def stop_all(self) -> None:
        """End all of them, the last one first."""
        for process in reversed(list(self.running)):
            self.stop(process)

    def log(self, name: str) -> str:
        """Read what one of them has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")


@dataclass
class Node:
    """One tailscaled."""

    name: str
    door: Path
    socks: int
    binaries: Path

    def tailscale(self, *words: str, check: bool = True) -> str:
        """Run the tailscale command against this node."""
        command = [str(self.binaries / "tailscale"), f"--socket={self.door}", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 or not check, (words, done)
        return done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        """Read what the node knows."""
        found: dict[str, Any] = json.loads(self.tailscale("status", "--json"))
        return found

    def dial(self, host: str, port: int) -> socket.socket:
        """Connect to somebody in the tailnet."""
        proxy = Proxy.from_url(f"socks5://127.0.0.1:{self.socks}", rdns=True)
        return proxy.connect(host, port, timeout=10)


class RefusedError(Exception):
    """The Mac lets nobody in from the internet there."""


@dataclass
class Answer:
    """What a web server said."""

    status: int
    body: str
    headers: dict[str, str]


@dataclass
class Tailnet:
    """The Mac's node, the laptop's, and what both need."""

    folder: Path
    binaries: Path
    door: Path
    """Where the Mac's tailscaled listens."""
    processes: Processes = field(init=False)
    mac: Node = field(init=False)
    laptop: Node = field(init=False)

    def start(self) -> None:
        """Start everything, and log both nodes in."""
        self.processes = Processes(self.folder)
        self.control, self.proxy, pebble, management = (f"localhost:{free_port()}" for _ in range(4))
        localhost = self.binaries / "certificates/localhost"
        self.processes.start(
            "control", self.binaries / "control", "-listen", self.control, "-proxy", self.proxy,
            "-pebble", pebble, "-certificates", localhost,
        )  # fmt: skip
        config = {"listenAddress": pebble, "managementListenAddress": management, "httpPort": 5002, "tlsPort": 5001}
        config |= {"certificate": f"{localhost}/cert.pem", "privateKey": f"{localhost}/key.pem"}
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        never = {"PEBBLE_VA_ALWAYS_VALID": "1", "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        self.processes.start("pebble", self.binaries / "pebble", "-config", self.folder / "pebble.json", **never)
        minica = self.binaries / "certificates/pebble.minica.pem"
        trusted = ssl.create_default_context(cafile=str(minica))
        roots = f"https://{management}/roots/0"
        self.authorities = self.folder / "authorities.pem"
        wait_for(lambda: self._keep(roots, trusted, minica), "pebble's root certificate")
        wait_for(lambda: "ready" in self.processes.log("control"), "the control server")
        self.mac = self.node("matiass-mac-studio", self.door)
        self.laptop = self.node("macbook", self.folder / "macbook.sock")
        self.daemon(self.mac)
        self.daemon(self.laptop)
        self.log_in(self.mac, "--ssh", "--operator=mmirvois")
        self.log_in(self.laptop)
        wait_for(self.is_up, "the tailnet")

    def log_in(self, node: Node, *options: str) -> None:
        """Log a node in, once its daemon is there."""
        wait_for(node.door.exists, f"tailscaled of {node.name}")
        server = f"--login-server=http://{self.control}"
        node.tailscale("up", server, f"--hostname={node.name}", "--accept-dns=false", *options)

    def _keep(self, roots: str, trusted: ssl.SSLContext, minica: Path) -> bool:
        with contextlib.suppress(OSError):
            root = urllib.request.urlopen(roots, context=trusted, timeout=2).read()  # noqa: S310 - https, on loopback
            self.authorities.write_bytes(minica.read_bytes() + root)
            return True
        return False

    def node(self, name: str, place: Path) -> Node:
        """Say how to reach a node's daemon."""
        return Node(name, place, free_port(), self.binaries)

    def daemon(self, node: Node) -> subprocess.Popen[bytes]:
        """Start a node's tailscaled."""
        state = self.folder / f"{node.name}.state"
        state.mkdir(exist_ok=True)
        return self.processes.start(
            node.name,
            self.binaries / "tailscaled",
            "--tun=userspace-networking",
            f"--socks5-server=127.0.0.1:{node.socks}",
            f"--statedir={state}",
            f"--socket={node.door}",
            TS_DEBUG_ACME_DIRECTORY_URL=f"https://{self.proxy}/dir",
            SSL_CERT_FILE=str(self.authorities),
            TS_NO_LOGS_NO_SUPPORT="true",
        )

    def is_up(self) -> bool:
        """Say whether each node knows the other, with all that the tailnet gives."""
        mine, peers = self.mac.status(), self.laptop.status()["Peer"] or {}
        keys = [peer.get("sshHostKeys") for peer in peers.values()]
        return bool(mine["Peer"] and all(keys) and keys and "funnel" in (mine["Self"].get("CapMap") or {}))

    @property
    def name(self) -> str:
        """The Mac's name."""
        return f"{self.mac.name}.{DOMAIN}"

    def console(self, path: str, **values: str | list[str]) -> None:
        """Do something in the tailnet's admin console."""
        query = urllib.parse.urlencode(values, doseq=True)
        urllib.request.urlopen(f"http://{self.control}/lab/{path}?{query}", data=b"", timeout=40).close()

    def get(self, path: str, port: int = 443, **headers: str) -> Answer:
        """Ask the Mac from the laptop, over the tailnet, with its certificate checked."""
        return self.unless_cut(lambda: self._ask(self.laptop.dial(self.name, port), path, port, headers))

    def dial_https(self, port: int, *, public: bool = False, speaks: str = "http/1.1") -> ssl.SSLSocket:
        """Connect to a port of the Mac, with its certificate checked."""
        raw = self.ingress(port) if public else self.laptop.dial(self.name, port)
        raw.settimeout(30)
        context = self.trusted()
        context.set_alpn_protocols([speaks])
        return context.wrap_socket(raw, server_hostname=self.name)

    def trusted(self) -> ssl.SSLContext:
        """Trust the tailnet's certificates, and no others."""
        return ssl.create_default_context(cafile=str(self.authorities))

    def get_from_internet(self, path: str, port: int = 443, **headers: str) -> Answer:
        """Ask the Mac through Funnel."""
        try:
            return self.unless_cut(lambda: self._ask(self.ingress(port), path, port, headers))
        except RefusedError as error:
            return Answer(0, str(error), {})

    def unless_cut(self, ask: Callable[[], Got]) -> Got:
        """Ask, and ask again, three times at most, where the tailnet itself has hung up.

        About one request in a hundred ends early between two tailscaled with userspace networking, whoever serves
        (measured with a plain server behind Serve alone). Their logs tell that; what a gateway cuts reads otherwise.
        """
        for _ in range(3):
            before = self._cuts()
            try:
                return ask()
            except Exception:
                time.sleep(0.5)  # until it stands in their logs
                if self._cuts() == before:
                    raise
        return ask()

    def _cuts(self) -> int:
        """Count how often one of both has hung up on its own."""
        served, dialled = (self.processes.log(node.name) for node in (self.mac, self.laptop))
        return served.count("use of closed network connection") + dialled.count("socks5: client connection failed")

    def ingress(self, port: int) -> socket.socket:
        """Come in from the internet: the laptop's node plays Tailscale's ingress."""
        mac = next(peer for peer in self.laptop.status()["Peer"].values() if peer["HostName"] == self.mac.name)
        host, _, number = mac["PeerAPIURL"][0].removeprefix("http://").rpartition(":")
        raw = self.laptop.dial(host, int(number))
        request = (
            f"POST /v0/ingress HTTP/1.1\r\nHost: {host}:{number}\r\nContent-Length: 0\r\n"
            f"Tailscale-Ingress-Src: {VISITOR}\r\nTailscale-Ingress-Target: {self.name}:{port}\r\n\r\n"
        )
        raw.sendall(request.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = raw.recv(1)
            if not byte:
                break
            head += byte
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raw.close()
            raise RefusedError(head.decode())
        return raw

    def _ask(self, raw: socket.socket, path: str, port: int, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPSConnection(self.name, port, timeout=20)
        with contextlib.closing(connection):
            raw.settimeout(20)
            connection.sock = self.trusted().wrap_socket(raw, server_hostname=self.name)
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), dict(answer.getheaders()))


class Forwarder:
    """A port of the Mac, on loopback. It can die."""

    def __init__(self, node: Node, host: str, far_port: int = 22) -> None:
        self.node, self.host, self.far_port = node, host, far_port
        self.ends: list[socket.socket] = []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.door.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self.door.accept()
            except OSError:
                return
            try:
                far = self.dial()
                far.settimeout(None)  # what was dialled may be silent for long
            except Exception:  # noqa: BLE001 - whatever it is: nobody is there
                near.close()
                continue
            self.ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=copy, args=(source, sink), daemon=True).start()

    def dial(self) -> socket.socket:
        """Connect to that port."""
        return self.node.dial(self.host, self.far_port)

    def hang_up(self) -> None:
        """Cut what goes through; whoever comes next is let through again."""
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.ends.clear()

    def die(self) -> None:
        """Cut everything, for good."""
        self.door.shutdown(socket.SHUT_RDWR)  # closing alone would let one more in: accept() is under way
        self.door.close()
        self.hang_up()


class Ingress(Forwarder):
    """A public port of Funnel's, on loopback."""

    def __init__(self, tailnet: Tailnet, far_port: int) -> None:
        self.tailnet = tailnet
        super().__init__(tailnet.laptop, tailnet.name, far_port)

    def dial(self) -> socket.socket:
        """Come in from the internet."""
        return self.tailnet.ingress(self.far_port)


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy until one end is closed, then close the other."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
