"""`macstate try`: a chat with real servers on loopback, good and ill-mannered ones, and what is printed of it."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from front import DONE, STREAM, Answer, Asked, Front, error, head, public_dns, token
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from laptop import ROOT

from macstate.cli import macstate
from macstate.endpoint.engines import ENGINES
from macstate.gateway.answers import ERRORS, REFUSALS
from macstate.language.secrets import Secret
from macstate.printable import printable
from macstate.transport.ssh import tailnet
from macstate.trial import chat, names, stream, wire
from macstate.trial.chat import Trial
from macstate.trial.door import BrokenError, Door, Outcome, UnaskedError

KEY = "k3y-Of.the_tests~and+of/nobody=else-0123456789"
NAME = "studio.tail1.ts.net"
NODE, INGRESS = "100.64.0.7", "1.2.3.4"
"""The Mac in the tailnet, and what public DNS says of it; the tests' network has no way to anybody else."""
NGINX = {"Server": "nginx"}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    front = Front(tmp_path_factory.mktemp("front"), "localhost")
    yield front
    front.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, front: Front) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(front.authority))
    monkeypatch.setattr(chat, "SOON", 0.3)
    front.asked.clear()


def entry(engine: str = "openai", *models: str) -> Any:
    """Give an endpoint as the spec has it, as far as a trial looks at it."""
    return SimpleNamespace(made_by=ENGINES[engine], models={model: SimpleNamespace(resident=False) for model in models})


def through(  # noqa: PLR0913 - one parameter for each thing that a test varies
    front: Front,
    answer: Answer | Callable[[Asked], Answer | None] | None,
    *,
    engine: str = "openai",
    gated: bool = False,
    patience: float = 5,
    models: tuple[str, ...] = ("m",),
    model: str = "",
) -> Outcome:
    """Try a server that gives this answer."""
    front.script = answer if callable(answer) else lambda _: answer
    trial = Trial(entry(engine, *models), (), patience, "/health", model)
    url = f"https://localhost:{front.port}/coder"
    return trial.through(Door("coder", "tailnet", url, gated, "agents", Secret(KEY), address="127.0.0.1"))


def test_a_good_stream_is_measured(front: Front) -> None:
    front.pause = 0.1
    found = through(front, STREAM)
    front.pause = 0.01

    told = re.fullmatch(r"m: first token after (\d+\.\d\d) s, (\d+\.\d) tokens a second \(3 tokens\)", found.text)
    assert (found.level, bool(told)) == ("ok", True), found
    assert told is not None
    assert 0 < float(told[1]) < 5
    assert 2 < float(told[2]) < 100  # a token each 0.1 s, on a busy machine
    (asked,) = front.asked
    assert (asked.method, asked.path) == ("POST", "/coder/v1/chat/completions")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["host"] == f"localhost:{front.port}"
    assert (asked.json["model"], asked.json["stream"], asked.json["max_tokens"]) == ("m", True, stream.WANTED)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_what_a_model_thinks_are_tokens_too(front: Front, name: str) -> None:
    found = through(front, [head(), token("hm", name), token("well", name), token("yes"), DONE])

    assert "(3 tokens)" in found.text, found


def test_the_servers_own_count_wins_over_that_of_events(front: Front) -> None:
    usage = b'data: {"choices": [], "usage": {"completion_tokens": 40}}\n\n'

    assert "(40 tokens)" in through(front, [head(), token("a b c"), token("d e f"), usage, DONE]).text


def test_an_event_may_come_in_pieces(front: Front) -> None:
    whole = token("one ") + token("zwölf ") + token("three") + DONE
    pieces = [whole[start : start + 7] for start in range(0, len(whole), 7)]

    assert "(3 tokens)" in through(front, [head(), *pieces]).text


def test_an_end_without_a_word_is_one_where_the_model_has_finished(front: Front) -> None:
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'

    assert through(front, [head(), token(), token(), end]).level == "ok"


CHUNKED = {"Transfer_Encoding": "chunked"}


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (
            [head(), token(), b'data: {"error": {"message": "out of memory"}}\n\n'],
            "model: m ends with an error after 1 token: out of memory; `macstate logs coder`",
        ),
        ([head(), b'{"error": "llama runner has ended"}\n'], "model: m ends with an error: llama runner has ended;"),
        ([head(), token(), token()], "server: its answer breaks off after 2 tokens (neither an end nor [DONE]);"),
        ([head(**CHUNKED), b"%x\r\n" % len(token()), token(), b"\r\n40\r\ndata: "], "server: its answer breaks off"),
        ([head(Content_Length="4000"), token()], "server: its answer breaks off after 1 token (the connection ends"),
        ([head(**CHUNKED), b"zz\r\n"], "server: its answer breaks off after 0 tokens"),
        ([head(), DONE], "model: m gives an empty answer, without a single token"),
        ([head()], "server: its answer breaks off after 0 tokens"),
        ([head(), b"\xff\xfe data\n"], "server: it answers with something else than events: \ufffd\ufffd data"),
        ([head(), b'data: {"choices": [{"del\n\n', b"data: 7\n\n", DONE], "server: it answers with something else"),
        (
            [head(), b"data: " + b"[" * 100_000 + b"\n\n"],
            "server: it answers with something else than events: data: [[[[",
        ),
        (
            head(kind="application/json") + b'{"choices": [{"message": {"content": "four"}}]}',
            "server: it answers at once and not as a stream",
        ),
        (head(kind="application/json") + b'{"error": "no"}', "server: it answers at once and not as a stream: no;"),
        (b"", "server: it hangs up in the middle"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "server: it hangs up in the middle (SSH-2.0-OpenSSH_9.9"),
        (head("503 Service Unavailable", "text/html") + b"<h1>no</h1>", "server: HTTP 503; `macstate logs coder`"),
        (error("307 Temporary Redirect", "x", Location="https://localhost/"), "server: HTTP 307: it sends elsewhere"),
        (error("401 Unauthorized", "no key"), "server: HTTP 401: no key: it wants a key of its own"),
        (error("500 Oops", "model requires more memory"), "model: m: HTTP 500: model requires more memory;"),
        (head("404 No", "application/json") + b'{"detail": "Not Found"}', "model: m: HTTP 404: Not Found"),
        (
            head("404 No", "text/plain", X_Content_Type_Options="nosniff") + b"404 page not found\n",
            "Serve: it has no route for /coder at port ",
        ),
    ],
    ids=lambda each: re.sub(r"\W+", " ", each)[:40] if isinstance(each, str) else "",
)
def test_bad_manners_are_one_line_each(front: Front, answer: Answer, line: str) -> None:
    found = through(front, answer)

    assert found.level == "error"
    assert found.text.startswith(line), found.text
    assert found.text.isprintable()
    assert len(found.text) < 500


def test_a_redirect_is_not_followed(front: Front, tmp_path: Path) -> None:
    other = Front(tmp_path, "localhost")
    through(front, error("302 Found", "x", Location=f"https://localhost:{other.port}/"))
    other.close()

    assert other.asked == []


def test_a_stream_without_an_end_is_left(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    front.pause = 0
    assert "does not end, though it was asked for 64 tokens" in through(front, [head(), *[token()] * 2000]).text
    monkeypatch.setattr(wire, "MOST", 50_000)
    for endless in (b"x", b": still here\n\n"):
        found = through(front, [head(), *[endless * 1000] * 200])
        assert found.text.startswith("server: its answer does not end"), found.text
    front.pause = 0.01


def test_a_stream_that_stalls_is_left_and_a_slow_one_is_measured(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    front.pause = 0.25
    monkeypatch.setattr(stream, "STALL", 0.1)
    assert "breaks off after 1 token (no further token within 0.1 s)" in through(front, [head(), *[token()] * 9]).text
    monkeypatch.setattr(stream, "STALL", 5)
    monkeypatch.setattr(stream, "LASTS", 0.6)
    found = through(front, [head(), *[token()] * 9])
    front.pause = 0.01
    assert found.level == "ok"
    assert re.search(r" [34]\.\d tokens a second \([23] tokens\)$", found.text), found


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\n", head(), head() + b": ping\n\n"])
def test_who_says_nothing_is_found_by_asking(front: Front, begin: bytes) -> None:
    def model(asked: Asked) -> Answer | None:
        return [begin, *[b""] * 200] if asked.method == "POST" else head() + b"{}"

    found = through(front, model, patience=0.3)
    assert found.text.startswith("model: m gives no token within 0.3 s, though the server answers"), found.text


def test_a_silent_gate_is_told_from_a_silent_server(front: Front) -> None:
    def server(asked: Asked) -> Answer | None:
        return error("404 No", REFUSALS["crooked"][1]) if asked.path == "/coder/%5c" else None

    assert through(front, server, patience=0.3, gated=True).text.startswith("server: no answer within 0.3 s")
    assert through(front, None, patience=0.3, gated=True).text.startswith("gate: Serve is there, and the gate says")


def test_headers_that_drip_have_an_end_too(front: Front) -> None:
    front.pause = 0.05
    found = through(front, [b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 60], patience=0.3, gated=True)
    front.pause = 0.01

    assert found.level == "error"


@pytest.mark.parametrize(
    ("status", "text", "line"),
    [
        *((status, text, "server" if status in (502, 504) else "gate") for status, (_, text) in ERRORS.items()),
        *((status, text, "gate") for status, text in REFUSALS.values()),
    ],
)
def test_the_gates_own_words_name_the_gate(front: Front, status: int, text: str, line: str) -> None:
    found = through(front, error(f"{status} No", text, Retry_After="7", **NGINX), gated=True)

    assert found.text.startswith(f"{line}: HTTP {status}"), found.text
    assert ("in 7 s" in found.text) == (status == 429)
    assert ("key agents" in found.text) == (status == 401)


@pytest.mark.parametrize("mark", [NGINX, {"Via": "1.1 Caddy"}])
def test_what_passed_the_gate_is_the_servers_and_what_did_not_is_serves(front: Front, mark: dict[str, str]) -> None:
    answers = {
        head("502 Bad Gateway", "text/plain"): "gate: HTTP 502, and not by the gate",
        head("502 Bad Gateway", "text/plain", **mark): "server: HTTP 502;",
        error("401 No", "mine", **mark): "server: HTTP 401: mine",
        head("404 No", "text/plain", X_Content_Type_Options="nosniff") + b"404 page not found": "Serve: it has no",
    }
    for answer, line in answers.items():
        assert through(front, answer, gated=True).text.startswith(line)


def test_a_model_that_is_not_there_is_found_in_the_servers_list(front: Front) -> None:
    def server(asked: Asked) -> Answer:
        there = {"data": [{"id": "other"}, {"id": "more"}]}
        listed = head(kind="application/json") + json.dumps(there).encode()
        return listed if asked.path.endswith("/v1/models") else error("404 No", "nothing of that name")

    assert through(front, server).text.startswith(
        "model: m is not there; the server has other, more; `macstate status`"
    )
    assert through(front, server, model="more").text.startswith("model: more: HTTP 404: nothing of that name")


@pytest.mark.parametrize(
    ("engine", "declared", "loaded", "listed", "asked"),
    [
        ("ollama", ("a", "b"), ["b:latest"], [], "b"),
        ("ollama", ("a", "b"), ["c:latest"], [], "a"),
        ("ollama", (), ["c:latest"], [], "c:latest"),
        ("ollama", (), [], ["d"], "d"),
        ("openai", ("a",), [], ["d"], "a"),
        ("openai", (), [], ["d", "e"], "d"),
    ],
)
def test_the_model_is_one_that_is_loaded_declared_or_there(  # noqa: PLR0913, PLR0917 - what it depends on
    front: Front, engine: str, declared: tuple[str, ...], loaded: list[str], listed: list[str], asked: str
) -> None:
    def server(request: Asked) -> Answer:
        lists = {
            "/coder/api/ps": {"models": [{"name": name} for name in loaded]},
            "/coder/v1/models": {"data": [{"id": name} for name in listed] or None},
        }
        found = lists.get(request.path)
        return STREAM if found is None else head(kind="application/json") + json.dumps(found).encode()

    assert through(front, server, engine=engine, models=declared).level == "ok"
    assert front.asked[-1].json["model"] == asked


def test_a_server_that_knows_no_stream_options_is_asked_without(front: Front) -> None:
    def server(asked: Asked) -> Answer:
        return error("400 No", "stream_options: extra field") if "stream_options" in asked.json else STREAM

    assert through(front, server).level == "ok"


@pytest.mark.parametrize(
    ("status", "level", "text"),
    [("204 No", "ok", "HTTP 204 for /health after"), ("500 No", "error", "server: HTTP 500")],
)
def test_what_is_no_model_is_asked_for_its_example(front: Front, status: str, level: str, text: str) -> None:
    found = through(front, head(status), engine="rest", models=())

    assert (found.level, front.asked[0].path) == (level, "/coder/health")
    assert found.text.startswith(text)


@pytest.mark.parametrize("parts", [[KEY], [KEY[:30]], [KEY[20:]], list(KEY), [KEY[:9], KEY[9:]]])
@pytest.mark.parametrize("between", ["", " ", "\n", "\u200b", "\x1b[2K", '", "'])
def test_a_key_that_comes_back_is_not_shown(front: Front, parts: list[str], between: str) -> None:
    said = f"wrong key {between.join(parts)} here"
    for answer in (
        error("400 No", said),
        [head(), b"data: " + json.dumps({"error": said}).encode() + b"\n\n"],
        head("400 No", "text/plain") + said.encode(),
        [head(), said[:20].encode(), said[20:].encode()],
    ):
        text = through(front, answer).text
        assert text.isprintable()
        shown = re.sub(r"[^A-Za-z0-9._~+/=-]", "", text)
        assert [KEY[start : start + 12] for start in range(len(KEY) - 11) if KEY[start : start + 12] in shown] == [], (
            text
        )


@pytest.mark.parametrize("form", [quote(KEY, safe=""), quote(KEY, safe="").replace("%2F", "%2f").replace("%3D", "%3d")])
def test_a_key_in_the_form_of_a_url_is_not_shown(front: Front, form: str) -> None:
    assert through(front, error("400 No", f"no /x?key={form}&y")).text.startswith(
        "model: m: HTTP 400: no /x?key=(key)&y;"
    )


FORMS = {
    "capitals": KEY.upper(),
    "hex": KEY.encode().hex(),
    "HEX, parted": KEY.encode().hex(":").upper(),
    "base64": b64encode(KEY.encode()).decode(),
    "base64 of the header": b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 of the password": b64encode(f"me:{KEY}".encode()).decode(),
    "base64 for URLs": urlsafe_b64encode(f"x{KEY}".encode()).decode(),
    "HTML": "".join(f"&#{ord(each)};" for each in KEY),
    "HTML, in hex": "".join(f"&#x{ord(each):02X};" for each in KEY),
    "a text of C": "".join(f"\\x{ord(each):02x}" for each in KEY),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_key_in_another_form_is_not_shown(front: Front, form: str) -> None:
    text = through(front, error("400 No", f"no {form} here")).text

    assert "(key)" in text
    assert [form[start : start + 14] for start in range(len(form) - 13) if form[start : start + 14] in text] == [], text


@pytest.mark.parametrize("status", ["204 No", "202 No"])
def test_a_success_without_an_answer_says_nothing_against_the_gate(front: Front, status: str) -> None:
    assert through(front, head(status), gated=True).text.startswith(f"server: HTTP {status[:3]}, which is no answer")


PIECES = some.one_of(
    some.binary(max_size=40),
    some.sampled_from(
        [
            token(),
            DONE,
            KEY.encode(),
            KEY.encode()[:17],
            KEY.encode()[17:],
            b'data: {"error": "' + KEY.encode() + b'"}\n',
            b'{"error": {"message": "',
            b"data: {}\n",
            b'data: {"choices": [{"delta": {"content": 7}}], "usage": {"completion_tokens": true}}\n',
            b'data: {"choices": [null], "usage": 7}\n',
            b"\n",
            b"\r\n",
            b"5\r\n",
            b"0\r\n\r\n",
            b"data: ",
            b"\x1b]0;title\x07",
        ]
    ),
)
HEADS = some.sampled_from(
    [
        head(),
        head(**CHUNKED),
        head(Content_Length="90"),
        head(kind="application/json"),
        head("404 No"),
        head("500 " + KEY, X_Key=KEY),
        head("429 Slow", Retry_After=KEY),
        b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n",
        b"",
    ]
)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(begin=HEADS, pieces=some.lists(PIECES, max_size=12), gated=some.booleans(), model=some.sampled_from(["m", ""]))
def test_whatever_comes_is_one_line_without_the_key(
    front: Front, begin: bytes, pieces: list[bytes], gated: bool, model: str
) -> None:
    front.pause = 0
    found = through(front, [begin, *pieces], gated=gated, models=(), model=model, patience=2)
    front.pause = 0.01

    assert found.level in {"ok", "error"}
    assert found.text == printable(found.text)
    assert len(found.text) < 800
    assert KEY not in found.text
    assert KEY[:17] not in found.text
    assert KEY[17:] not in found.text


SPEC = f"""
macs:
  studio: {{hostname: {NAME}, user: anna}}
gateway: {{server: nginx, keys: {{agents: env:AGENTS}}}}
endpoints:
  coder:
    engine: openai
    command: [/opt/a]
    port: 8001
    serve: /coder
    funnel: {{https: 8443, path: /coder}}
    models: {{m: M}}
  pictures: {{engine: rest, command: [/opt/b], port: 8002}}
"""
PEER = {"DNSName": f"{NAME}.", "TailscaleIPs": [NODE], "Online": True}
STATUS = {
    "BackendState": "Running",
    "Self": {"DNSName": "macbook.tail1.ts.net.", "UserID": 1, "Online": True},
    "Peer": {"key": PEER},
}


def tailscale(folder: Path, status: Any, ping: str) -> None:
    """Make the laptop's tailscale command say this."""
    pong = f"case $* in *{NODE}) echo '{ping}' ;; esac"
    text = f"#!/bin/sh\n[ \"$1\" = status ] || {{ {pong}; exit; }}\ncat <<'END'\n{json.dumps(status)}\nEND\n"
    (folder / "tailscale").write_text(text)
    (folder / "tailscale").chmod(0o755)


class Laptop:
    """A laptop with macstate's commands, a tailscale command, and a network of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.front = Front(folder, NAME)
        self.spec(SPEC)
        tailscale(folder, STATUS, "pong from studio (100.64.0.7)")
        self.routes = {f"{NODE}:443": self.front.port, f"{INGRESS}:8443": self.front.port}
        self.known = [NAME]
        self.inventory = folder / "inventory.py"
        self.inventory.write_text("from macstate.transport import hosts\nmacs = hosts.macs()\n")

    def spec(self, text: str) -> None:
        (self.folder / "macs.yml").write_text(text)

    def type(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["macstate", "try", *words],
            cwd=ROOT,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )

    def see(self, *words: str) -> str:
        """Type it on a real terminal; give all that it shows."""
        pid, screen = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execvpe("macstate", ["macstate", "try", *words], self.environment(TERM="xterm"))  # noqa: S606 - a command
        shown = b""
        with suppress(OSError):  # Linux' way to say that it is over
            while piece := os.read(screen, 65536):
                shown += piece
        os.close(screen)
        os.waitpid(pid, 0)
        return shown.decode()

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "PATH": f"{self.folder}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT / "tests/lab/magicdns"),
            "LAB_MAGICDNS": " ".join(f"{name}=1" for name in self.known),
            "LAB_ROUTES": " ".join(f"{place}={port}" for place, port in self.routes.items()),
            "SSL_CERT_FILE": str(self.front.authority),
            "MACSTATE_SPEC": str(self.folder / "macs.yml"),
            "MACSTATE_REHEARSAL": str(self.folder / "rehearsals"),
            "AGENTS": KEY,
            **more,
        }

    def tries(self, *words: str, dns: dict[str, list[str]] | None = None, **more: str) -> tuple[int, list[str]]:
        """Try the endpoint; give the exit status and the lines."""
        with public_dns({NAME: [INGRESS]} if dns is None else dns) as resolver:
            done = self.type(str(self.inventory), "coder", "--resolver", resolver, *words, **more)
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert KEY not in said
        return done.returncode, said.splitlines()


@pytest.fixture
def laptop_there(tmp_path: Path) -> Iterator[Laptop]:
    laptop = Laptop(tmp_path)
    yield laptop
    laptop.front.close()


def test_both_doors_are_tried_and_only_the_internets_gets_the_key(laptop_there: Laptop) -> None:
    code, lines = laptop_there.tries()

    assert (code, len(lines)) == (0, 2), lines
    assert re.fullmatch(rf"ok     tailnet  https://{NAME}/coder/v1  m: first token after .* tokens\)", lines[0])
    assert re.fullmatch(rf"ok     funnel   https://{NAME}:8443/coder/v1  m: first token after .* tokens\)", lines[1])
    assert ["authorization" in asked.headers for asked in laptop_there.front.asked] == [False, True]
    assert [asked.headers["host"] for asked in laptop_there.front.asked] == [NAME, f"{NAME}:8443"]


def test_where_the_public_address_cannot_be_asked_the_endpoint_is_not_to_blame(laptop_there: Laptop) -> None:
    asked_of_magicdns = laptop_there.tries(dns={NAME: [NODE]})
    del laptop_there.routes[f"{INGRESS}:8443"]
    for code, lines in (asked_of_magicdns, laptop_there.tries()):
        assert code == 0
        assert lines[0].startswith("ok     tailnet")
        assert lines[1].startswith(f"note   funnel   https://{NAME}:8443/coder/v1  could not be asked from here: ")


PUBLIC = Door("coder", "funnel", f"https://{NAME}:8443", gated=True)


@pytest.mark.parametrize(
    ("found", "address"),
    [
        ([INGRESS], INGRESS),
        ([NODE, INGRESS], INGRESS),
        (["fd7a:115c:a1e0::7", "2606:4700:4700::1111"], "2606:4700:4700::1111"),
    ],
)
def test_the_public_address_is_the_internets(found: list[str], address: str) -> None:
    with public_dns({NAME: found}) as resolver:
        assert names.address(PUBLIC, (names.resolver(resolver),)) == address


@pytest.mark.parametrize(
    "found",
    [[NODE], ["127.0.0.1", "10.0.0.7", "::1", "fd7a:115c:a1e0::7", "::ffff:127.0.0.1", "224.0.0.1", "192.0.2.1"]],
)
def test_what_is_not_the_internets_address_is_told_and_not_used(found: list[str]) -> None:
    with public_dns({NAME: found}) as resolver, pytest.raises(UnaskedError) as told:
        names.address(PUBLIC, (names.resolver(resolver),))
    assert all(each in str(told.value) for each in found)
    assert "no public address, as MagicDNS would" in str(told.value)


@pytest.mark.parametrize("known", [{}, {NAME: []}])
def test_a_name_that_public_dns_does_not_know_is_broken(known: dict[str, list[str]]) -> None:
    with public_dns(known) as resolver, pytest.raises(BrokenError, match=f"name: public DNS has no address of {NAME}"):
        names.address(PUBLIC, (names.resolver(resolver),))


def test_a_resolver_that_says_nothing_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PATIENCE", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        dead = names.resolver(f"127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UnaskedError, match=r"no public resolver tells its address .* no answer"):
            names.address(PUBLIC, (dead,))
        monkeypatch.setattr(names, "PATIENCE", 2)
        with public_dns({NAME: [INGRESS]}) as resolver:
            assert names.address(PUBLIC, (dead, names.resolver(resolver))) == INGRESS


@pytest.mark.parametrize("text", ["1.1.1.1", "1.1.1.1:5353", "2606:4700::1111", "[2606:4700::1111]:53", "[::1]"])
def test_a_resolver_is_an_address_perhaps_with_a_port(text: str) -> None:
    assert names.resolver(text).answer_nameserver() in text
    assert names.resolver(text).answer_port() == (5353 if text.endswith("5353") else 53)


def hang_up(door: socket.socket, times: int) -> None:
    """Let somebody in and throw them out at once."""
    for _ in range(times):
        door.accept()[0].close()


STATUS_OFFLINE = {**STATUS, "Peer": {"key": {**PEER, "Online": False, "LastSeen": "2026"}}}


@pytest.mark.parametrize(
    ("status", "ping", "tailnet_says", "funnel_says"),
    [
        (STATUS, "pong from studio", "Serve: the Mac is there, but nothing is served at its port", "Serve: Funnel's"),
        (STATUS, "studio is local Tailscale IP", "Serve: the Mac is there, but nothing is served", "Serve: Funnel's"),
        (
            STATUS,
            "no reply",
            f"tailnet: {NAME} answers neither a connection (",
            f"tailnet: {NAME} answers neither a connection (",
        ),
        (
            {"BackendState": "Stopped"},
            "",
            "tailnet: this laptop is not in its tailnet (tailscaled is",
            "Serve: Funnel's",
        ),
        ({**STATUS, "Peer": {}}, "", f"tailnet: {NAME} is not in this laptop's tailnet;", "Serve: Funnel's ingress"),
        (STATUS_OFFLINE, "", *[f"tailnet: {NAME} is offline, last seen 2026; is it on, awake"] * 2),
    ],
)
@pytest.mark.parametrize("hangs_up", [True, False])
def test_what_begins_no_tls_is_looked_at(  # noqa: PLR0913, PLR0917 - what it depends on
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: Any,
    ping: str,
    tailnet_says: str,
    funnel_says: str,
    hangs_up: bool,
) -> None:
    tailscale(tmp_path, status, ping)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        if hangs_up:
            threading.Thread(target=hang_up, args=(door, 2), daemon=True).start()
        else:
            door.close()
        for via, line in {"tailnet": tailnet_says, "funnel": funnel_says}.items():
            tailnet.status.cache_clear()
            door_there = Door("coder", via, f"https://{NAME}:{port}", address="127.0.0.1")
            found = Trial(entry("openai", "m"), (), 5, "/").through(door_there)
            tailnet.status.cache_clear()
            if via == "funnel" and not hangs_up:  # nobody knows whose fault it is that Tailscale's own does not answer
                assert (found.level, found.text[:27]) == ("note", "could not be asked from her")
            else:
                assert (found.level, found.text[: len(line)]) == ("error", line)
            assert "ssh: openssh" not in found.text


def test_a_port_that_says_nothing_is_told_from_one_that_begins_no_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tailscale(tmp_path, STATUS, "pong from studio")
    tailnet.status.cache_clear()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(wire, "CONNECT", 0.3)
    monkeypatch.setattr(wire, "HANDSHAKE", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as door:
        place = door.getsockname()
        through_it = Door("coder", "tailnet", f"https://{NAME}:{place[1]}", address="127.0.0.1")
        trial = Trial(entry("openai", "m"), (), 5, "/")
        assert trial.through(through_it).text.startswith(
            "Serve: no TLS within 0.3 s: its certificate may be on its way"
        )
        # now its queue is full, and who comes next hears nothing, as behind a firewall
        assert re.match(rf"tailnet: {NAME} is there, but its port \d+ does not answer:", trial.through(through_it).text)
    tailnet.status.cache_clear()


def test_an_unknown_certificate_and_a_wrong_name_are_told(laptop_there: Laptop, tmp_path: Path) -> None:
    code, lines = laptop_there.tries(SSL_CERT_FILE=os.devnull)
    assert code == 1
    assert all(
        f"Serve: the certificate is not {NAME}'s to this laptop's Python: unable to get" in line for line in lines
    )

    (tmp_path / "other").mkdir()
    other = Front(tmp_path / "other", "other.tail1.ts.net")
    laptop_there.routes = {f"{NODE}:443": other.port, f"{INGRESS}:8443": other.port}
    code, lines = laptop_there.tries(SSL_CERT_FILE=str(other.authority))
    other.close()
    assert code == 1
    assert all("Hostname mismatch" in line for line in lines), lines
    assert other.asked == []


def test_a_name_that_does_not_resolve_or_leads_elsewhere_is_told(laptop_there: Laptop) -> None:
    laptop_there.known = []
    code, lines = laptop_there.tries()
    assert code == 1
    assert f"  name: this laptop cannot resolve {NAME} (Name or service not known); turn MagicDNS on" in lines[0]

    laptop_there.known = [NAME]
    laptop_there.routes = {f"{INGRESS}:443": laptop_there.front.port, f"{INGRESS}:8443": laptop_there.front.port}
    code, lines = laptop_there.tries()
    assert code == 1
    assert (
        f"  name: {NAME} leads to {INGRESS}, which is not in the tailnet: the internet's DNS has answered" in lines[0]
    )


def test_a_key_that_this_laptop_lacks_is_told_and_none_is_made(laptop_there: Laptop) -> None:
    laptop_there.spec(SPEC.replace("env:AGENTS", "generate"))
    code, lines = laptop_there.tries()
    assert code == 1
    assert "  gate: it wants a key, and this laptop has none: gateway.keys.agents: " in lines[1]
    assert "keys/studio/gateway.keys.agents is not here; copy it from the laptop that has it" in lines[1]
    assert list(laptop_there.folder.rglob("gateway.keys.agents")) == []

    laptop_there.spec(SPEC.replace("env:AGENTS", "[env:NEWER, env:AGENTS]"))
    assert laptop_there.tries()[0] == 0


def test_the_key_is_the_laptops_own_and_the_tailnets_door_gets_it_where_it_asks(laptop_there: Laptop) -> None:
    keys = "keys: {agents: env:AGENTS, phone: env:PHONE}, require_key: always"
    spec = SPEC.replace("keys: {agents: env:AGENTS}", keys)
    laptop_there.spec(f"{spec}clients: {{local: {{key: phone}}}}\n")
    assert laptop_there.tries(PHONE=KEY[::-1])[0] == 0
    assert [asked.headers["authorization"] for asked in laptop_there.front.asked] == [f"Bearer {KEY[::-1]}"] * 2


@pytest.mark.slow
def test_on_a_terminal_it_tells_that_it_waits(laptop_there: Laptop) -> None:
    laptop_there.front.pause = 0.7
    seen = laptop_there.see("inventory.py", "coder", "--resolver", "127.0.0.1:9")

    assert "coder: asking through tailnet" in seen
    assert re.search(r"0:00:01|0:00:02", seen)
    assert seen.index("asking through tailnet") < seen.index("first token after")


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("code", "studio: code: no such endpoint on this Mac; there are coder, pictures; did you mean `coder`?"),
        ("pictures", "studio: pictures: nobody reaches it but the Mac itself; give it `serve: /pictures`, and apply"),
    ],
)
def test_an_endpoint_that_cannot_be_tried_is_one_line(laptop_there: Laptop, word: str, line: str) -> None:
    done = laptop_there.type(str(laptop_there.inventory), word)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{line}\n")


@pytest.mark.parametrize("word", ["0", "-1", "soon", "nan", "inf", "", "1e9"])
def test_a_timeout_that_is_none_is_one_line(word: str) -> None:
    done = CliRunner().invoke(macstate, ["try", "inventory.py", "coder", "--timeout", word])

    assert done.output == f"--timeout {word}: no number of seconds; type one above 0, such as 120\n"


@pytest.mark.parametrize("word", ["dns.example", "1.1.1.1:0", "1.1.1.1:70000", "", ":53", "[1.1.1.1", "fe80::1%eth0%"])
def test_a_resolver_that_is_none_is_one_line(word: str) -> None:
    done = CliRunner().invoke(macstate, ["try", "inventory.py", "coder", "--resolver", word])

    line = f"--resolver {word}: no address of a DNS server; type one such as 1.1.1.1, or ADDRESS:PORT"
    assert done.output == f"{line}\n"


def test_a_rehearsal_is_reached_by_nobody(laptop_there: Laptop) -> None:
    done = laptop_there.type("@rehearsal/studio", "coder")

    assert done.returncode == 1
    assert done.stderr == "studio: nobody reaches a rehearsal, which is a folder here; try the Mac itself\n"
    assert laptop_there.front.asked == []
