"""The gate on the Mac, deployed over Tailscale SSH, asked from the tailnet and from the internet."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import build, reference, tinymodel
from lab.conftest import Lab
from lab.machine import Processes
from lab.reference import SPECS, key
from lab.tailnet import wait_for
from lab.webproxy import proxy

pytestmark = pytest.mark.lab
CANARY = "canary-key-that-nobody-may-ever-see-0123456789"


@pytest.fixture(scope="module", params=SPECS)
def deployed(
    request: pytest.FixtureRequest, lab_session: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """The reference spec on the Mac, with the real Ollama and a tiny model, deployed twice: the second time nothing."""
    lab, folder = lab_session, tmp_path_factory.mktemp("models")
    said = reference.deployed(lab, request.param, folder)
    assert "! serve/8443/ answers the internet, and asks it for a key" in said
    before = lab.commands()
    code, said = lab.deploy()
    assert (code, "No changes. macstudio matches the spec." in said, lab.commands() - before) == (0, True, 1), said
    for name in ("tiny", "endless"):
        tinymodel.create(11434, name, folder / f"{name}.gguf")
    yield lab
    lab.spec = None


def chat(lab: Lab, port: int, api_key: str, *, stream: bool, public: bool = False) -> list[str]:
    """Ask with the client that people use, at the URL that they use; give the answer's pieces."""
    build.use_packages()
    import openai  # noqa: PLC0415 - the lab's own package

    def ask() -> list[str]:
        with proxy(lab.tailnet, public=public) as way:
            web = openai.DefaultHttpxClient(proxy=way, verify=lab.tailnet.trusted())
            url = f"https://{lab.tailnet.name}:{port}/v1"
            client = openai.OpenAI(base_url=url, api_key=api_key, http_client=web, max_retries=0, timeout=15)
            messages = [{"role": "user", "content": "Say something."}]
            answer = client.chat.completions.create(model="tiny", messages=messages, stream=stream, temperature=0)
            if stream:
                return [piece.choices[0].delta.content or "" for piece in answer if piece.choices]
            return [answer.choices[0].message.content]

    return lab.tailnet.unless_cut(ask)


def test_a_chat_from_the_tailnet_without_a_key(deployed: Lab) -> None:
    assert chat(deployed, 443, "unused", stream=False)[0].strip() == tinymodel.SENTENCE
    pieces = chat(deployed, 443, "unused", stream=True)
    assert "".join(pieces).strip() == tinymodel.SENTENCE
    assert len([piece for piece in pieces if piece]) >= 9


def test_a_chat_from_the_internet_with_a_key(deployed: Lab) -> None:
    for stream in (False, True):
        pieces = chat(deployed, 8443, key(deployed), stream=stream, public=True)
        assert "".join(pieces).strip() == tinymodel.SENTENCE
    for wrong in ("wrong-key-wrong-key-wrong", key(deployed)[:-1], key(deployed).swapcase()):
        with pytest.raises(Exception, match=r"401|valid key|Illegal header"):
            chat(deployed, 8443, wrong, stream=False, public=True)
    assert deployed.tailnet.get_from_internet("/v1/models", 8443).status == 401
    assert deployed.tailnet.get_from_internet("/api/pull", 8443, Authorization=f"Bearer {key(deployed)}").status == 403


def test_http_2_from_the_internet(deployed: Lab) -> None:
    """There a blank behind Bearer stays, and a server that compares with an empty key would let it in."""
    build.use_packages()
    import h2.config  # noqa: PLC0415 - the lab's own package
    import h2.connection  # noqa: PLC0415 - the same
    import h2.events  # noqa: PLC0415 - the same

    connection = deployed.tailnet.dial_https(8443, public=True, speaks="h2")
    assert connection.selected_alpn_protocol() == "h2"
    client = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
    client.initiate_connection()
    tries = [
        "Bearer ",
        "Bearer",
        " ",
        "",
        "bearer  ",
        "Bearer wrong",
        f"Bearer {key(deployed)} ",
        f"Bearer {key(deployed)}",
    ]
    for number, authorization in enumerate(tries):
        authority = f"{deployed.tailnet.name}:8443"
        head = [(":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", "/v1/models")]
        client.send_headers(2 * number + 1, [*head, ("authorization", authorization)], end_stream=True)
    connection.sendall(client.data_to_send())
    answers: dict[int, str] = {}
    while len(answers) < len(tries):
        for event in client.receive_data(connection.recv(65536)):
            if isinstance(event, h2.events.ResponseReceived):
                answers[event.stream_id] = dict(event.headers)[b":status"].decode()
            elif isinstance(event, h2.events.StreamReset):
                answers[event.stream_id] = "reset"
        connection.sendall(client.data_to_send())
    connection.close()
    given = [answers[2 * number + 1] for number in range(len(tries))]
    assert given[-1] == "200"
    assert set(given[:-2]) <= {"401", "reset"}
    assert given[-2] in {"200", "401", "reset"}  # a valid key and a blank: harmless either way


def test_the_internet_sees_nothing_of_the_tailnet(deployed: Lab) -> None:
    headers = {"Authorization": f"Bearer {key(deployed)}"}
    assert deployed.tailnet.get_from_internet("/v1/models", 8443, **headers).status == 200
    for path in ("/vllm/v1/models", "/vllm/../vllm/v1/models", "/vllm%2fv1/models"):
        answer = deployed.tailnet.get_from_internet(path, 8443, **headers)
        assert "vllm" not in answer.body or "not found" in answer.body
        assert answer.status in (301, 403, 404)  # what is closed is not told from what is not there
    for port in (443, 7860):
        answer = deployed.tailnet.get_from_internet("/vllm/v1/models", port, **headers)
        assert answer.status not in (200, 401)


def test_a_client_that_leaves_stops_the_generation(deployed: Lab) -> None:
    log = deployed.mac.root / "Users/mmirvois/Library/Logs/com.ollama.server.log"
    messages = [{"role": "user", "content": "go on"}]
    raw = json.dumps({"model": "endless", "messages": messages, "stream": True, "max_tokens": 100000}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {deployed.tailnet.name}\r\nContent-Length: {len(raw)}\r\n\r\n"

    def ended() -> int:
        return log.read_text().count("/v1/chat/completions")

    def listen() -> tuple[ssl.SSLSocket, int]:
        """Wait for the first pieces: they come before it has finished, which it never would."""
        before, connection, seen = ended(), deployed.tailnet.dial_https(443), b""
        connection.sendall(head.encode() + raw)
        while seen.count(b"data: ") < 3:
            piece = connection.recv(4096)
            assert piece, seen
            seen += piece
        return connection, before

    connection, before = deployed.tailnet.unless_cut(listen)
    assert ended() == before
    connection.close()
    wait_for(lambda: ended() > before, "the end of the request in Ollama", 20)


def test_require_key_always_asks_on_the_tailnet_too(deployed: Lab) -> None:
    assert deployed.spec is not None
    always = deployed.spec.replace("require_key: funnel ", "require_key: always ")
    assert always != deployed.spec
    code, said = deployed.deploy(spec=always)
    assert code == 0, said
    assert deployed.tailnet.get("/v1/models").status == 401
    assert deployed.tailnet.get("/v1/models", Authorization=f"Bearer {key(deployed)}").status == 200
    code, said = deployed.deploy(allow="lose-key")
    assert code == 0, said
    assert deployed.tailnet.get("/v1/models").status == 200


def test_a_bad_configuration_leaves_the_old_one_serving(deployed: Lab) -> None:
    """The server itself refuses it before it takes the old one's place."""
    program = deployed.mac.root / f"opt/homebrew/bin/{'nginx' if 'nginx' in str(deployed.spec) else 'caddy'}"
    good = program.read_text()
    refusing = good.replace("exec ", 'case "$*" in *.macstate*) echo "unknown directive" >&2; exit 1 ;; esac\nexec ')
    program.write_text(refusing)
    before = deployed.files()
    assert deployed.spec is not None
    code, said = deployed.deploy(spec=deployed.spec.replace("serve: /vllm", "serve: /other"))
    program.write_text(good)

    assert code == 1
    assert "refuses the new file, and the old one stays: unknown directive" in said
    config = [path for path in before if path.endswith(("nginx.conf", "Caddyfile"))]
    assert [deployed.files()[path] for path in config] == [before[path] for path in config]
    assert deployed.tailnet.get("/v1/models").status == 200
    code, said = deployed.deploy()
    assert code == 0, said


def test_a_key_is_in_one_file_and_nowhere_else(deployed: Lab) -> None:
    assert deployed.spec is not None
    spec = deployed.spec.replace("{agents: generate}", "{agents: generate, canary: env:CANARY}")
    deployed.more = {"CANARY": CANARY}
    out = deployed.folder / "plan.json"
    with Processes() as processes:
        said = [
            deployed.type("macstate", "plan", "inventory.py", "--data", "allow=userspace", "-v", spec=spec),
            deployed.type(
                "macstate", "plan", "inventory.py", "--data", "allow=userspace", "--json", "--out", str(out), spec=spec
            ),
            deployed.deploy("-vvv", "--debug", spec=spec),
            deployed.type("macstate", "plan", "inventory.py", "--data", "allow=userspace", "--json", spec=spec),
        ]
    deployed.more = {}

    assert [code for code, _ in said] == [2, 2, 0, 0], said
    assert CANARY not in "".join(text for _, text in said)
    assert CANARY not in out.read_text()
    assert CANARY not in "".join(processes.seen)
    # the run has proven it, so that nobody has to wait
    assert deployed.tailnet.get_from_internet("/v1/models", 8443, Authorization=f"Bearer {CANARY}").status == 200
    holding = [
        Path(path)
        for path, content in deployed.files(logs=True).items()
        if CANARY.encode() in content.replace(b"\\", b"")
    ]
    assert [path.name for path in holding] == ["gateway.keys"]
    assert holding[0].stat().st_mode & 0o777 == 0o600
    assert CANARY not in deployed.tailnet.processes.log(deployed.tailnet.mac.name)
    assert "canary" in "".join(
        content.decode(errors="replace")
        for path, content in deployed.files(logs=True).items()
        if path.endswith("access.log")
    )
    code, text = deployed.deploy()
    assert code == 0, text
    assert deployed.tailnet.get_from_internet("/v1/models", 8443, Authorization=f"Bearer {CANARY}").status == 401
    assert not (deployed.mac.root / "var/db/macstate/gateway.keys.old").exists()


def test_a_gateway_that_does_not_take_a_change_of_keys_in_fails_the_run(deployed: Lab) -> None:
    """Its process stands still: nginx' workers answer as before, Caddy does not answer. The next run takes it up."""
    assert deployed.spec is not None
    spec = deployed.spec.replace("{agents: generate}", "{agents: env:CANARY}")
    deployed.more = {"CANARY": CANARY}
    (pid,) = re.findall(r"^\tpid = (\d+)$", deployed.mac.run("launchctl print system/macstate.gateway"), re.MULTILINE)
    os.kill(int(pid), signal.SIGSTOP)
    try:
        code, said = deployed.deploy(spec=spec, allow="lose-key")
    finally:
        os.kill(int(pid), signal.SIGCONT)
    assert code == 1, said
    assert "the gateway has not loaded its configuration, or a key in /Library/macstate/etc/gateway.keys" in said
    assert "verified" not in said
    old = deployed.mac.root / "var/db/macstate/gateway.keys.old"
    assert (old.stat().st_mode & 0o777, key(deployed) in old.read_text().replace("\\", "")) == (0o600, True)

    code, said = deployed.deploy(spec=spec)

    assert (code, old.exists()) == (0, False), said
    headers = {"Authorization": f"Bearer {key(deployed)}"}
    assert deployed.tailnet.get_from_internet("/v1/models", 8443, **headers).status == 401
    deployed.more = {}
    code, said = deployed.deploy()
    assert code == 0, said


def test_a_key_that_cannot_be_had_stops_an_apply(deployed: Lab) -> None:
    assert deployed.spec is not None
    spec = deployed.spec.replace("{agents: generate}", "{agents: env:NO_SUCH_VARIABLE}")
    before = deployed.files()
    code, said = deployed.deploy(spec=spec)
    assert code == 1
    assert "macstudio: gateway.keys.agents: the variable NO_SUCH_VARIABLE is not set" in said
    assert deployed.files() == before
    code, said = deployed.type("macstate", "plan", "inventory.py", "--data", "allow=userspace", spec=spec)
    assert code == 1, said
    assert "the variable NO_SUCH_VARIABLE is not set" in said
    assert "the Mac's key file was made from other references" in said
    assert "[macstudio] ~ guide/pages" in said
