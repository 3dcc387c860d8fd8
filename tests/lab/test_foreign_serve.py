"""What somebody else serves on the ports of the wished routes, in a real tailscaled: told, and not touched unasked."""

from __future__ import annotations

import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from lab.conftest import Lab
from lab.tailnet import listens, wait_for
from laptop import REFERENCE

pytestmark = pytest.mark.lab
REFUSED = "refused, macstate did not make it and would change it; if that is meant, add `--data allow=takeover`"


class Says(BaseHTTPRequestHandler):
    """Somebody's private page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"somebody's page")

    def log_message(self, *_: object) -> None:
        pass


class Banner(socketserver.BaseRequestHandler):
    """What an SSH server says first."""

    def handle(self) -> None:
        self.request.sendall(b"SSH-2.0-theirs\r\n")


@contextmanager
def served(handler: Any) -> Iterator[int]:
    """Run a server of somebody's on loopback; give its port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def sampled(ask: Callable[[], str]) -> Iterator[list[str]]:
    """Ask without pause while something happens; give what answered."""
    seen: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            with suppress(OSError, ValueError):
                seen.append(ask())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def from_internet(lab: Lab, path: str, port: int) -> str:
    return lab.tailnet.get_from_internet(path, port).body


def is_public(lab: Lab, path: str, port: int) -> bool:
    """Say whether the internet gets somebody's page."""
    try:
        return "somebody's page" in from_internet(lab, path, port)
    except (OSError, ValueError):
        return False


def is_private(lab: Lab, path: str, port: int) -> bool:
    return "somebody's page" in lab.tailnet.get(path, port).body


def banner(lab: Lab, port: int) -> bytes:
    with lab.tailnet.laptop.dial(lab.tailnet.name, port) as raw:
        raw.settimeout(5)
        return raw.recv(100)


def refusals(said: str) -> list[str]:
    return [line.split(": ", 1)[1] for line in said.splitlines() if "allow=takeover" in line]


def test_a_private_page_on_the_port_of_a_new_funnel(lab: Lab) -> None:
    with served(Says) as port, sampled(partial(from_internet, lab, "/admin", 8443)) as seen:
        lab.tailnet.mac.tailscale("serve", "--bg", "--https=8443", "--set-path=/admin", str(port))
        assert is_private(lab, "/admin", 8443)
        before = lab.served()

        code, said = lab.deploy(spec=REFERENCE)

        assert (code, refusals(said)) == (1, [f"serve/8443/admin: {REFUSED}"]), said
        why = "would be open to the internet: Funnel opens a whole port, and serve/8443/ needs it"
        assert f"- serve/8443/admin  # {why}" in said
        assert lab.served() == before
        assert is_private(lab, "/admin", 8443)

        code, said = lab.deploy(spec=REFERENCE, allow="takeover")

        assert code == 0, said
        assert "8443/admin" not in str(lab.served())
        wait_for(lambda: "a valid key is missing" in "".join(seen), "the gate's answer to the internet")
    assert [body for body in seen if "somebody's page" in body] == []
    wait_for(lambda: lab.tailnet.get_from_internet("/", 8443).status == 401, "room below the rate limit")


def test_a_public_page_on_the_port_of_a_new_private_route(lab: Lab) -> None:
    with served(Says) as port:
        lab.tailnet.mac.tailscale("funnel", "--bg", "--https=443", "--set-path=/site", str(port))
        wait_for(partial(is_public, lab, "/site", 443), "somebody's public page")

        code, said = lab.deploy(spec=REFERENCE)

        assert (code, refusals(said)) == (1, [f"serve/443/site: {REFUSED}"]), said
        why = "stays for the tailnet alone: Funnel opens a whole port, and serve/443/"
        assert f"~ serve/443/site  # {why}" in said, said
        assert is_public(lab, "/site", 443)

        code, said = lab.deploy(spec=REFERENCE, allow="takeover")

        assert code == 0, said
        assert is_private(lab, "/site", 443)
        assert not is_public(lab, "/site", 443)
        code, said = lab.deploy(spec=REFERENCE)
        assert (code, "No changes." in said) == (0, True), said


def test_a_forward_that_may_be_somebodys_way_in(lab: Lab) -> None:
    with served(Banner) as port:
        lab.tailnet.mac.tailscale("serve", "--bg", "--tcp=443", f"tcp://127.0.0.1:{port}")
        assert banner(lab, 443) == b"SSH-2.0-theirs\r\n"

        code, said = lab.deploy(spec=REFERENCE)

        assert (code, refusals(said)) == (1, [f"serve/tcp:443: {REFUSED}"]), said
        assert f"- serve/tcp:443  # forwards port 443 to 127.0.0.1:{port}, which serve/443/" in said, said
        assert banner(lab, 443) == b"SSH-2.0-theirs\r\n"

        code, said = lab.deploy(spec=REFERENCE, allow="takeover")

        assert code == 0, said
        assert lab.served()["TCP"]["443"] == {"HTTPS": True}
        assert lab.tailnet.get("/").status == 200


def test_a_process_in_the_foreground_on_a_wished_port(lab: Lab) -> None:
    with served(Says) as port:
        node = lab.tailnet.mac
        words = [str(node.binaries / "tailscale"), f"--socket={node.door}", "funnel", "--https=8443", str(port)]
        out = subprocess.DEVNULL
        process = subprocess.Popen(words, stdout=out, stderr=out, stdin=out)
        try:
            wait_for(lambda: lab.served().get("Foreground"), "the route in the foreground")
            wait_for(partial(is_public, lab, "/", 8443), "somebody's public page")

            code, said = lab.deploy(spec=REFERENCE)

            assert (code, refusals(said)) == (1, [f"serve/foreground:8443/: {REFUSED}"]), said
            assert "! serve/foreground:8443/ answers the internet now; that ends" in said
            assert is_public(lab, "/", 8443)
            assert process.poll() is None

            code, said = lab.deploy(spec=REFERENCE, allow="takeover")

            assert code == 0, said
            assert "Foreground" not in lab.served()
            process.wait(10)
        finally:
            process.kill()
            process.wait()


def test_a_mac_that_has_another_name_now(lab: Lab) -> None:
    """Registered anew: the document still has the old name, and nothing in it is anybody else's."""
    code, said = lab.deploy(spec=REFERENCE)
    assert code == 0, said
    name, other = lab.tailnet.name, "studio-0.tail174e9b.ts.net"
    text = lab.tailnet.mac.tailscale("serve", "status", "--json").replace(name, other)
    node = lab.tailnet.mac
    words = [str(node.binaries / "tailscale"), f"--socket={node.door}", "serve", "set-raw"]
    subprocess.run(words, input=text, text=True, check=True)
    record = lab.mac.root / "private/var/db/macstate/owned"
    record.write_text(record.read_text().replace(name, other))

    code, said = lab.deploy(spec=REFERENCE)

    assert code == 0, said
    assert "takeover" not in said
    assert f"    where: https://{other}:443 -> https://{name}:443" in said, said
    assert other not in str(lab.served())
    assert lab.tailnet.get("/").status == 200
    assert listens(11434)
