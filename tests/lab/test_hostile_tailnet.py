"""Hostile requests on their real way: through Serve and Funnel of a real tailscaled, to a gateway on the Mac."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from lab.conftest import Lab, fresh
from lab.hostile_paths import ENDPOINTS, Attacker, Shot, missing, strays
from lab.labmac import USER
from lab.reference import key
from lab.tailnet import Forwarder, RefusedError, listens, wait_for
from laptop import REFERENCE
from python_socks import ProxyError

pytestmark = pytest.mark.lab
HOSTILE = 2_000
FIRST_PORT = 9100
NOTES = """\
#!{python} -IS
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Note(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.note
        raise AttributeError(name)

    def note(self):
        self.write(self.requestline.split()[1])
        if self.headers["Transfer-Encoding"] == "chunked":
            while (line := self.rfile.readline()) and (size := int(line, 16)):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass
        else:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_error(self, *_, **__):
        self.write("no request: " + self.requestline)
        self.close_connection = True

    def write(self, line):
        with open({file!r}, "a", encoding="latin-1") as notes:
            notes.write(line + "\\n")

ThreadingHTTPServer.request_queue_size = 512
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Note).serve_forever()
"""
"""A server that notes the path of every request which reaches it."""


def spec(server: str) -> str:
    """Give the spec of the Mac that the requests are made for."""
    whole = {"macs": yaml.safe_load(REFERENCE)["macs"], "gateway": {"server": server, "keys": {"agents": "generate"}}}
    whole["endpoints"] = {
        name: {**entry, "command": [f"/opt/homebrew/bin/{name}", "--port", "{port}"], "port": FIRST_PORT + index}
        for index, (name, entry) in enumerate(ENDPOINTS.items())
    }
    return yaml.safe_dump(whole)


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def deployed(request: pytest.FixtureRequest, lab_session: Lab) -> Iterator[tuple[Lab, Path]]:
    """The gateway on the Mac, before servers that note what reaches them in a file each."""
    lab = fresh(lab_session)
    notes = lab.folder / f"notes-{request.param}"
    notes.mkdir()
    shutil.chown(notes, USER)
    for name in ENDPOINTS:
        lab.mac.put(f"opt/homebrew/bin/{name}", NOTES.format(python=lab.mac.python, file=str(notes / name)))
    far = Forwarder(lab.tailnet.laptop, lab.tailnet.name, 9000)
    lab.elsewhere = f"{lab.tailnet.name}:9000={far.port}"
    code, said = lab.deploy(spec=spec(request.param))
    assert code == 0, said
    wait_for(lambda: all(listens(FIRST_PORT + place) for place in range(len(ENDPOINTS))), "the servers")
    for each in notes.iterdir():
        each.unlink()  # what the deployment itself has asked
    yield lab, notes
    far.die()


def sent(lab: Lab, shot: Shot) -> bytes:
    """Send one to its port, and give what comes back until it is over."""
    audience, https = shot.door
    answer = b""
    with lab.tailnet.dial_https(https, public=audience == "funnel") as connection:
        connection.settimeout(20 if shot.valid else 2)
        connection.sendall(shot.text)
        with contextlib.suppress(TimeoutError):  # some of them wait for more to come
            while piece := connection.recv(65536):
                answer += piece
    return answer


def test_hostile_requests_reach_nothing_through_serve_and_funnel(deployed: tuple[Lab, Path]) -> None:
    """Counted at the servers. About one in a hundred is cut on its way: a valid one is asked again then."""
    lab, notes = deployed
    attacker = Attacker(random.Random(20261125), lab.tailnet.name, key(lab), behind_serve=True, respells=True)
    shots = attacker.shots(HOSTILE)

    def seen() -> list[tuple[str, str]]:
        lines = [(each.name, each.read_text("latin-1").splitlines()) for each in notes.iterdir()]
        return [(name, path) for name, paths in lines for path in paths]

    def shoot(shot: Shot) -> bytes:
        with contextlib.suppress(OSError, ProxyError, RefusedError):
            return sent(lab, shot)
        return b""

    def again(shot: Shot) -> None:
        answer = sent(lab, shot)
        assert answer.startswith(b"HTTP/1.1 200 "), (shot, answer)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(shoot, shots))
    assert len([answer for answer in answers if answer]) > 0.9 * len(shots)
    for shot in missing(shots, seen()):
        lab.tailnet.unless_cut(lambda shot=shot: again(shot))  # type: ignore[misc]
    assert [shot.valid for shot in shots].count(False) == HOSTILE
    assert strays(shots, seen()) == []
    assert missing(shots, seen()) == []
