"""What comes through the gateway and what does not, rule by rule, on both servers and at mounts of every shape."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.gate import KEYS, NAME, AnyGate, Backend, ask, bearer, until
from lab.hostile_paths import ENDPOINTS, Attacker, Door, Shot, missing, respelt, strays
from lab.tailnet import wait_for
from ports import free_port

pytestmark = pytest.mark.lab
HOSTILE = 20_000
ROOT, UI, FAR = ("tailnet", 443), ("tailnet", 7860), ("tailnet", 9000)
PUBLIC, OTHER = ("funnel", 8443), ("funnel", 10000)
KEY = f"Authorization: {bearer('agents')}"
HOST = f"Host: {NAME}"
MANAGED = (
    "/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/sha256:0", "/api/me",
    "/api/signout", "/api/user/keys/x", "/api/experimental/aliases", "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
)  # fmt: skip
CROOKED = (
    "/./v1/models", "/v1/./models", "/v1/models/.", "/v1/models/..", "/x/../v1/models", "/v1/%2e/models",
    "/x/%2E%2e/v1", "/x/.%2e/v1/models", "/v1/models/%2e%2e", "/v1/models/..?x", "/v1/models%2f..%2fx",
    "/x%2F%2e%2e%2Fv1", "//v1/models", "/v1//models", "/v1/models//", "/v1\\models", "/v1/..\\models", "/v1%5cmodels",
    "/v1/models%5C..", "/v1/models/x/../..",
)  # fmt: skip
BELOW = [
    "Qwen%2FQwen3-8B", "a%2Bb+c", "https%3A%2F%2Fx.example%2fy", "%7Ex~", "%ff%FE%80", "%c3%28", "a%20b", "%25",
    "%252e%252e", "x;y=z", "x,y!(z)*'$&=@:", "%3Fx%23", "%e2%82%ac", "...", "%C0%AE%C0%AE",
    "x?q=%2e%2E/..//%2F\\&&=+%ff", "?", "x?", "x??y",
]  # fmt: skip
BROKEN = [
    b"GET", b"GET /", b"GET / HTTP", b"GET / HTTP/x", b"GET / HTTP/1.1 x", b"GET /a b HTTP/1.1", b"GET /% HTTP/1.1",
    b"\x00", b"GET /%zz HTTP/1.1", b"GET /%u0041 HTTP/1.1", b"GET \\ HTTP/1.1", b"NO", b"GET http HTTP/1.1",
    b"/ GET HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /\x0b HTTP/1.1", b"GET /\x7f HTTP/1.1", b"G\x00T / HTTP/1.1",
    b"GET x HTTP/1.1", b" GET / HTTP/1.1",
]  # fmt: skip


class Mac:
    """The gateway before servers of every kind."""

    def __init__(self, gate: AnyGate, servers: dict[str, Backend]) -> None:
        self.gate, self.servers = gate, servers

    def ask(self, door: Door, target: str, *headers: str, method: str = "GET", body: str = "") -> tuple[int, bytes]:
        """Ask for a path, byte for byte; give status and body."""
        lines = [f"{method} {target} HTTP/1.1", *headers, *([] if any(map(is_host, headers)) else [HOST])]
        lines += [f"Content-Length: {len(body)}"] if body else []
        answer = ask(self.gate.doors[door], "\r\n".join([*lines, "Connection: close", "", body]).encode("latin-1"))
        head, _, content = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]) if head else 0, content

    def seen(self) -> list[tuple[str, str]]:
        """Give all that has reached a server since the last time: (server, path)."""
        found = [(name, path) for name, each in self.servers.items() for _, path, _ in each.seen]
        for each in self.servers.values():
            assert each.broken == []
            each.seen.clear()
            each.bodies.clear()
        return found

    def arrived(self, name: str) -> None:
        """Wait for a whole request: Caddy says 413 of a body while the head is still on the way to the server."""
        wait_for(lambda: self.servers[name].bodies, f"a request at {name}")

    def headers(self, name: str) -> dict[str, str]:
        """Give the headers of the last request that a server has seen."""
        return self.servers[name].seen[-1][2]


def is_host(header: str) -> bool:
    """Say whether the test has its own Host."""
    return header.lower().startswith("host:")


def refusal(answer: tuple[int, bytes]) -> tuple[int, str | None]:
    """Give status and code of an error in OpenAI's shape."""
    error = json.loads(answer[1])["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer[0], error["code"]


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def mac(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mac]:
    servers = {name: Backend() for name in ENDPOINTS}
    ports = {**{name: each.port for name, each in servers.items()}, "dead": free_port()}
    entries = {**ENDPOINTS, "dead": {"engine": "rest", "serve": "/dead"}}
    endpoints = {name: {**each, "command": ["/bin/x"], "port": ports[name]} for name, each in entries.items()}
    gate = AnyGate(request.param, tmp_path_factory.mktemp("gate"), endpoints)
    with gate.running():
        yield Mac(gate, servers)


@pytest.fixture
def clean(mac: Mac) -> Mac:
    """The same, and nothing was seen yet."""
    mac.seen()
    return mac


@pytest.mark.parametrize(
    ("door", "mount"),
    [
        (ROOT, ""),
        (ROOT, "/a.b/c-d/e~f"),
        (ROOT, "/open"),
        (FAR, "/kept"),
        (PUBLIC, ""),
        (PUBLIC, "/open"),
        (OTHER, "/p/u/b"),
    ],
)
def test_what_manages_a_server_is_closed(clean: Mac, door: Door, mount: str) -> None:
    """At the root, below a mount that is taken off, and below one that is kept."""
    closed = [(path, method) for path in MANAGED for method in ("GET", "POST", "HEAD", "DELETE", "PUT")]
    closed += [("/v1/models/x", "DELETE"), ("/v1/models/x", "PATCH"), ("/v1/chat/completions", "PUT")]
    wanted = [
        path for path in closed if not path[0].startswith("/api/") or mount != "/p/u/b"
    ]  # all of that is open there
    for path, method in wanted:
        answer = clean.ask(door, f"{mount}{path}", KEY, method=method)
        assert answer[0] == 403, (path, method, answer)
        if method != "HEAD":
            assert refusal(answer) == (403, "closed"), (path, method)
            assert "in the field open of the endpoint" in json.loads(answer[1])["error"]["message"]
    assert clean.seen() == []


def test_the_spec_opens_one_path_or_all_below_one(clean: Mac) -> None:
    there: dict[tuple[Door, str], str] = {
        (ROOT, "/x"): "ollama",
        (ROOT, "/deep/"): "ollama",
        (ROOT, "/deep/a/b"): "ollama",
        (ROOT, "/open/ws"): "open",
        (ROOT, "/open/inside/only"): "inside",
        (UI, "/app/a"): "ui",
        (UI, "/sdapi/v1/txt2img"): "ui",
        (FAR, "/far/any/thing"): "far",
        (FAR, "/far"): "far",
        (OTHER, "/p/u/b/api/pull"): "deep",
    }
    for (door, path), name in there.items():
        for method in ("GET", "POST", "DELETE", "PATCH", "PROPFIND"):
            assert clean.ask(door, path, KEY, method=method)[0] == 200, (path, method)
            assert [server for server, _ in clean.seen()] == [name]
    beside: dict[Door, tuple[str, ...]] = {
        ROOT: (
            "/x/", "/x/y", "/xy", "/deep", "/deeper", "/deeper/x", "/Deep/x", "/open/x", "/open",
            "/open/inside", "/open/inside/", "/open/inside/only/", "/open/inside/v1/models",
        ),
        UI: ("/", "/app", "/apps/x", "/sdapi/v1/txt2img/", "/sdapi/v1/options"),
        OTHER: ("/p/u/b", "/p/u/b/", "/p/u/b/api", "/p/u/b/apis"),
    }  # fmt: skip
    for door, paths in beside.items():
        for path in paths:
            assert refusal(clean.ask(door, path, KEY)) == (403, "closed"), path
    assert clean.seen() == []


@pytest.mark.parametrize(
    "below",
    BELOW,
)
def test_a_path_is_passed_on_byte_for_byte(clean: Mac, below: str) -> None:
    routes = {
        (ROOT, "/deep"): ("ollama", "/deep"),
        (ROOT, "/open/v1/models"): ("open", "/v1/models"),
        (ROOT, "/a.b/c-d/e~f/v1/models"): ("nested", "/a.b/c-d/e~f/v1/models"),
        (FAR, "/far"): ("far", ""),
        (FAR, "/kept/v1/models"): ("kept", "/kept/v1/models"),
        (OTHER, "/pub"): ("pub", ""),
    }
    for (door, before), (name, kept) in routes.items():
        assert clean.ask(door, f"{before}/{below}", KEY)[0] == 200, before
        assert clean.seen() == [(name, f"{kept}/{below}")]


@pytest.mark.parametrize("odd", ['"', "#", "<", ">", "^", "`", "{", "|", "}", "[", "\xff", "\xc3\xa4"])
def test_what_no_client_may_send_comes_as_it_is_or_not_at_all(clean: Mac, odd: str) -> None:
    """Go spells such a path anew before Caddy sees it: that is the one which is judged, and which is sent."""
    for door, path in ((ROOT, "/deep/"), (FAR, "/far/"), (FAR, "/kept/v1/models/"), (ROOT, "/open%2fv1/models/")):
        target = f"{path}a%2fb{odd}"
        clean.ask(door, target, KEY)
        judged = respelt(target) if clean.gate.server == "caddy" else target
        assert [seen for _, seen in clean.seen() if not judged.endswith(seen)] == [], target


@pytest.mark.parametrize("path", CROOKED)
def test_a_crooked_path_is_nowhere(clean: Mac, path: str) -> None:
    for door, mount in (
        (ROOT, ""),
        (ROOT, "/open"),
        (ROOT, "/a.b/c-d/e~f"),
        (FAR, "/far"),
        (FAR, "/kept"),
        (OTHER, "/pub"),
    ):
        assert refusal(clean.ask(door, f"{mount}{path}", KEY)) == (404, "crooked"), mount
    assert clean.seen() == []


@pytest.mark.parametrize(
    "path",
    ["/%6fpen/v1/models", "/op%65n/v1/models", "/open%2fv1/models", "/open%2Finside/only"],
)
def test_a_mount_is_spelt_as_it_is(clean: Mac, path: str) -> None:
    assert refusal(clean.ask(ROOT, path)) == (404, "crooked")
    assert refusal(clean.ask(PUBLIC, path.replace("inside/only", "v1/models"), KEY)) == (404, "crooked")
    assert clean.seen() == []


@pytest.mark.parametrize("path", ["/..", "/../v1/models", "/open/../../v1/models", "/%2e%2e/%2e%2e/etc"])
def test_nothing_lies_above_the_root(clean: Mac, path: str) -> None:
    assert refusal(clean.ask(ROOT, path))[0] in (400, 404)
    assert clean.seen() == []


@pytest.mark.parametrize(
    "path", ["/deep/..;/api/pull", "/deep/..;x=1/api/pull", "/deep/.;/x", "/deep/%2e%2e;/api/pull"]
)
def test_dots_with_a_parameter_are_dots(clean: Mac, path: str) -> None:
    """Servers in Java take it off, and go up then."""
    assert refusal(clean.ask(ROOT, path)) == (404, "crooked")
    assert clean.seen() == []


def test_control_characters_are_no_path(clean: Mac) -> None:
    for code in ("00", "01", "09", "0a", "0A", "0d", "0d%0a", "1f", "1F", "7f", "7F"):
        for door, path in ((ROOT, "/deep/"), (ROOT, "/open/v1/models/"), (FAR, "/far/"), (OTHER, "/pub/")):
            assert clean.ask(door, f"{path}%{code}x", KEY)[0] == 400, (code, path)
            assert clean.ask(door, f"/%{code}{path}", KEY)[0] == 400, (code, path)
    assert clean.seen() == []
    assert refusal(clean.ask(ROOT, "/deep/%0a"))[0] == 400


def test_the_internet_is_told_nothing_without_a_key(clean: Mac) -> None:
    """Neither what is there, nor what is not."""
    for door in (PUBLIC, OTHER):
        for number, path in enumerate(
            ("/nowhere", "/pub/x", "/p/u/b", "/open//x", "/api/pull", "/macstate/", "/llms.txt")
        ):
            far = f"X-Forwarded-For: 198.51.100.{number}"
            assert refusal(clean.ask(door, path, far))[0] == 401, path
            assert refusal(clean.ask(door, path, far, "Host: elsewhere"))[0] == 401, path
    assert clean.seen() == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_nobody_gets_a_mirror_or_a_tunnel(clean: Mac, method: str) -> None:
    """Not even where everything is open."""
    for door, path in ((FAR, "/far/x"), (ROOT, "/x"), (OTHER, "/pub/x")):
        assert clean.ask(door, path, KEY, method=method)[0] in (403, 405), path
    assert clean.seen() == []


def test_upper_and_lower_case_differ(clean: Mac) -> None:
    for path in (
        "/OPEN/v1/models",
        "/Open/v1/models",
        "/A.B/C-D/E~F/api/tags",
        "/open/V1/models",
        "/API/TAGS",
        "/X",
        "/Deep/x",
    ):
        assert clean.ask(ROOT, path)[0] == 403, path
    for path in ("/FAR/x", "/Kept/v1/models"):
        assert clean.ask(FAR, path)[0] == 404, path
    assert clean.ask(ROOT, "/MACSTATE/")[0] == 403
    assert clean.ask(ROOT, "/macstate/KEY", KEY)[0] == 404
    assert clean.seen() == []


def test_the_name_is_this_macs_and_its_port_means_nothing(clean: Mac) -> None:
    for host in (NAME, NAME.upper(), f"{NAME}.", f"{NAME}:443", f"{NAME}:7860", f"{NAME}:9000", f"{NAME}.:1"):
        assert clean.ask(ROOT, "/x", f"Host: {host}")[0] == 200, host
        assert clean.ask(ROOT, f"http://{host}/x", "Host: elsewhere")[0] == 200, host
        assert clean.seen() == [("ollama", "/x")] * 2
    for host in ("localhost", "127.0.0.1", "[::1]", f"x{NAME}", f"{NAME}.x", "studio", "_", "*"):
        assert clean.ask(ROOT, "/x", f"Host: {host}")[0] == 404, host
        assert clean.ask(PUBLIC, "/x", f"Host: {host}", KEY)[0] == 404, host
    for host in (f"me@{NAME}", f"{NAME}@x", f"{NAME} x", f"{NAME}/x", f"{NAME}..", f"[{NAME}]", "a b", ""):
        assert clean.ask(ROOT, "/x", f"Host: {host}")[0] in (400, 404), host
    assert clean.ask(ROOT, "http://elsewhere/x")[0] == 404
    assert clean.ask(ROOT, "/x", HOST, "Host: elsewhere")[0] == 400
    assert clean.seen() == []


def test_a_server_gets_the_name_that_its_door_has(clean: Mac) -> None:
    for host in (NAME, f"{NAME}:7860"):
        clean.ask(ROOT, "/open/v1/models", f"Host: {host}")
        assert clean.headers("open")["Host"] == NAME
        clean.ask(FAR, "/far/x", f"Host: {host}")
        assert clean.headers("far")["Host"] == f"{NAME}:9000"
        clean.ask(OTHER, "/pub/x", f"Host: {host}", KEY)
        assert clean.headers("pub")["Host"] == f"{NAME}:10000"


@pytest.mark.parametrize(
    "target", ["/far/x", "/kept/v1/models", "/app/x", "/pub/x", "/p/u/b/api/x", "/openx/v1/models"]
)
def test_another_ports_route_is_not_to_be_had(clean: Mac, target: str) -> None:
    """Not by Host, by the request's own form, by a line that ends early, or by what a proxy would say."""
    https = {"/far": 9000, "/kept": 9000, "/app": 7860, "/pub": 10000, "/p": 10000, "/openx": 10000}
    port = next(number for mount, number in https.items() if target.startswith(mount + "/"))
    doors = [
        door for door in clean.gate.doors if door[1] != port and not (door == ROOT and target.startswith("/openx"))
    ]
    audience = "funnel" if port == 10000 else "tailnet"
    tries = [
        (target, f"Host: {NAME}:{port}"), (f"http://{NAME}:{port}{target}", HOST),
        (f"https://{NAME}:{port}{target}", f"Host: {NAME}:{port}"), (target, f"X-Forwarded-Host: {NAME}:{port}"),
        (target, f"Forwarded: host={NAME}:{port}"), (f"/%0a{audience}/{port}%20{target}", HOST),
        (f"/x%0d%0a{audience}/{port} {target}", HOST), (f"/{audience}/{port}{target}", HOST),
        (f"/{port}{target}", HOST), (f"/x/..{target}", HOST), ("/closed", f"X-Original-URL: {target}"),
    ]  # fmt: skip
    for door in doors:
        for path, header in tries:
            assert clean.ask(door, path, header, KEY)[0] in (400, 403, 404), (door, path, header)
    assert clean.seen() == []


def test_a_door_of_the_tailnet_lets_nobody_in_from_the_internet(clean: Mac) -> None:
    for door, path in ((ROOT, "/x"), (ROOT, "/macstate/"), (ROOT, "/macstate/key"), (UI, "/app/x"), (FAR, "/far/x")):
        assert clean.ask(door, path, KEY, "Tailscale-Funnel-Request: ?1")[0] == 403, path
    assert clean.seen() == []


@pytest.mark.parametrize(
    "text",
    BROKEN,
)
def test_what_is_no_request_is_told_so(clean: Mac, text: bytes) -> None:
    """The old nginx has an answer without a head for the oldest HTTP, which is this one's first."""
    for door in (ROOT, PUBLIC):
        answer = ask(clean.gate.doors[door], text + f"\r\n{HOST}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = answer.rpartition(b"\r\n\r\n")
        assert b" 500 " not in head, answer
        assert not head or head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")), answer
        if clean.gate.server == "nginx":
            assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert clean.seen() == []


def test_what_is_too_large_is_told_so(clean: Mac) -> None:
    for target, header, allowed in (
        ("/deep/" + "x" * 40000, "X: y", (414, 431)),
        ("/deep/x", "X: " + "y" * 40000, (400, 431)),
    ):
        status, _ = clean.ask(ROOT, target, header)
        assert status in allowed
    assert clean.seen() == []


def test_a_body_of_600_megabytes_is_too_large(clean: Mac) -> None:
    assert refusal(clean.ask(ROOT, "/deep/x", "Content-Length: 600000000", method="POST"))[0] == 413
    assert clean.seen() == []


@pytest.mark.parametrize("upgrade", ["h2c", "H2C", "h2c, websocket", "websocket, h2c", "TLS/1.0", "websocketx", "x"])
def test_nothing_but_a_websocket_is_spoken_instead(clean: Mac, upgrade: str) -> None:
    wish = ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {upgrade}", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    for door, path, name in ((ROOT, "/open/ws", "open"), (FAR, "/far/ws", "far"), (PUBLIC, "/open/ws", "open")):
        assert clean.ask(door, path, KEY, *wish)[0] == 200
        seen = clean.headers(name)
        assert "Upgrade" not in seen
        assert "upgrade" not in seen.get("Connection", "").lower()


def test_a_second_request_behind_an_upgrade_is_judged_as_any_other(clean: Mac) -> None:
    hidden = f"GET /open/api/pull?hidden HTTP/1.1\r\n{HOST}\r\nConnection: close\r\n\r\n"
    for upgrade in ("h2c", "websocket"):
        wish = f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\n"
        answer = ask(
            clean.gate.doors[ROOT], f"GET /open/v1/models HTTP/1.1\r\n{HOST}\r\n{wish}\r\n{hidden}".encode(), 2
        )
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert clean.seen() == [("open", "/v1/models")]


def test_pages_of_other_sites_get_in_by_a_link_alone(clean: Mac) -> None:
    """Without a key. With one at a door that asks for it, wherever the page is from."""
    cross, link = "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"
    for path in ("/x", "/open/ws", "/macstate/"):
        asked = {
            200: [
                (),
                (cross, link),
                (cross, "Origin: http://localhost:3000"),
                ("Sec-Fetch-Site: same-site",),
                ("Sec-Fetch-Site: none", link),
                (f"Origin: https://{NAME}:7860",),
                (cross, f"Origin: https://{NAME}"),
            ],
            403: [
                (cross,),
                (cross, "Sec-Fetch-Mode: no-cors"),
                (cross.upper(),),
                ("Origin: null",),
                (cross, link, "Origin: null"),
                (cross, link, "Origin: https://page.example"),
                ("Origin: https://page.example", "Sec-Fetch-Site: same-origin"),
                (f"Origin: http://{NAME}",),
                (f"Origin: https://{NAME}.example",),
                ("Origin: http://localhost.example",),
            ],
        }
        for status, tries in asked.items():
            for headers in tries:
                assert clean.ask(ROOT, path, *headers)[0] == status, (path, headers)
    for method in ("POST", "HEAD"):
        assert clean.ask(ROOT, "/x", cross, link, method=method)[0] == 403
    clean.seen()
    for door, path in ((PUBLIC, "/x"), (UI, "/app/x"), (OTHER, "/pub/x")):
        for headers in ((cross,), ("Origin: https://page.example",), (cross, "Origin: null")):
            assert clean.ask(door, path, KEY, *headers, method="POST")[0] == 200
            assert len(clean.seen()) == 1
            assert clean.ask(door, path, *headers, method="POST")[0] in (401, 429)
    assert clean.seen() == []


def test_no_query_is_in_any_log(clean: Mac) -> None:
    """Nor in what the server says of an error by itself."""
    word = "in-the-query"
    for door, target, status in (
        (ROOT, f"/x?a={word}", (200,)),
        (ROOT, f"/dead/x?a={word}", (502,)),
        (ROOT, f"/closed?a={word}", (403,)),
        (ROOT, f"/deep//x?a={word}", (404,)),
        (ROOT, f"/deep/%00?a={word}", (400,)),
        (ROOT, f"/deep/%zz?a={word}", (400,)),
        (ROOT, f"/deep/x y?a={word}", (400,)),
        (ROOT, f"/deep/{'x' * 40000}?a={word}", (414, 431)),
        (ROOT, f"/deep/x?a={word}{'x' * 40000}", (200, 414, 431)),
        (ROOT, f"http://elsewhere/x?a={word}", (404,)),
        (PUBLIC, f"/x?a={word}", (401, 429)),
        (ROOT, f"/macstate/state/dead?a={word}", (404,)),
        (ROOT, f"/macstate/key?a={word}", (401,)),
        (FAR, f"/nowhere?a={word}", (404,)),
    ):
        assert clean.ask(door, target)[0] in status, target[:80]
    for header in (f"Referer: https://x/?a={word}", f"X: {word}{'y' * 40000}"):
        assert clean.ask(ROOT, f"/x?a={word}", header)[0] in (200, 400, 431)
    clean.ask(ROOT, f"/macstate/state/open?a={word}", method="HEAD", body="x" * 100_000)
    clean.arrived("open")
    assert clean.ask(ROOT, f"/dead/x?a={word}", method="POST", body="x")[0] == 502
    assert clean.ask(ROOT, f"/macstate/state/dead?a={word}", method="HEAD")[0] == 204
    cut = f"POST /x?a={word} HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
    ask(clean.gate.doors[ROOT], cut, 2)
    clean.ask(ROOT, "/last?x")
    wait_for(lambda: "/last" in clean.gate.log(), "the log")
    lines = [
        line for line in (clean.gate.log() + clean.gate.said()).splitlines() if word in line or KEYS["agents"] in line
    ]
    assert lines == []


def test_a_key_is_proven_without_any_server(clean: Mac) -> None:
    for door in clean.gate.doors:
        for method in ("GET", "HEAD", "POST"):
            assert clean.ask(door, "/macstate/key?x", KEY, method=method) == (204, b"")
        assert clean.ask(door, "/macstate/key", f"Authorization: {bearer('phone')}") == (204, b"")
        for header in ("X: y", f"{KEY}x", "Authorization: Bearer", KEY.swapcase()):
            far = f"X-Forwarded-For: 203.0.113.{len(header)}"
            assert refusal(clean.ask(door, "/macstate/key", header, far)) == (401, None)
        for path in ("/macstate/key/", "/macstate/key/x", "/macstate//key", "/macstate/%6bey/x"):
            assert clean.ask(door, path, KEY)[0] in (403, 404), path
        assert clean.ask(door, "/macstate/key", KEY, "Host: elsewhere")[0] == 404
    assert clean.seen() == []


def test_a_state_is_asked_for_by_its_head_alone(clean: Mac) -> None:
    """And holds nothing of what the server has said, but that it answers."""
    for door, key in ((ROOT, "X: y"), (PUBLIC, KEY)):
        for name, path in (("ollama", "/"), ("open", "/v1/models")):
            text = f"HEAD /macstate/state/{name} HTTP/1.1\r\n{HOST}\r\n{key}\r\nConnection: close\r\n\r\n"
            head, _, body = ask(clean.gate.doors[door], text.encode()).partition(b"\r\n\r\n")
            assert (b"x-macstate: up" in head.lower(), body) == (True, b"")
            assert head.split()[1] == b"204"
            assert b"x-own" not in head.lower()
            assert clean.servers[name].seen[-1][0] == "GET"
            assert "Authorization" not in clean.headers(name)
            assert clean.seen() == [(name, path)]
            for method in ("GET", "POST", "OPTIONS", "PUT", "DELETE"):
                assert clean.ask(door, f"/macstate/state/{name}", key, method=method)[0] == 404, method
    for door, name in (
        (ROOT, "ui"),
        (ROOT, "no"),
        (ROOT, "open/"),
        (PUBLIC, "far"),
        (FAR, "far"),
        (OTHER, "pub"),
        (UI, "ui"),
    ):
        assert clean.ask(door, f"/macstate/state/{name}", KEY, method="HEAD")[0] in (403, 404), (door, name)
    assert clean.seen() == []


def test_a_state_takes_nothing_along(clean: Mac) -> None:
    """Neither a body, nor a query, nor a wish for another protocol."""
    for body in ("x", "x" * 900, "x" * 100_000):
        status, said = clean.ask(ROOT, "/macstate/state/open?x=y", "Upgrade: h2c", method="HEAD", body=body)
        assert status in (204, 413), len(body)
        assert said == b""
        clean.arrived("open")
        assert clean.headers("open").get("Upgrade") is None
        assert [body for body in clean.servers["open"].bodies if len(body) > 1000] == []
        assert clean.seen() == [("open", "/v1/models")]
    with socket.create_connection(("127.0.0.1", clean.gate.doors[ROOT]), 10) as connection:
        chunked = f"HEAD /macstate/state/open HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(chunked.encode() + b"2000\r\n" + b"x" * 0x2000 + b"\r\n0\r\n\r\n")
        assert until(connection, b"\r\n\r\n").split()[1] in (b"204", b"413")
    clean.arrived("open")
    assert [body for body in clean.servers["open"].bodies if len(body) > 1000] == []
    for headers in ((f"{HOST}x",), ("Sec-Fetch-Site: cross-site",), ("Origin: https://page.example",)):
        assert clean.ask(ROOT, "/macstate/state/open", *headers, method="HEAD")[0] in (403, 404)


def test_hostile_paths_reach_nothing_that_is_not_theirs(clean: Mac) -> None:
    """20,000 at every door, with keys and without; counted at the servers themselves, each by its own number."""
    shots = Attacker(random.Random(20261124), NAME, KEYS["agents"], respells=clean.gate.server == "caddy").shots(
        HOSTILE
    )

    def shoot(shot: Shot) -> bytes:
        return ask(clean.gate.doors[shot.door], shot.text, 30 if shot.valid else 1)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(shoot, shots))
    headers = [headers for each in clean.servers.values() for _, _, headers in each.seen]
    assert {each.get("Upgrade") for each in headers} <= {None, "websocket"}
    assert [each for each in headers if "Authorization" in each] == []
    seen = clean.seen()
    assert [shot.valid for shot in shots].count(False) == HOSTILE
    assert [(stray, *texts(shots, stray[1])) for stray in strays(shots, seen)] == []
    assert missing(shots, seen) == []
    assert [shot for shot, answer in zip(shots, answers, strict=True) if answer[9:13] == b"500 "] == []


def texts(shots: list[Shot], path: str) -> list[bytes]:
    """Give the requests that a path may come from, for whoever reads that this test has failed."""
    number = re.search(r"n=(\w+)", path)
    return [shot.text for shot in shots if number and f"n={number[1]}".encode() in shot.text][:2]


def test_two_wishes_for_another_protocol_are_none(clean: Mac) -> None:
    """One that would pass does not take the other along."""
    for first, second in (("h2c", "websocket"), ("websocket", "h2c"), ("h2c, websocket", "websocket")):
        clean.ask(ROOT, "/open/inside/only", "Connection: Upgrade", f"Upgrade: {first}", f"Upgrade: {second}")
        assert [headers.get("Upgrade") for _, _, headers in clean.servers["open"].seen] in ([None], [])
        clean.seen()


def test_what_is_listed_is_only_read(clean: Mac) -> None:
    """Some servers load and unload models by POST there."""
    for method in ("POST", "PUT", "DELETE"):
        for path in ("/v1/models", "/v1/models/llm/load"):
            assert refusal(clean.ask(ROOT, f"/open{path}", method=method)) == (403, "closed"), (method, path)
    assert clean.seen() == []


def test_the_gateways_own_names_are_nowhere(clean: Mac) -> None:
    for path in ("/macstate%20state", "/macstate%20400", "/macstate%20414", "/MACSTATE%20400", "/macstate/state/"):
        for door in (PUBLIC, OTHER):
            far = f"X-Forwarded-For: 192.0.2.{len(path)}"
            assert refusal(clean.ask(door, path, far))[0] == 401, path
        assert clean.ask(ROOT, path, method="HEAD")[0] in (403, 404), path
    assert [path for _, path in clean.seen() if "macstate" in path] == []
