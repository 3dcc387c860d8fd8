"""A job that shall not run: off, still off after everything that brings jobs back, and on again."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from answered import MARK
from click import unstyle
from click.testing import CliRunner
from laptop import Laptop, changes, snapshot

from macstate import spec
from macstate.cli import macstate
from macstate.errors import MacstateError
from macstate.kernel import probe, scripts
from macstate.kernel.change import Plan
from macstate.kernel.plan import plan
from macstate.kernel.record import Record
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.session import Session
from macstate.kinds import KINDS
from macstate.kinds.launchd import Launchd
from macstate.language.facts import Facts
from macstate.language.facts.machine import Machine
from macstate.rehearsal.mac import birth
from macstate.review import preflight, report

MAC = "macs: {macstudio: {hostname: studio.tail1.ts.net, user: mmirvois}}\n"
JOBS = (
    MAC + "launchd: {com.example.job: {command: [/opt/job]}, com.example.tick: {command: [/opt/tick], interval: 5m}}\n"
)
JOB = "launchd/system/com.example.job"


class Mac:
    """A rehearsal Mac, with wishes that need not come from a spec."""

    def __init__(self, laptop: Laptop) -> None:
        self.laptop = laptop
        self.environment = birth.environment(laptop.mac())
        self.declared = spec.parse(JOBS, "macs.yml").for_host("macstudio")

    def run(self, words: list[str], lines: list[str]) -> list[str]:
        text = "\n".join(lines) + "\n"
        done = subprocess.run(words, input=text, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    def plan(self, wish: Callable[[Resource], Resource]) -> tuple[Plan, Session]:
        lines = self.run(["/bin/sh", "-c", probe.script(KINDS)], probe.stdin(self.declared.lists, MARK))
        actual = probe.parse(KINDS, lines, MARK)
        wished = {name: wish(each) for name, each in self.declared.expand(actual.facts).items()}
        todo = plan(wished, actual)
        return todo, Session(actual, todo)

    def make(self, wish: Callable[[Resource], Resource]) -> str:
        todo, session = self.plan(wish)
        for batch in todo.batches:
            said = self.run(["sudo", "-n", "sh", "-c", scripts.apply()], session.payload(batch, "a test"))
            assert said[-1].startswith("macstate: done: "), said
            session.sums[batch.root] = said[-1].removeprefix("macstate: done: ")
        return unstyle("\n".join(report.text("macstudio", todo, steps=True)))

    def printed(self, label: str) -> str:
        done = subprocess.run(
            ["launchctl", "print", f"system/{label}"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout


def on(wish: Resource) -> Resource:
    return wish


def off(wish: Resource) -> Resource:
    return wish.off() if isinstance(wish, Launchd) else wish


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    laptop = Laptop(tmp_path)
    assert not laptop.run(JOBS).failed
    return Mac(laptop)


@pytest.mark.slow
def test_a_job_is_off_and_stays_off_and_comes_back(mac: Mac) -> None:
    assert "state = running" in mac.printed("com.example.job")
    told = mac.make(off)
    assert (
        """~ launchd/system/com.example.job
    enabled: true -> false
    loaded: (present) -> (absent)
    running: true -> false
    ! com.example.job stops: its running requests end
    launchctl disable system/com.example.job
    launchctl bootout system/com.example.job
    launchctl print system/com.example.job  # until it exits with 113
~ launchd/system/com.example.tick
    enabled: true -> false
    loaded: (present) -> (absent)
    launchctl disable system/com.example.tick
"""
        in told
    )
    assert mac.printed("com.example.job") == mac.printed("com.example.tick") == ""
    todo, _ = mac.plan(off)
    assert not todo.changes, "\n".join(report.text("macstudio", todo))
    assert JOB not in {name for name, _ in todo.unmanaged}
    assert "launchctl enable system/com.example.job" in mac.make(on)
    assert "state = running" in mac.printed("com.example.job")
    assert not mac.plan(on)[0].changes


@pytest.mark.slow
def test_what_was_loaded_or_enabled_by_hand_is_put_off_again(mac: Mac) -> None:
    mac.make(off)
    mac.run(["sudo", "launchctl", "enable", "system/com.example.job"], [])
    assert [change.id for change in mac.plan(off)[0].changes] == [JOB]
    mac.run(["sudo", "launchctl", "bootstrap", "system", "/Library/LaunchDaemons/com.example.job.plist"], [])
    assert [field for field, _, _ in mac.plan(off)[0].changes[0].fields] == ["enabled", "loaded", "running"]
    mac.make(off)
    assert not mac.plan(off)[0].changes


@pytest.mark.slow
def test_a_plist_that_changes_while_its_job_is_off_is_written_and_starts_nothing(mac: Mac) -> None:
    mac.make(off)
    mac.declared = spec.parse(JOBS.replace("/opt/job", "/opt/other"), "macs.yml").for_host("macstudio")
    told = mac.make(off)
    assert "launchctl disable system/com.example.job" in told
    assert "bootstrap" not in told
    assert mac.printed("com.example.job") == ""
    assert not mac.plan(off)[0].changes


@pytest.mark.slow
def test_a_job_that_is_off_leaves_no_override_when_it_goes(mac: Mac) -> None:
    mac.make(off)
    outcome = mac.laptop.run(MAC, data={"allow": "removal"})
    assert not outcome.failed, outcome.said
    assert sorted(changes(outcome)) == [f"- {JOB}", "- launchd/system/com.example.tick"]
    assert '"com.example.job" => disabled' not in mac.laptop.output("launchctl print-disabled system")


GATEWAY = "gateway: {server: nginx, keys: {agents: generate}}\n"
OLLAMA = """
  ollama:
    engine: ollama
    command: [/usr/local/bin/ollama, serve]
    port: 11434
    serve: /
    funnel: {https: 8443}
    models: {all-minilm: small}
    watchdog: {every: 5m}
    enabled: true
"""
OTHER = "  other: {engine: rest, command: [/opt/other, --port, '{port}'], port: 8001, serve: /other, enabled: true}\n"
TWO = f"{MAC}{GATEWAY}clients: {{local: {{}}}}\nendpoints:{OLLAMA}{OTHER}"


def turned_off(text: str, entry: str = OLLAMA) -> str:
    return text.replace(entry, entry.replace("enabled: true", "enabled: false"))


def status(laptop: Laptop) -> str:
    os.environ["MACSTATE_REHEARSAL"] = str(laptop.folder / "macs")
    return CliRunner().invoke(macstate, ["status", "@rehearsal/macstudio"]).output


@pytest.fixture
def two(tmp_path: Path) -> Laptop:
    laptop = Laptop(tmp_path)
    assert not laptop.run(TWO).failed
    laptop.wait_for_models()
    return laptop


@pytest.mark.slow
def test_an_endpoint_that_is_off_keeps_all_but_its_jobs_and_routes(two: Laptop) -> None:
    before = two.keep()
    outcome = two.run(turned_off(TWO))
    assert not outcome.failed, outcome.said
    assert {change.id: change.action for change in outcome.shown[0].plan.changes} == {
        "launchd/system/macstate.ollama": "update",
        "launchd/system/macstate.ollama.watchdog": "update",
        "serve/443/": "remove",
        "serve/8443/": "remove",
        "serve/443/llms.txt": "create",  # the root had them
        "serve/443/macstate": "create",
        "file/Library/macstate/etc/nginx.conf": "update",
        "launchd/system/macstate.gateway": "update",
        "guide/pages": "update",
    }
    again = two.run(turned_off(TWO))
    assert (again.commands, again.rows, again.failed) == (1, [], False)
    assert "ollama" not in two.output("cat /Library/macstate/guide/llms.txt").replace("macstudio", "")
    assert re.search(r"^ollama +off +enabled: false$", status(two), re.MULTILINE)
    kept = {name for name in snapshot(before) if "ollama" in name}
    assert kept <= {*snapshot(two.mac())}

    back = two.run(TWO)
    assert not back.failed, back.said
    assert not any("model/" in row for row in back.rows), back.rows
    assert two.run(TWO).rows == []
    assert re.search(r"^ollama +up ", status(two), re.MULTILINE)


@pytest.mark.slow
def test_nothing_is_pulled_or_pruned_while_an_endpoint_is_off(two: Laptop) -> None:
    text = turned_off(TWO).replace("{all-minilm: small}", "{llama3.2:1b: other}")
    text = text.replace("enabled: false", "enabled: false\n    prune_models: true")
    outcome = two.run(text)
    assert not outcome.failed, outcome.said
    assert not any("model/" in row for row in outcome.rows), outcome.rows
    back = two.run(text.replace("enabled: false", "enabled: true"))
    assert {row for row in back.rows if "model/" in row} == {
        "- model/ollama/all-minilm:latest",
        "+ model/ollama/llama3.2:1b",
    }


@pytest.mark.slow
def test_all_of_them_off_is_no_removal_and_a_gateway_without_a_way(two: Laptop) -> None:
    text = turned_off(turned_off(TWO), OTHER)
    outcome = two.run(text)
    assert not outcome.failed, outcome.said
    assert two.run(text).rows == []
    assert not two.run(TWO).failed


@pytest.mark.slow
def test_a_new_endpoint_may_be_off(two: Laptop) -> None:
    more = "  more: {engine: rest, command: [/opt/more], port: 8001, serve: /other, enabled: false}\n"
    outcome = two.run(TWO + more)
    assert not outcome.failed, outcome.said
    assert changes(outcome) == ["+ launchd/system/macstate.more"]  # port and mount of `other` are another's now
    assert two.run(TWO + more).rows == []


def test_what_an_endpoint_lacks_is_no_trouble_while_it_is_off() -> None:
    facts = Facts(machine=Machine(missing=frozenset({"/opt/other"})))
    lacking = {
        text: [
            str(each)
            for each in preflight.findings(
                spec.parse(text, "macs.yml").for_host("macstudio"), Actual(facts, {}, Record(), kinds=KINDS), Plan()
            )
            if each.level == "error"
        ]
        for text in (TWO, turned_off(TWO, OTHER))
    }
    assert any("/opt/other is not on this Mac" in line for line in lacking[TWO])
    assert not any("/opt/other" in line for line in lacking[turned_off(TWO, OTHER)])


@pytest.mark.slow
def test_one_run_hands_a_port_from_one_endpoint_to_another(two: Laptop) -> None:
    more = "  more: {engine: rest, command: [/opt/more, --port, '{port}'], port: 8001, serve: /other}\n"
    outcome = two.run(turned_off(TWO, OTHER) + more)
    assert not outcome.failed, outcome.said
    assert two.run(turned_off(TWO, OTHER) + more).rows == []
    with pytest.raises(MacstateError, match=r"port: 8001 is taken by endpoints\.other"):
        spec.parse(TWO + more, "macs.yml")


def test_a_label_stays_taken() -> None:
    more = "  more: {engine: rest, command: [/opt/more], port: 8001, label: macstate.other}\n"
    with pytest.raises(MacstateError, match=r"label: macstate\.other is taken by endpoints\.other"):
        spec.parse(turned_off(TWO, OTHER) + more, "macs.yml")


@pytest.mark.slow
def test_a_run_about_an_endpoint_alone_turns_it_off(two: Laptop) -> None:
    outcome = two.run(turned_off(TWO), data={"only": "endpoints.ollama"})
    assert not outcome.failed, outcome.said
    assert two.run(turned_off(TWO)).rows == []
