"""Whatever a spec may say: both servers take what is rendered of it, and mean the same by it."""

from __future__ import annotations

import json
import re
import string
import urllib.parse
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from lab.gate import KEYS, NAME, AnyGate, Backend, ask, bearer
from lab.hostile_paths import Door
from lab.tailnet import wait_for

from macstate.endpoint.reach import variable
from macstate.errors import MacstateError
from macstate.gateway.doors import READING, USUAL
from macstate.gateway.heads import heads
from macstate.language import secrets

pytestmark = pytest.mark.lab
SERVERS = ("nginx", "caddy")
EXAMPLES = 40
KEY = f"Authorization: {bearer('agents')}"
LONG = "-.~+" * (secrets.LONGEST // 4)
WORDS = [
    "key", "guide", "bare", "state", "none", "default", "hostnames", "include", "volatile", "0", "007", "1e9", "inf",
    "nan", "infinity", "true", "f", "0x1p4", "x-_-", "tailnet", "funnel", "crooked", "closed", "page", "a" * 63,
    "strangers",
]  # fmt: skip
"""Names that mean something elsewhere."""
NAMES = st.sampled_from(WORDS) | st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)
METHODS = {"reading": READING, "using": USUAL, "anything": ()}
PLAIN = re.compile(r"(?!/macstate|/llms\.txt)(/[A-Za-z0-9_-]+)+/?|/")
"""A path that is read in one way, and is none of the guide's."""
LETTERS = string.ascii_letters + string.digits


@cache
def servers() -> list[Backend]:
    """Give the model servers: all that any spec has."""
    return [Backend() for _ in range(5)]


def segments(alphabet: str, longest: int) -> st.SearchStrategy[str]:
    """Give paths of up to four segments."""
    segment = st.text(alphabet, min_size=1, max_size=longest).filter(lambda text: text not in {".", ".."})
    return st.lists(segment, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


MOUNTS = st.sampled_from(
    ["/", "/open", "/openx", "/open/x", "/o.en", "/-", "/~", "/_", "/...", "/" + "y" * 254]
) | segments(LETTERS + "._~-", 12)
OPEN = st.sampled_from(
    ["/", "/*", "/x", "/x/", "/api/*", "/" + "z" * 252 + "/*", "/a.b+c/(d)/*", "/;=:@", "/-", "/x&y"]
) | st.builds(str.__add__, segments(LETTERS + "._~!&()+,;=:@-", 12), st.sampled_from(["", "/", "/*"]))
ESCAPED = st.sampled_from(["%20", "%25", "%7B", "%ff", "%c3%a4", "%23", "%3F", "%22", "%24", "%41"])
HEALTH = st.sampled_from(
    ["/", "/health", "/h?a=b", "/h?a?b", "/h;x", "/v1/models?x=%2F..//&y=*'", "/x/" + "h" * 250]
) | st.builds(
    lambda path, parts, query: f"{path}{''.join(parts)}{query}"[:255].rstrip("%"),
    segments(LETTERS + "._~!&()*+,;=:@-", 8),
    st.lists(ESCAPED, max_size=3),
    st.sampled_from(["", "?a=b&c=%00", "?%2e%2E//x"]),
)
VALUES = st.text(LETTERS + "._~+/=-", min_size=20, max_size=80) | st.sampled_from(
    ["-" * 20, "." * 20, "~+/=" * 50, LONG]
)


Example = tuple[dict[str, Any], dict[str, str], dict[str, Any], bool]


@st.composite
def specs(draw: st.DrawFn) -> Example:
    """Give endpoints that do not collide, keys, what else the gateway is told, and whether the servers are started."""
    names = draw(st.lists(NAMES, min_size=1, max_size=len(servers()), unique_by=variable))
    taken: set[tuple[str, int, str]] = set()

    def route(audience: str, ports: list[int]) -> dict[str, Any] | None:
        https, path = draw(st.sampled_from(ports)), draw(MOUNTS)
        place = (audience, https, path.lower())
        if place in taken:
            return None
        taken.add(place)
        return {"https": https, "path": path, "keep_path": draw(st.booleans())}

    endpoints: dict[str, Any] = {}
    for name, backend in zip(names, servers(), strict=False):
        entry: dict[str, Any] = {
            "engine": draw(st.sampled_from(["ollama", "openai", "rest"])),
            "command": ["/bin/x"],
            "port": backend.port,
        }
        entry |= {
            "serve": route("tailnet", [443, 443, 7860]),
            "funnel": route("funnel", [8443, 10000]) if draw(st.booleans()) else None,
        }
        entry |= {"require_key": draw(st.sampled_from([None, True, False])), "health": draw(st.none() | HEALTH)}
        entry |= {"open": draw(st.none() | st.lists(OPEN, max_size=4))}
        endpoints[name] = {field: value for field, value in entry.items() if value is not None}
    values = draw(st.lists(VALUES, max_size=3, unique=True))
    keys = {**KEYS, **dict(zip(draw(st.lists(NAMES, min_size=3, max_size=3, unique=True)), values, strict=False))}
    return endpoints, keys, {"require_key": draw(st.sampled_from(["funnel", "always"]))}, draw(st.booleans())


def gates(folder: Path, endpoints: dict[str, Any], keys: dict[str, str], **options: Any) -> list[AnyGate]:
    """Write the configuration of both servers, which take it."""
    found = []
    for server in SERVERS:
        place = folder / server
        place.mkdir(parents=True)
        gate = AnyGate(server, place, endpoints, keys, **options)
        gate.write()
        assert gate.refusal() == "", server
        found.append(gate)
    return found


def targets(endpoints: dict[str, Any], door: Door) -> list[tuple[str, str]]:
    """Give what is asked for at a door, as (method, path): what is open, what is beside it, and what no route has."""
    found = [
        ("GET", path)
        for path in ("/", "/macstate/", "/macstate", "/macstate/key", "/macstate/x", "/llms.txt", "/no", "//")
    ]
    field = "serve" if door[0] == "tailnet" else "funnel"
    for name, entry in endpoints.items():
        found.append(("HEAD", f"/macstate/state/{name}"))
        if field not in entry:
            continue
        mount = entry[field]["path"].rstrip("/")
        paths = [path.replace("*", "x%2Fy") for path in entry.get("open", ())]
        paths += [
            "", "/", "x", "/v1/models", "/v1/models/a%2Bb?c=%2F", "/api/tags", "/api/pull", "/x/../y", "/%78", "/%ff",
        ]  # fmt: skip
        found += [
            (method, f"{mount}{path}") for path in paths for method in ("GET", "DELETE") if f"{mount}{path}"[:1] == "/"
        ]
        if mount:
            found += [("GET", f"{mount.swapcase()}/v1/models"), ("GET", f"/%{ord(mount[1]):02x}{mount[2:]}/v1/models")]
    return found


def answered(gate: AnyGate, door: Door, method: str, path: str, *headers: str) -> list[Any]:
    """Ask, and give what both servers have to agree on."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {NAME}", *headers]
    answer = ask(gate.doors[door], "\r\n".join([*lines, "Connection: close", "", ""]).encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    state = [line for line in head.lower().splitlines() if line.startswith(b"x-macstate:")]
    said = json.loads(body) if body.startswith(b"{") else {}
    seen = [said["port"], said["method"], said["path"], said["headers"]["Host"]] if "port" in said else []
    return [*state, *seen] if state else [head.split()[1], said.get("error", {}).get("code"), *seen]


def read(target: str) -> tuple[bytes, str]:
    """Read a path as a server does, and leave the query as it is: Caddy has a spelling of its own for a health path."""
    path, _, query = target.partition("?")
    return urllib.parse.unquote_to_bytes(path), query


def told(gate: AnyGate, door: Door, method: str, path: str) -> bool:
    """Say whether the first lines of the configuration, which a plan is made of, let a plain path through."""
    config = gate.folder / "etc" / ("nginx.conf" if gate.server == "nginx" else "Caddyfile")
    mounts = {
        route.partition("/")[2]: behind
        for (audience, route), behind in heads(config.read_text()).routes.items()
        if (audience, route.partition("/")[0]) == (door[0], str(door[1]))
    }
    mine = [mount for mount in mounts if f"{path}/".startswith(f"/{mount}/".replace("//", "/"))]
    if not mine:
        return False
    mount = max(mine, key=len)
    rest = path[len(mount) + 1 if mount else 0 :]
    return any(
        (method in METHODS[grade] or grade == "anything")
        and (rest == each or (each.endswith("/*") and rest.startswith(each[:-1])))
        for grade, each in mounts[mount].allows
    )


@given(spec=specs())
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # what fails is told as it is: to make it smaller takes minutes
    suppress_health_check=list(HealthCheck),
)
def test_both_take_it_and_mean_alike(spec: Example, tmp_path_factory: pytest.TempPathFactory) -> None:
    endpoints, keys, options, started = spec
    try:
        nginx, caddy = gates(tmp_path_factory.mktemp("specs"), endpoints, keys, **options)
    except MacstateError:
        reject()  # a mount of the guide's, or no route at all
    if not started:
        return
    routes = [each[field] for each in endpoints.values() for field in ("serve", "funnel") if field in each]
    bare = {route["path"] for route in routes} - {"/"}  # `/*` of a whole engine has the mount itself too
    health = {name: each["health"] for name, each in endpoints.items() if "health" in each}
    with nginx.running(), caddy.running():
        for door in nginx.doors:
            for number, (method, path) in enumerate(targets(endpoints, door)):
                client = f"X-Forwarded-For: 198.51.{number // 250}.{number % 250}"
                for headers in ((client,), (client, KEY)):
                    one, other = (answered(gate, door, method, path, *headers) for gate in (nginx, caddy))
                    assert one == other, (door, method, path, headers)
                if PLAIN.fullmatch(path) and path not in bare:
                    passed = len(other) > 2
                    assert passed == told(nginx, door, method, path) == told(caddy, door, method, path), (door, path)
        for name, path in health.items():
            backend = next(each for each in servers() if each.port == endpoints[name]["port"])
            for gate in (nginx, caddy):
                backend.seen.clear()
                for door in gate.doors:
                    answered(gate, door, "HEAD", f"/macstate/state/{name}", KEY)
                assert {read(seen) for _, seen, _ in backend.seen} <= {read(path)}, gate.server


def test_the_longest_key_lets_in(tmp_path: Path) -> None:
    """Of characters that need an escape, every one."""
    entry = {"engine": "rest", "command": ["/bin/x"], "port": servers()[0].port, "serve": "/", "require_key": True}
    for gate in gates(tmp_path, {"one": entry}, {"long": LONG}):
        with gate.running():
            request = f"GET /x HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {LONG}\r\nConnection: close\r\n\r\n"
            assert ask(gate.doors["tailnet", 443], request.encode()).startswith(b"HTTP/1.1 200 "), gate.server
            assert b" 401 " in ask(gate.doors["tailnet", 443], request.replace(LONG, LONG[1:]).encode())


@pytest.mark.parametrize("server", SERVERS)
def test_a_key_may_have_any_name(server: str, tmp_path: Path) -> None:
    """Also one that reads as a number, as infinite, or as yes; the log tells it as it is."""
    entry = {"engine": "rest", "command": ["/bin/x"], "port": servers()[0].port, "serve": "/", "require_key": True}
    names = ("inf", "nan", "007", "1e9", "0", "true", "f", "default", "hostnames", "a" * 63)
    gate = AnyGate(server, tmp_path, {"one": entry}, {name: f"the-very-own-key-of-{name}" for name in names})
    gate.write()
    assert gate.refusal() == ""
    with gate.running():
        for name, value in gate.keys.items():
            assert answered(gate, ("tailnet", 443), "GET", "/x", f"Authorization: Bearer {value}")[0] == b"200", name
            wait_for(lambda name=name: json.loads(gate.log().splitlines()[-1])["key"] == name, f"{name} in the log")  # type: ignore[misc]


def test_two_names_of_one_key_are_no_mistake(tmp_path: Path) -> None:
    """As while a name is changed; or it is refused with the spec, before anything is written."""
    entry = {"engine": "rest", "command": ["/bin/x"], "port": servers()[0].port, "serve": "/", "require_key": True}
    assert len(gates(tmp_path, {"one": entry}, {"one": KEYS["agents"], "two": KEYS["agents"]})) == 2


def test_both_take_two_hundred_endpoints(tmp_path: Path) -> None:
    """With long names and mounts, and much that is open."""
    endpoints: dict[str, Any] = {}
    for number in range(200):
        mount = f"/{number:03}{'m.' * 125}"
        entry: dict[str, Any] = {"engine": ("ollama", "openai", "rest")[number % 3], "command": ["/bin/x"]}
        entry |= {"port": 30000 + number, "serve": {"https": (443, 7860)[number % 2], "path": mount}}
        entry |= {
            "funnel": {"https": (8443, 10000)[number % 2], "path": mount},
            "open": [f"/{n}{'o+' * 120}/*" for n in range(5)],
        }
        endpoints[f"{number:03}{'n' * 60}"] = entry
    endpoints[f"007{'n' * 60}"]["port"] = servers()[0].port
    for gate in gates(tmp_path, endpoints, KEYS):
        with gate.running():
            mount = endpoints[f"007{'n' * 60}"]["serve"]["path"]
            request = f"GET {mount}/v1/models HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n"
            assert b'"path": "/v1/models"' in ask(gate.doors["tailnet", 7860], request.encode())
