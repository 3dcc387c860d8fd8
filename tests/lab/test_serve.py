"""Routes in a real tailscaled, to programs that launchd really runs, asked for from another node."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from typing import Any

import pytest
from lab.conftest import Lab
from lab.tailnet import listens, wait_for
from laptop import REFERENCE

pytestmark = pytest.mark.lab
WITHOUT_VLLM = REFERENCE[: REFERENCE.index("  vllm:")] + REFERENCE[REFERENCE.index("  a1111:") :]


def asked(lab: Lab, path: str, port: int = 443) -> dict[str, Any]:
    """Ask over the tailnet, and give what the server saw."""
    answer = lab.tailnet.get(path, port)
    assert answer.status == 200, answer
    seen: dict[str, Any] = json.loads(answer.body)
    return seen


def test_each_route_reaches_its_program_and_goes_with_its_entry(lab: Lab) -> None:
    assert "vllm" not in WITHOUT_VLLM
    lab.tailnet.mac.tailscale("serve", "--bg", "--set-path=/foreign", f"http://127.0.0.1:{11434}/mine")
    lab.tailnet.mac.tailscale("serve", "--bg", "--tcp=2222", "tcp://127.0.0.1:11434")
    code, said = lab.deploy(spec=REFERENCE)
    assert code == 0, said
    for port in (11434, 8000, 7860):
        wait_for(partial(listens, port), f"port {port}")

    assert asked(lab, "/")["server"] == "ollama"
    vllm = asked(lab, "/vllm/v1/models")
    assert (vllm["server"], vllm["path"]) == ("vllm", "/v1/models")
    assert vllm["headers"]["Host"] == lab.tailnet.name
    assert asked(lab, "/", 7860)["server"] == "a1111"
    assert asked(lab, "/foreign/x")["path"] == "/mine/x"

    code, said = lab.deploy(spec=WITHOUT_VLLM)
    assert code == 0, said

    gone = lab.tailnet.get("/vllm/v1/models")
    assert (gone.status, "this path is closed" in gone.body) == (403, True)  # what is left is /, where that is not open
    assert not listens(8000)
    assert asked(lab, "/foreign/x")["path"] == "/mine/x"
    assert lab.served()["TCP"]["2222"] == {"TCPForward": "127.0.0.1:11434"}


def test_each_route_is_asked_for_by_verify_and_by_status(lab: Lab) -> None:
    code, said = lab.deploy(spec=REFERENCE)
    assert code == 0, said
    code, said = lab.type("macstate", "status", "inventory.py", spec=REFERENCE)
    assert code == 0, said
    routes = {" ".join(line.split()) for line in said.splitlines() if "https://" in line}
    host = f"https://{lab.tailnet.name}"
    assert routes == {
        f"tailnet answers {host}/, 200",
        f"tailnet answers {host}/vllm, 200",
        f"tailnet answers {host}:7860/, 200",
        f"internet answers {host}:8443/, 401",  # it wants a key
    }


def test_a_route_that_does_not_answer_fails_the_run(lab: Lab) -> None:
    """The endpoint itself is well."""
    lab.mac.install("one", "opt/homebrew/bin/one")
    program = lab.mac.root / "opt/homebrew/bin/one"
    text = program.read_text()
    program.write_text(text.replace("send_response(200)", 'send_response(200 if self.path == "/well" else 502)'))
    assert program.read_text() != text
    macs = REFERENCE[REFERENCE.index("macs:") : REFERENCE.index("power:")]
    command = '[/opt/homebrew/bin/one, --port, "{port}"]'
    spec = f"{macs}\nendpoints: {{one: {{engine: rest, command: {command}, port: 8101, serve: /one, health: /well}}}}\n"

    code, said = lab.deploy(spec=spec)

    assert code == 1
    line = f"verify: not as the spec says after the run: https://{lab.tailnet.name}/one: HTTP 502"
    assert said.count(line) == 1, said
    code, said = lab.type("macstate", "status", "inventory.py", spec=spec)
    assert (code, "silent" in said) == (1, True), said


def test_a_mount_that_is_gone_answers_404(lab: Lab) -> None:
    lab.mac.install("one", "opt/homebrew/bin/one")
    macs = REFERENCE[REFERENCE.index("macs:") : REFERENCE.index("power:")]
    entry = '{engine: rest, command: [/opt/homebrew/bin/one, --port, "{port}"], port: 8101, serve: /one}'
    other = '{engine: rest, command: [/opt/homebrew/bin/one, --port, "{port}"], port: 8102, serve: /two}'
    code, said = lab.deploy(spec=f"{macs}\nendpoints: {{one: {entry}, two: {other}}}\n")
    assert code == 0, said
    for port in (8101, 8102):
        wait_for(partial(listens, port), f"port {port}")
    assert asked(lab, "/one/x")["path"] == "/x"

    code, said = lab.deploy(spec=f"{macs}\nendpoints: {{two: {other}}}\n", allow="removal")

    assert code == 0, said
    assert lab.tailnet.get("/one/x").status == 404
    assert not listens(8101)
    assert asked(lab, "/two/x")["path"] == "/x"


def test_a_document_that_changed_since_the_plan_is_left_alone(lab: Lab) -> None:
    foreign = ("serve", "--bg", "--set-path=/foreign", "9999")
    with lab.once(lab.command(2), lambda: lab.tailnet.mac.tailscale(*foreign)):
        code, said = lab.deploy(spec=REFERENCE)

    assert code == 1, said
    assert "Serve was changed after the plan was made; nothing was written; run again" in said
    assert "Traceback" not in said
    web = lab.served()["Web"][f"{lab.tailnet.name}:443"]
    assert web == {"Handlers": {"/foreign": {"Proxy": "http://127.0.0.1:9999"}}}
    code, said = lab.deploy(spec=REFERENCE)
    assert code == 0, said
    assert set(lab.served()["Web"][f"{lab.tailnet.name}:443"]["Handlers"]) == {"/", "/vllm", "/foreign"}


def test_a_tailnet_without_certificates_is_told_and_the_rest_is_done(lab: Lab) -> None:
    lab.tailnet.console("capabilities", name=lab.tailnet.mac.name, only=["funnel", "https://tailscale.com/cap/ssh"])
    wait_for(lambda: "https" not in lab.tailnet.mac.status()["Self"]["CapMap"], "the node without certificates")
    try:
        code, said = lab.deploy(spec=REFERENCE)
    finally:
        lab.tailnet.console("capabilities", name=lab.tailnet.mac.name)

    assert code == 1
    told = "turn on MagicDNS and HTTPS Certificates on the DNS page of Tailscale's admin console"
    before, after = said.split("Beginning operation run")
    assert (before.count(told), after.count(told) > 0) == (1, True), said
    assert "~ power/ac" in after
    assert lab.served() == {}


def test_what_another_process_serves_in_the_foreground_stays(lab: Lab) -> None:
    words = [
        str(lab.tailnet.mac.binaries / "tailscale"),
        f"--socket={lab.tailnet.mac.door}",
        "serve",
        "--https=8443",
        "9999",
    ]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: lab.served().get("Foreground"), "the route in the foreground")
        before = lab.served()["Foreground"]
        spec = REFERENCE.replace("    funnel: {https: 8443} ", "    # ")
        code, said = lab.deploy(spec=spec)
        assert code == 0, said
        assert lab.served()["Foreground"] == before
        assert "443" in lab.served()["TCP"]
    finally:
        process.terminate()
        process.wait()


def test_without_the_socket_the_document_goes_through_set_raw(lab: Lab) -> None:
    """As with the app builds, which have none; a change meanwhile is seen there too."""
    (lab.mac.root / "private/var/run/tailscaled.socket").unlink()
    foreign = ("serve", "--bg", "--set-path=/foreign", "9999")
    with lab.once(lab.command(2), lambda: lab.tailnet.mac.tailscale(*foreign)):
        code, said = lab.deploy(spec=REFERENCE)
    assert code == 1
    assert "Serve was changed after the plan was made; nothing was written; run again" in said

    code, said = lab.deploy(spec=REFERENCE)

    assert code == 0, said
    assert set(lab.served()["Web"][f"{lab.tailnet.name}:443"]["Handlers"]) == {"/", "/vllm", "/foreign"}
