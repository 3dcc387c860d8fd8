"""The gateway's promises, kept by the real servers: who comes in, where to, and how often."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lab.gate import KEYS, NAME, PIECES, Backend, Gate, ask, bearer, get, until
from lab.hostile import requests
from lab.tailnet import wait_for

from macstate.gateway.servers import SERVERS
from macstate.kernel import scripts
from macstate.review.health import usage

pytestmark = pytest.mark.lab
HOSTILE = 20_000


def asked(path: str) -> bytes:
    """Give a request with a key."""
    head = f"GET {path} HTTP/1.1\r\nHost: {NAME}:8443\r\nAuthorization: {bearer('agents')}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def gate(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gate, list[Backend]]]:
    found: dict[str, Backend] = {}
    gate = Gate(request.param, tmp_path_factory.mktemp("gate"), found)
    with gate.running():
        yield gate, list(found.values())


def test_each_door_knows_its_own(gate: tuple[Gate, list[Backend]]) -> None:
    door, _ = gate
    key = bearer("agents")
    assert get(door.tailnet, "/api/tags", NAME)[0] == 200
    assert json.loads(get(door.tailnet, "/inner/v1/models", NAME)[1])["path"] == "/v1/models"
    assert get(door.ui, "/x", f"{NAME}:7860")[0] == 401
    assert get(door.ui, "/x", f"{NAME}:7860", Authorization=key)[0] == 200
    assert get(door.tailnet, "/x", f"{NAME}:7860", Authorization=key)[0] == 403  # no Host leads to another door
    assert get(door.tailnet, "/x", "elsewhere")[0] == 404
    assert get(door.tailnet, "/api/tags", NAME, Tailscale_Funnel_Request="?1")[0] == 403
    assert get(door.funnel, "/api/tags", Authorization=key)[0] == 200
    assert json.loads(get(door.funnel, "/open/v1/models", Authorization=key)[1])["path"] == "/v1/models"
    assert json.loads(get(door.funnel, "/open", Authorization=key)[1])["path"] == "/"
    for authorization in (
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {KEYS['agents']}x",
        f"Bearer {KEYS['agents'].lower()}",
        "Basic x",
    ):
        assert get(door.funnel, "/open/v1/models", Authorization=authorization)[0] == 401
    assert get(door.funnel, "/anything")[0] == 401


def test_what_it_has_answered_is_counted_by_its_own_log(gate: tuple[Gate, list[Backend]]) -> None:
    door, _ = gate
    for _ in range(3):
        assert get(door.tailnet, "/inner/v1/models?x=1", NAME)[0] == 200
    assert get(door.funnel, "/open/v1/counted")[0] == 401
    log = door.folder / "Logs/macstate.gateway.access.log"
    wait_for(lambda: door.log().count("/inner/v1/models") >= 3, "the log of three requests")

    script = f'{scripts.whole("requests.sh")}\nrequests "$1" "$2"'
    lines = subprocess.run(
        ["sh", "-c", script, "sh", log, SERVERS[door.server].counted], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    seen = [match for line in lines if (match := usage.COUNTED.fullmatch(line))]
    assert len(seen) == len(lines) > 0
    inner = [match for match in seen if match.group(3, 4) == ("tailnet/443", "/inner/v1/models")]
    assert sum(int(match[1]) for match in inner) >= 3
    assert all(abs((usage.moment(match[2]) or 0) - time.time()) < 3600 for match in inner)
    assert [match for match in seen if "counted" in match[4]] == []


def test_the_guide_is_at_its_paths_and_for_the_internet_only_with_a_key(gate: tuple[Gate, list[Backend]]) -> None:
    door, _ = gate
    forms = {"/macstate/": b"<!doctype html>", "/macstate/guide.md": b"# studio", "/llms.txt": b"# studio"}
    for path, begin in forms.items():
        status, body = get(door.tailnet, path, NAME)
        assert (status, body[: len(begin)]) == (200, begin)
        assert get(door.funnel, path)[0] == 401
        assert get(door.funnel, path, Authorization=bearer("agents"))[:2] == (status, body)
        assert get(door.ui, path, f"{NAME}:7860")[0] == 401  # that port belongs to a web UI
    assert get(door.tailnet, "/macstate", NAME)[0] == 301


def test_the_page_is_told_which_server_answers(gate: tuple[Gate, list[Backend]]) -> None:
    """Without an error status, of which a browser would take note, and without a server's own words."""
    door, backends = gate
    head = f"Host: {NAME}\r\nConnection: close\r\n\r\n"

    def state(name: str, port: int = 0, more: str = "") -> tuple[bytes, bytes]:
        said = ask(port or door.tailnet, f"HEAD /macstate/state/{name} HTTP/1.1\r\n{more}{head}".encode(), 10).lower()
        return said.split(b" ")[1], said

    assert b"x-macstate: up" in state("ollama")[1]
    assert b"x-macstate: up" in state("open")[1]
    assert b"x-macstate: down" in state("dead")[1]
    assert state("dead")[0] == b"204"
    assert state("asking")[0] == b"404"  # it wants a key, and so does its state
    assert state("ollama", door.funnel)[0] == b"401"
    seen = [(path, headers["Host"]) for each in backends for _, path, headers in each.seen]
    assert ("/v1/models", NAME) in seen
    assert not any("Authorization" in headers for each in backends for _, _, headers in each.seen[-1:])


@pytest.mark.parametrize(
    "path", ["/api/pull", "/api/delete", "/api/create", "/api/copy", "/api/push", "/api/blobs/sha256:x"]
)
def test_what_manages_a_server_is_closed(gate: tuple[Gate, list[Backend]], path: str) -> None:
    door, backends = gate
    before = sum(len(each.seen) for each in backends)
    assert get(door.tailnet, path, NAME, "POST")[0] == 403
    assert get(door.funnel, path, method="POST", Authorization=bearer("agents"))[0] == 403
    assert sum(len(each.seen) for each in backends) == before


def test_what_the_server_gets(gate: tuple[Gate, list[Backend]]) -> None:
    door, _ = gate
    key = bearer("phone")
    sent = {"Authorization": key, "Origin": "https://page.example", "X_Forwarded_For": "203.0.113.9"}
    ollama = json.loads(get(door.funnel, "/api/tags", **sent)[1])["headers"]
    other = json.loads(get(door.funnel, "/open/v1/models", **sent)[1])["headers"]
    assert ollama["Host"].startswith("localhost:")
    assert "Origin" not in ollama
    assert other["Host"] == f"{NAME}:8443"
    assert other["Origin"] == "https://page.example"
    for seen in (ollama, other):
        assert "Authorization" not in seen
        assert seen["X-Forwarded-For"].startswith("203.0.113.9")


def test_pages_of_other_sites(gate: tuple[Gate, list[Backend]]) -> None:
    """With a key any page may ask; without one, only this Mac's own and the person's own machine's."""
    door, _ = gate
    wish = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}
    assert get(door.funnel, "/open/v1", method="OPTIONS", Origin="https://page.example", **wish)[0] == 204
    assert get(door.tailnet, "/inner/v1", NAME, "OPTIONS", Origin="https://page.example", **wish)[0] == 403
    assert get(door.tailnet, "/inner/v1", NAME, "OPTIONS", Origin="http://localhost:3000", **wish)[0] == 204
    assert get(door.tailnet, "/inner/x", NAME, "POST", Origin="https://page.example1")[0] == 403
    assert get(door.tailnet, "/inner/x", NAME, Origin=f"https://{NAME}")[0] == 200


def test_errors_have_the_shape_that_clients_read(gate: tuple[Gate, list[Backend]]) -> None:
    door, _ = gate
    for status, body in (get(door.funnel, "/x"), get(door.tailnet, "/x", "elsewhere")):
        error = json.loads(body)["error"]
        assert (status, set(error)) in (
            (401, {"message", "type", "param", "code"}),
            (404, {"message", "type", "param", "code"}),
        )


def test_the_log_names_the_key_and_never_tells_it(gate: tuple[Gate, list[Backend]]) -> None:
    door, _ = gate
    get(door.funnel, "/open/v1/models?key=in-the-query", Authorization=bearer("phone"))
    wait_for(lambda: '"phone"' in door.log(), "the log")
    said = door.log() + (door.folder / "said.log").read_text()
    assert not any(key in said for key in KEYS.values())
    assert "in-the-query" not in door.log()


def test_a_websocket_passes(gate: tuple[Gate, list[Backend]]) -> None:
    door, backends = gate
    for port, key in ((door.tailnet, ""), (door.funnel, f"Authorization: {bearer('agents')}\r\n")):
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            wish = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
            connection.sendall(f"GET /open/ws HTTP/1.1\r\nHost: {NAME}\r\n{key}{wish}\r\n".encode())
            assert until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
            connection.sendall(b"\x00\xff there")
            assert until(connection, b"there") == b"\x00\xff there"
        seen = [headers for each in backends for _, path, headers in each.seen if path == "/ws"]
        assert seen[-1]["Upgrade"] == "websocket"
        assert seen[-1]["Connection"].lower() == "upgrade"


def test_hostile_requests_reach_nothing_without_a_key(gate: tuple[Gate, list[Backend]]) -> None:
    """Counted at the servers themselves, each request by its own number."""
    door, backends = gate
    for each in backends:
        each.seen.clear()
    hostile, valid = requests(random.Random(20261123), HOSTILE, NAME, KEYS["agents"])
    shuffled = [*hostile, *valid]
    random.Random(1).shuffle(shuffled)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda text: ask(door.funnel, text, 30 if b"n=valid" in text else 1), shuffled))
    seen = {path.partition("n=")[2].partition("&")[0] for each in backends for _, path, _ in each.seen}
    wanted = {f"valid{number}" for number in range(len(valid))}
    assert len(hostile) == HOSTILE
    assert seen - wanted == set()
    assert wanted - seen == set()


@pytest.fixture
def streams(gate: tuple[Gate, list[Backend]]) -> Iterator[tuple[Gate, list[int]]]:
    """200 clients, each with a stream of half a minute."""
    door, _ = gate
    counts = [0] * 200
    request = asked("/open/stream")

    def read(number: int) -> None:
        with socket.create_connection(("127.0.0.1", door.funnel), 10) as connection:
            connection.sendall(request)
            connection.settimeout(10)
            while piece := connection.recv(65536):
                counts[number] += piece.count(b"data: ")

    clients = [threading.Thread(target=read, args=(number,)) for number in range(len(counts))]
    for client in clients:
        client.start()
    yield door, counts
    for client in clients:
        client.join()


def test_streams_survive_a_reload(streams: tuple[Gate, list[int]]) -> None:
    door, counts = streams
    wait_for(lambda: min(counts) > 0, "the first piece of every stream, before its end")
    time.sleep(10)
    door.reload()
    wait_for(lambda: min(counts) == PIECES, "the end of every stream", 60)
    assert set(counts) == {PIECES}


def test_a_reload_takes_a_key_in_and_another_out(tmp_path: Path) -> None:
    for server in ("nginx", "caddy"):
        folder = tmp_path / server
        folder.mkdir()
        with Gate(server, folder, {}).running() as gate:
            assert get(gate.funnel, "/open/x", Authorization=bearer("phone"))[0] == 200
            gate.spec["gateway"]["keys"] = {"agents": ["env:agents", "env:phone"]}  # while clients move
            gate.write()
            gate.reload()
            time.sleep(1)
            for name in ("phone", "agents"):
                assert get(gate.funnel, "/open/x", Authorization=bearer(name))[0] == 200
            gate.spec["gateway"]["keys"] = {"agents": "env:agents"}
            gate.write()
            gate.reload()
            wait_for(lambda gate=gate: get(gate.funnel, "/open/x", Authorization=bearer("phone"))[0] == 401, server)  # type: ignore[misc]
            assert get(gate.funnel, "/open/x", Authorization=bearer("agents"))[0] == 200


def test_the_rate_of_a_key(tmp_path: Path) -> None:
    """Nginx alone: Caddy has no module for it, which the plan says."""
    with Gate("nginx", tmp_path, {}, rate_limit={"per_key": "60/m"}).running() as gate:
        with ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(lambda _: get(gate.funnel, "/open/x", Authorization=bearer("agents"))[0], range(61)))
        begun = time.monotonic()
        answer = ask(gate.funnel, asked("/open/x"))
        assert codes.count(200) == 60, codes
        assert codes.count(429) == 1
        assert b" 429 " in answer.splitlines()[0] + b" "
        assert b"Retry-After: 1" in answer
        assert get(gate.funnel, "/open/x", Authorization=bearer("phone"))[0] == 200
        time.sleep(max(0.0, begun + 1.2 - time.monotonic()))
        assert get(gate.funnel, "/open/x", Authorization=bearer("agents"))[0] == 200
        wrong = [
            get(gate.funnel, "/open/x", Authorization="Bearer wrong", X_Forwarded_For="203.0.113.1")[0]
            for _ in range(70)
        ]
        assert {401, 429} == set(wrong)
        assert get(gate.funnel, "/open/x", Authorization="Bearer wrong", X_Forwarded_For="203.0.113.2")[0] == 401


@pytest.mark.parametrize("server", ["nginx", "caddy"])
def test_with_a_key_the_internet_still_sees_only_what_is_public(server: str, tmp_path: Path) -> None:
    """Two endpoints public on one port by path; of a third nothing, whatever is tried."""
    backends: dict[str, Backend] = {}
    gate = Gate(server, tmp_path, backends)
    gate.spec["endpoints"]["ollama"]["funnel"] = {"https": 8443, "path": "/also"}
    inner = backends["openai2"]
    with gate.running():
        key = bearer("agents")
        assert json.loads(get(gate.funnel, "/open/v1/models", Authorization=key)[1])["path"] == "/v1/models"
        assert json.loads(get(gate.funnel, "/also/api/tags", Authorization=key)[1])["path"] == "/api/tags"
        paths = ["/inner", "/inner/v1/models", "/open/../inner/v1", "/open/%2e%2e/inner/v1", "/open/..%2finner/v1"]
        paths += ["/inner%2fv1", "//inner/v1", "/./inner/v1", "/%69nner/v1", "/443/inner/v1", "/8443/../443/inner/v1"]
        paths += ["/", "/stranger", "/preflight", "/none", "/error", "/api/tags", "/also/../inner", "/INNER/v1"]
        for path in paths:
            for host in (f"{NAME}:8443", NAME, f"{NAME}:443", f"{NAME}:7860", f"{NAME}.", "localhost"):
                status, body = get(gate.funnel, path, host, Authorization=key)
                assert status in (400, 404), (path, host, status, body)
    assert inner.seen == []
