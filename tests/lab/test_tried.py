"""`macstate try` in a real tailnet: through both doors, and with each link broken in turn it names that link."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from front import public_dns
from lab import reference, tinymodel
from lab.conftest import Lab
from lab.reference import SPECS
from lab.tailnet import Ingress, wait_for

pytestmark = pytest.mark.lab
PUBLIC = "1.2.3.4"
"""What public DNS says of the Mac: the laptop's way there leads to the ingress, and no other leads to the internet."""
SERVER, GATE = "com.ollama.server", "macstate.gateway"
CHAT = r"qwen2\.5|deepseek-r1|qwen3:32b|llama4:(scout|maverick)"


@dataclass
class Tried:
    """A laptop that tries the reference spec's Mac."""

    lab: Lab
    ingress: Ingress
    node: str
    """The Mac's address in the tailnet."""
    public: dict[str, list[str]]

    def lines(self, *words: str, **more: str) -> list[str]:
        """Try ollama, and give what is said of both doors: ``ok …``, or ``LINK: …``."""
        lab = self.lab
        routes = {f"{self.node}:{each.far_port}": each.port for each in lab.routes} | {
            f"{PUBLIC}:8443": self.ingress.port
        }
        with public_dns(self.public) as resolver:
            lab.more = {
                "LAB_ROUTES": " ".join(f"{place}={port}" for place, port in routes.items()),
                "MACSTATE_RESOLVER": resolver,
                **more,
            }
            try:
                code, said = lab.type("macstate", "try", *(words or ("ollama",)))
            finally:
                lab.more = {}
        found = list(map(columns, said.splitlines()))
        assert code == any(level == "error" for level, _, _, _ in found), said
        (file,) = (lab.home / ".config/macstate/keys/macstudio").iterdir()
        assert file.read_text().strip() not in said
        return [f"{level} {text}" for level, _, _, text in found]

    def says(self, *expected: str, words: tuple[str, ...] = (), **more: str) -> None:
        """Expect these of both doors, in order; where the tailnet itself has hung up, again."""

        def ask() -> None:
            lines = self.lines(*words, **more)
            assert len(lines) == len(expected), lines
            assert all(re.match(each, line) for each, line in zip(expected, lines, strict=True)), lines

        self.lab.tailnet.unless_cut(ask)


def columns(line: str) -> tuple[str, str, str, str]:
    """Give level, door, URL and text."""
    found = re.fullmatch(r"(ok|note|error) +(tailnet|funnel) +(https://\S+)  (.*)", line)
    assert found, line
    return found[1], found[2], found[3], found[4]


@pytest.fixture(scope="module", params=SPECS)
def tried(
    request: pytest.FixtureRequest, lab_session: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tried]:
    lab, folder = lab_session, tmp_path_factory.mktemp("models")
    reference.deployed(lab, request.param, folder)
    tinymodel.create(11434, "endless", folder / "endless.gguf")
    lab.mac.run(f"sudo launchctl bootout system/{SERVER}.watchdog")  # what is broken here stays so until it is mended
    ingress = Ingress(lab.tailnet, 8443)
    yield Tried(lab, ingress, lab.tailnet.mac.status()["Self"]["TailscaleIPs"][0], {lab.tailnet.name: [PUBLIC]})
    ingress.die()
    lab.spec = None


GOOD = rf"ok ({CHAT}\S*): first token after \d+\.\d\d s, (\d+\.\d tokens a second \(\d+ tokens\)|\d+ tokens at once)$"


@contextmanager
def broken(tried: Tried, *labels: str) -> Iterator[None]:
    """Stop jobs of the Mac for good; then have macstate put all of it right."""
    for label in labels:
        tried.lab.mac.run(f"sudo launchctl bootout system/{label}")
    try:
        yield
    finally:
        mend(tried)


def mend(tried: Tried) -> None:
    code, said = tried.lab.deploy()
    assert code == 0, said
    tried.lab.mac.run(f"sudo launchctl bootout system/{SERVER}.watchdog")


@contextmanager
def standing_still(tried: Tried, label: str) -> Iterator[None]:
    """Stop a job's processes as a hang does: nobody closes the connections."""
    (pid,) = re.findall(r"^\tpid = (\d+)$", tried.lab.mac.run(f"launchctl print system/{label}"), re.MULTILINE)
    found = [int(pid), *children(int(pid))]
    for each in found:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in found:
            os.kill(each, signal.SIGCONT)


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123 - the kernel's own
        own = [int(each) for each in file.read().split()]
    return own + [further for each in own for further in children(each)]


def test_a_chat_through_both_doors(tried: Tried) -> None:
    before = tried.lab.commands()
    tried.says(GOOD, GOOD)
    assert tried.lab.commands() == before  # it logs in nowhere


def test_a_model_by_name_has_as_many_tokens_as_are_asked_for(tried: Tried) -> None:
    endless = r"ok endless: first token after \d+\.\d\d s, (\d+\.\d tokens a second \(64 tokens\)|64 tokens at once)$"
    tried.says(endless, endless, words=("ollama", "--model", "endless"))


def test_what_is_no_model_is_asked_for_its_example(tried: Tried) -> None:
    tried.says(r"ok HTTP 200 for / after \d+\.\d\d s$", words=("a1111",))


def test_a_name_that_leads_nowhere(tried: Tried) -> None:
    public, tried.public = tried.public, {}
    name = re.escape(tried.lab.tailnet.name)
    try:
        unresolved = rf"error name: this laptop cannot resolve {name} \(Name or service not known\); turn MagicDNS on"
        tried.says(unresolved, rf"error name: public DNS has no address of {name}: Funnel is off", LAB_MAGICDNS="")
    finally:
        tried.public = public


def test_a_mac_that_left_the_tailnet(tried: Tried) -> None:
    lab = tried.lab
    (daemon,) = (each for each in lab.tailnet.processes.running if f"--socket={lab.mac.socket}" in each.args)  # type: ignore[operator]
    lab.tailnet.processes.stop(daemon)
    try:
        gone = rf"error tailnet: {re.escape(lab.tailnet.name)} (answers neither a connection|is offline)"
        tried.says(gone, gone)
    finally:
        lab.tailnet.daemon(lab.tailnet.mac)
        wait_for(lab.tailnet.is_up, "the tailnet", 60)
        wait_for(lambda: lab.tailnet.get("/api/version").status, "the Mac", 60)
    tried.says(GOOD, GOOD)


def test_a_route_that_was_taken_out(tried: Tried) -> None:
    lab = tried.lab
    try:
        lab.tailnet.mac.tailscale("serve", "--https=443", "--set-path=/", "off")
        lab.tailnet.mac.tailscale("funnel", "--https=8443", "off")
        tried.says(
            r"error Serve: it has no route for / at port 443 \(HTTP 404\); `macstate plan`",
            r"error Serve: Funnel's ingress hangs up \(.*\): Funnel is off at this port",
        )
        lab.tailnet.mac.tailscale("serve", "reset")
        tried.says(
            r"error Serve: the Mac is there, but nothing is served at its port 443",
            r"error Serve: Funnel's ingress hangs up",
        )
    finally:
        mend(tried)


def test_a_gate_that_does_not_run(tried: Tried) -> None:
    with broken(tried, GATE):
        gone = r"error gate: HTTP 502, and not by the gate: it does not run"
        tried.says(gone, gone)


def test_a_gate_that_stands_still(tried: Tried) -> None:
    with standing_still(tried, GATE):
        still = r"error gate: Serve is there, and the gate says nothing within"
        tried.says(still, still, words=("ollama", "--model", "endless", "--timeout", "2"))


def test_a_key_that_the_gate_does_not_know(tried: Tried) -> None:
    (file,) = (tried.lab.home / ".config/macstate/keys/macstudio").iterdir()
    key = file.read_text()
    file.write_text(f"{key.strip()[::-1]}\n")
    try:
        tried.says(GOOD, r"error gate: HTTP 401: it does not know the key agents of this laptop; `macstate plan`")
    finally:
        file.write_text(key)


def test_a_server_that_does_not_run(tried: Tried) -> None:
    with broken(tried, SERVER):
        gone = r"error server: HTTP 502 by the gate: the model server does not answer: it .*; `macstate logs ollama`"
        tried.says(gone, gone)


def test_a_server_that_stands_still(tried: Tried) -> None:
    with standing_still(tried, SERVER):
        still = r"error server: no answer within 2 s; `macstate logs ollama`"
        tried.says(still, still, words=("ollama", "--model", "endless", "--timeout", "2"))


def test_a_model_that_is_not_there(tried: Tried) -> None:
    lacking = r"error model: gone:7b is not there; the server has \w.*; `macstate status`"
    tried.says(lacking, lacking, words=("ollama", "--model", "gone:7b"))


def test_all_is_well_again(tried: Tried) -> None:
    tried.says(GOOD, GOOD)
