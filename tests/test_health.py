"""What is made of the answers of endpoints and of their routes: is it up, does it serve what the spec names?"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import pytest
from lab.registry import certificate
from ports import free_port

from macstate import spec
from macstate.endpoint.engines import ENGINES
from macstate.gateway.entry import Gateway
from macstate.kernel.change import Plan
from macstate.kernel.record import Record, Recorded
from macstate.kernel.resource import Actual
from macstate.kinds import KINDS
from macstate.kinds.launchd import Launchd
from macstate.kinds.model import Model, queue
from macstate.kinds.serve import Serve
from macstate.language.facts import Facts, Node
from macstate.language.facts.machine import Listener, Machine
from macstate.review import health
from macstate.review.health import routes, usage
from macstate.review.status import Status
from macstate.spec.declared import Declared

HEADER = "macs: {studio: {hostname: h, user: anna}}\n"
LISTS = json.dumps({"data": [{"id": "a/b"}]})


def wished(entry: str) -> Declared:
    gateway = "gateway: {server: nginx, keys: {me: env:X}}\n" if "funnel" in entry else ""
    text = f"{HEADER}{gateway}endpoints: {{coder: {{command: [/opt/x], port: 8000, {entry}}}}}\n"
    return spec.parse(text, "macs.yml").for_host("studio")


def found(asked: dict[str, str], *more: Serve, name: str = "") -> Actual:
    """Give a Mac whose endpoint runs, and answers this."""
    job = Launchd(key="system/macstate.coder", loaded={"x": 1}, running=True, pid=7)
    machine = Machine(listeners=(Listener(8000, "127.0.0.1", 7, 7, "/opt/x"),))
    facts = Facts(node=Node(name=name), machine=machine)
    record = Record({was.id: Recorded("owned", "") for was in more})
    return Actual(facts, {was.id: was for was in (job, *more)}, record, answers=asked, kinds=KINDS)


@pytest.mark.parametrize(
    ("path", "asked", "state", "text"),
    [
        ("/v1/models", {"health coder": f"{LISTS}\n200"}, "up", "process 7 on 127.0.0.1:8000"),
        ("/health", {"health coder": "OK\n200", "served coder": f"{LISTS}\n200"}, "up", "process 7 on 127.0.0.1:8000"),
        (
            "/health",
            {"health coder": "OK\n200", "served coder": '{"data": null}\n200'},
            "wrong",
            "it does not serve a/b",
        ),
        ("/v1/models", {"health coder": "{}\n401"}, "up", "not known: /v1/models answers HTTP 401"),
        ("/health", {"health coder": "OK\n200", "served coder": "\n404"}, "up", "/v1/models answers HTTP 404"),
        ("/health", {"health coder": "OK\n200", "served coder": "\n000"}, "up", "/v1/models does not answer"),
        (
            "/health",
            {"health coder": "OK\n200", "served coder": "<p>\n200"},
            "up",
            "something other than a list of models",
        ),
        ("/health", {"health coder": "\n503", "served coder": f"{LISTS}\n200"}, "down", "it does not answer: HTTP 503"),
    ],
)
def test_declared_models_are_looked_for_where_they_are_listed(
    path: str, asked: dict[str, str], state: str, text: str
) -> None:
    wishes = wished(f"engine: openai, health: {path}, models: {{a/b: AB}}")
    (judged,) = health.healths(wishes, found(asked))
    assert (judged.state, judged.text.endswith(text)) == (state, True), judged
    assert {name for name, _ in health.lists(wishes)} == {section.partition(" ")[0] for section in asked}


def test_who_declares_no_model_is_asked_once() -> None:
    wishes = wished("engine: openai, health: /health")
    assert [name for name, _ in health.lists(wishes)] == ["health"]


class Mac(BaseHTTPRequestHandler):
    """What Serve would answer."""

    def do_GET(self) -> None:
        self.send_response({"/": 200, "/key": 401}.get(self.path, 502))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Serve with HTTPS; the laptop trusts it."""
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with ThreadingHTTPServer(("127.0.0.1", 0), Mac) as server:
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def serve(port: int, path: str) -> Serve:
    return Serve.to(port, path, "http://127.0.0.1:8000", funnel=False)


def asked(declared: Declared, was: Actual) -> dict[str, tuple[str, str]]:
    return {route.url.removeprefix("https://"): (route.state, route.text) for route in routes.reached(declared, was)}


def test_each_route_is_asked_for(port: int) -> None:
    closed, wishes = free_port(), wished("engine: rest")
    mine = [serve(port, "/"), serve(port, "/key"), serve(port, "/down"), serve(closed, "/")]
    was = found({"health coder": "\n200"}, *mine, name="localhost")
    foreign = serve(port, "/foreign")

    seen = asked(
        wishes, Actual(was.facts, {**was.resources, foreign.id: foreign}, was.record, answers=was.answers, kinds=KINDS)
    )

    assert seen.pop(f"localhost:{closed}/")[0] == "silent"
    assert seen == {
        f"localhost:{port}/": ("answers", "200"),
        f"localhost:{port}/key": ("answers", "401"),
        f"localhost:{port}/down": ("silent", "HTTP 502"),
    }
    assert [text.partition(": ")[0] for text in routes.ill(wishes, was, (), ask=True)] == [
        f"https://localhost:{port}/down",
        f"https://localhost:{closed}/",
    ]
    assert list(routes.ill(wishes, was, (), ask=False)) == []


@pytest.mark.parametrize(("path", "fine", "said"), [("/key", True, ", 401"), ("/down", False, ", HTTP 502")])
def test_a_silent_route_is_part_of_the_verdict(port: int, path: str, fine: bool, said: str) -> None:
    was = found({"health coder": "\n200"}, serve(port, path), name="localhost")
    for in_tailnet in (True, False):
        seen = Status(wished("engine: rest"), was, Plan(()), in_tailnet)
        assert seen.fine == (fine or not in_tailnet)
        [(about, state, text)] = [line for line in seen.lines() if f"https://localhost:{port}{path}" in line[2]]
        assert (about.strip(), state.text.strip()) == ("tailnet", "stray")
        assert text.endswith(f"leads to no endpoint of the spec{said if in_tailnet else ''}")


def test_a_route_to_what_is_starting_has_time(port: int) -> None:
    was = found({"health coder": "\n000", "age coder": "00:05"}, serve(port, "/down"), name="localhost")
    wishes = wished(f"engine: rest, serve: {{https: {port}, path: /down}}")
    assert asked(wishes, was) == {f"localhost:{port}/down": ("starting", "HTTP 502")}
    assert list(routes.ill(wishes, was, (), ask=True)) == []


def test_what_the_laptop_itself_cannot_do_is_not_the_macs_fault(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wishes, answers = wished("engine: rest"), {"health coder": "\n200"}
    monkeypatch.delenv("SSL_CERT_FILE")
    ((state, text),) = asked(wishes, found(answers, serve(port, "/"), name="localhost")).values()
    assert (state, "does not trust the certificate" in text) == ("unknown", True)
    ((state, text),) = asked(wishes, found(answers, serve(port, "/"), name="no-such-name.invalid")).values()
    assert (state, "cannot resolve" in text) == ("unknown", True)


def told(entry: str, asked: dict[str, str], *routes: Serve) -> list[str]:
    """Give what `macstate status` says of the endpoint, line by line."""
    seen = Status(wished(entry), found(asked, *routes, name="mac.ts.net"), Plan(()), in_tailnet=False)
    lines = [f"{about.rstrip()} {state.text.strip()}{text[1:]}" for about, state, text in seen.lines()]
    assert not any(f"{about}{state.text}{text}".endswith(" ") for about, state, text in seen.lines())
    return lines[: lines.index("spec matches")]


def test_an_endpoint_is_told_with_its_addresses_its_models_and_for_how_long_it_runs() -> None:
    here = (
        Serve.to(443, "/c", "http://127.0.0.1:8000", funnel=False),
        serve(8443, "/").model_copy(update={"funnel": True}),
    )
    entry = "engine: openai, serve: /c, funnel: {https: 8443}, health: /health"
    answers = {"health coder": "OK\n200", "served coder": f"{LISTS}\n200", "age coder": "1-02:03:04"}

    assert told(entry, answers, *here, serve(443, "/old"), serve(443, "/llms.txt")) == [
        "coder up process 7 on 127.0.0.1:8000, for 26 h",
        "  tailnet set up https://mac.ts.net/c",
        "  internet set up https://mac.ts.net:8443/",
        "  models served a/b",
        "gateway down not set up yet",
        "routes not checked this laptop is not in the Mac's tailnet",
        "tailnet stray https://mac.ts.net/old leads to no endpoint of the spec",
        "tailnet set up https://mac.ts.net/llms.txt",
    ]


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("2318-03-01T10:00:00.123456789+01:00", "2.0 GB in memory, until it is unloaded"),
        ("2020-03-01T10:00:00Z", "2.0 GB in memory, until 2020-03-01 "),
        ("soon", "2.0 GB in memory"),
    ],
)
def test_what_an_ollama_has_in_memory(until: str, said: str) -> None:
    body = json.dumps({"models": [{"name": "qwen3:32b", "size": 2 * 10**9, "expires_at": until}]})
    lines = told("engine: ollama", {"health coder": "x\n200", "loaded coder": f"{body}\n200"})
    assert lines[1].startswith(f"  qwen3:32b loaded {said}")


@pytest.mark.parametrize(
    "body", ["", "x", "[]", "{}", '{"models": 5}', '{"models": [5]}', '{"models": [{"name": 1}, 7]}']
)
def test_what_is_no_list_of_loaded_models_is_not_told(body: str) -> None:
    was = found({"loaded coder": f"{body}\n200"})
    assert [each.name for each in ENGINES["ollama"].loaded("coder", was)] in ([], ["1"])


@pytest.mark.parametrize("count", ["1" + "0" * 400, "-5", "true", "1e999", "0", '"5"'])
def test_a_size_that_cannot_be_is_unknown(count: str) -> None:
    body = f'{{"models": [{{"name": "a", "size": {count}, "expires_at": "0001-01-01T00:00:00Z"}}]}}'
    lines = told("engine: ollama", {"health coder": "x\n200", "loaded coder": f"{body}\n200"})
    assert lines[1] == "  a loaded in memory, its size is unknown"
    [model] = Model.parse({"curl /api/tags coder 8000": body})
    assert model.size is None
    line = "working\na\t5\tpulling\t0\t0\t5\t" + json.dumps({"total": 10**400, "completed": -(10**400)})
    [(_, pull)] = queue.pulls({"pulls coder": line})
    assert str(pull).startswith("0.0 of ")


def test_the_gateway_has_a_line_where_it_does_not_run() -> None:
    wishes = spec.parse(GATED, "macs.yml").for_host("studio")
    scope = wishes.scope(Facts())
    gateway = scope.one(Gateway)
    assert gateway
    port = gateway.listens_on(scope)[0]

    def lines(job: Launchd | None, *listeners: Listener) -> list[str]:
        facts = Facts(machine=Machine(listeners=listeners))
        seen = Status(
            wishes, Actual(facts, {job.id: job} if job else {}, Record({}), kinds=KINDS), Plan(()), in_tailnet=False
        )
        return [f"{about}{state.text}{text}" for about, state, text in seen.lines() if about.startswith("gateway")]

    down = Launchd(key="system/macstate.gateway", loaded={"x": 1}, running=False)
    assert lines(down, Listener(port, "127.0.0.1", 9, 9, "/opt/node")) == [
        f"gateway  down     {port} is in use by {Listener(port, '127.0.0.1', 9, 9, '/opt/node')}"
    ]
    assert lines(down) == ["gateway  down     its job is not running"]
    assert lines(None) == ["gateway  down     not set up yet"]
    assert lines(Launchd(key="system/macstate.gateway", loaded={"x": 1}, running=True, pid=7)) == []


def test_a_pull_of_an_ollama_that_is_down_waits() -> None:
    was = found({"health coder": "x\n000"})
    model = Model(key="coder/qwen3:8b", pulled=False, pull=queue.Pull("pulling", alive=True))
    seen = Status(
        wished("engine: ollama"),
        Actual(was.facts, {model.id: model}, was.record, kinds=KINDS),
        Plan(()),
        in_tailnet=False,
    )
    lines = [f"{about}{state.text}{text}" for about, state, text in seen.lines()]
    assert lines[1] == "coder/qwen3:8b  waiting  its pull goes on when coder runs"


GATED = "macs: {studio: {hostname: h, user: anna}}\ngateway: {server: nginx, keys: {me: env:X}}\nendpoints:\n"
GATED += "  a: {engine: rest, command: [/opt/x], port: 8000, serve: /a}\n"
GATED += "  b: {engine: rest, command: [/opt/x], port: 8001, serve: /}\n"


@pytest.mark.parametrize(
    ("log", "a", "b"),
    [
        ("", "0 requests", "0 requests"),
        ("   2 2026-11-27T10:00+01:00 tailnet/443 /a/x\n", "0 requests", "0 requests"),  # an hour before it ran
        ("   2 2026-11-27T11:00+01:00 tailnet/443 /a/x\n   1 17957736 tailnet/443 /a\n", "3 requests", "0 requests"),
        ("more\n   1 2026-11-27T11:00+01:00 tailnet/443 /ab\n", "at least 0 requests", "at least 1 request"),
        ("more\n   1 2026-11-27T09:00+01:00 tailnet/443 /ab\n", "0 requests", "at least 1 request"),
        (
            "   1 2026-11-27T11:00+01:00 funnel/8443 /a\n   x\n   1 9999-99-99T99:99+99:99 tailnet/443 /a\n",
            "0 requests",
            "0 requests",
        ),
    ],
)
def test_requests_are_counted_since_an_endpoint_runs_and_by_the_longest_mount(log: str, a: str, b: str) -> None:
    clock = 1795773600 + 120  # 2026-11-27 10:02 UTC
    facts = Facts(node=Node(name="h"), machine=Machine(clock=clock))
    was = Actual(facts, {}, Record({}), answers={"requests": log, "age a": "03:00"}, kinds=KINDS)
    wishes = spec.parse(GATED, "macs.yml").for_host("studio")
    assert usage.answered(wishes, was) == {"a": f"{a} answered", "b": f"{b} answered"}
