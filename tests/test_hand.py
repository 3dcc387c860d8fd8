"""`macstate stop`, `start` and `restart`: what a person does to a job, until it is started or carried out again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from laptop import Laptop
from test_scripts import shellcheck
from test_target import Project

from macstate import cli
from macstate.cli import hand
from macstate.rehearsal.connector import RehearsalConnector
from macstate.rehearsal.mac import birth

SPEC = """
macs:
  studio: {hostname: studio.tail1.ts.net, user: anna}
endpoints:
  ollama: {engine: rest, label: com.ollama.server, command: [/opt/a], port: 8001, watchdog: {every: 5m}}
  vllm: {engine: rest, command: [/opt/b], port: 8002}
launchd:
  com.example.nightly: {command: [/opt/c], interval: 1h}
gateway: {server: nginx}
"""
SERVER, DOG = "com.ollama.server", "com.ollama.server.watchdog"
AGAIN = "`macstate start ollama` or the next apply starts them again"


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Mac that is as the spec says."""
    laptop = Laptop(tmp_path_factory.mktemp("applied"))
    done = laptop.run(SPEC, "studio")
    assert not done.failed, done.said
    return laptop.mac("studio")


class Desk(Project):
    """A laptop whose Mac can be looked at."""

    def on_the_mac(self, command: str) -> str:
        words, mac = ["/bin/sh", "-c", command], birth.environment(self.folder / "studio")
        return subprocess.run(words, env=mac, capture_output=True, text=True, check=False).stdout

    def pid(self, label: str) -> str:
        """Give a job's process; empty: it has none, or is not loaded."""
        found = re.search(r"^\tpid = (\d+)$", self.on_the_mac(f"launchctl print system/{label}"), re.MULTILINE)
        return found[1] if found else ""

    def is_loaded(self, label: str) -> bool:
        return "path = " in self.on_the_mac(f"launchctl print system/{label}")

    def is_disabled(self, label: str) -> bool:
        return f'"{label}" => disabled' in self.on_the_mac("launchctl print-disabled system")

    def named(self) -> dict[str, str]:
        return {"MACSTATE_SPEC": str(self.top / "group_data/macs.yml")}

    def record(self) -> dict[str, tuple[str, str]]:
        lines = (self.folder / "studio/var/db/macstate/owned").read_text().splitlines()
        return {name: (state, mark) for state, name, mark in (line.split("\t")[:3] for line in lines)}

    def calls(self) -> list[list[str]]:
        return [json.loads(line)[2] for line in (self.folder / "studio/.mac/calls").read_text().splitlines()]

    def apply(self) -> str:
        done = self.type("pyinfra", "@rehearsal/studio", "deploy.py", "-y", **self.named())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def desk(applied: Path, tmp_path: Path) -> Desk:
    shutil.copytree(applied, tmp_path / "studio", symlinks=True)
    return Desk(tmp_path, SPEC)


def said(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_a_stop_holds_until_the_start_and_says_so(desk: Desk) -> None:
    before, calls = desk.record(), len(desk.calls())

    assert said(desk.do("stop", "ollama", at=desk.below)) == (0, f"stopped ollama and its watchdog; {AGAIN}\n", "")
    outs = [call[-1] for call in desk.calls()[calls:] if call[:2] == ["launchctl", "bootout"]]
    assert outs == [f"system/{DOG}", f"system/{SERVER}"]  # else the watchdog would start it again
    for label in (SERVER, DOG):
        assert (desk.is_loaded(label), desk.is_disabled(label)) == (False, True)
    stopped = desk.record()
    assert {name for name, (state, _) in stopped.items() if state == "stopped"} == {
        f"launchd/system/{label}" for label in (SERVER, DOG)
    }
    assert {name: mark for name, (_, mark) in stopped.items()} == {name: mark for name, (_, mark) in before.items()}

    status = desk.do("status")
    assert status.returncode == 1
    assert re.search(r"^ollama +stopped +by `macstate stop`; `macstate start ollama` or", status.stdout, re.MULTILINE)
    plan = desk.do("plan")
    assert plan.returncode == 2
    for label in (SERVER, DOG):
        assert f"~ launchd/system/{label}  # stopped by `macstate stop`\n    enabled: false -> true\n" in plan.stdout
    assert "Plan: 0 to add, 2 to change, 0 to remove.\n" in plan.stdout
    assert said(desk.do("stop", "ollama")) == (
        0,
        f"ollama was stopped already; {AGAIN.replace('them again', 'it')}\n",
        "",
    )
    assert said(desk.do("restart", "ollama")) == (
        1,
        "",
        "studio: ollama is stopped; `macstate start ollama` starts it\n",
    )

    assert said(desk.do("start", "studio", "ollama")) == (0, "started ollama and its watchdog\n", "")
    assert desk.pid(SERVER)
    assert desk.is_loaded(DOG)
    assert desk.record() == before
    assert said(desk.do("start", "ollama")) == (0, "ollama runs already\n", "")
    assert desk.do("plan").returncode == 0
    runs = [json.loads(line) for line in desk.do("log", "--json").stdout.splitlines()]
    assert [(run["outcome"], run["done"]) for run in runs[1:]] == [
        ("applied", [f"stop launchd/system/{DOG}", f"stop launchd/system/{SERVER}"]),
        ("applied", [f"start launchd/system/{SERVER}", f"start launchd/system/{DOG}"]),
    ]


@pytest.mark.slow
def test_the_next_apply_starts_what_was_stopped(desk: Desk) -> None:
    assert desk.do("stop", "ollama").returncode == 0

    shown = desk.apply()

    assert "# stopped by `macstate stop`" in shown
    assert desk.pid(SERVER)
    assert {state for state, _ in desk.record().values()} == {"owned"}
    assert desk.do("plan").returncode == 0
    desk.on_the_mac(f"sudo launchctl disable system/{SERVER}; sudo launchctl bootout --wait system/{SERVER}")
    assert "macstate stop" not in desk.do("plan").stdout + desk.do("status").stdout  # somebody else did that


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vllm", "gateway", "ollama.watchdog", "macstate.vllm", "com.example.nightly"])
def test_one_job_is_stopped_and_started_by_its_name(desk: Desk, name: str) -> None:
    label = {"vllm": "macstate.vllm", "gateway": "macstate.gateway", "ollama.watchdog": DOG}.get(name, name)
    others = {each: desk.pid(each) for each in (SERVER, "macstate.vllm", "macstate.gateway") if each != label}

    again = f"`macstate start {name}` or the next apply starts it again"
    assert said(desk.do("stop", name)) == (0, f"stopped {name}; {again}\n", "")
    assert (desk.is_loaded(label), desk.is_disabled(label)) == (False, True)
    assert said(desk.do("start", name)) == (0, f"started {name}\n", "")
    assert (desk.is_loaded(label), desk.is_disabled(label)) == (True, False)
    assert {each: desk.pid(each) for each in others} == others


@pytest.mark.slow
def test_a_restart_is_another_process_and_nothing_else(desk: Desk) -> None:
    before, pid, dog = desk.record(), desk.pid(SERVER), desk.on_the_mac(f"launchctl print system/{DOG}")

    assert said(desk.do("restart", "ollama")) == (0, "restarted ollama\n", "")

    assert desk.pid(SERVER) not in {"", pid}
    assert (desk.record(), desk.on_the_mac(f"launchctl print system/{DOG}")) == (before, dog)
    assert re.search(r"  restarted  .*\n    com\.ollama\.server\n", desk.do("log").stdout)
    desk.on_the_mac(f"sudo launchctl bootout --wait system/{SERVER}")
    assert said(desk.do("restart", "ollama")) == (0, "restarted ollama\n", "")  # where it was not loaded
    assert desk.pid(SERVER)


@pytest.mark.slow
def test_a_server_that_does_not_stay_up_is_told(desk: Desk) -> None:
    assert desk.do("stop", "vllm").returncode == 0
    desk.on_the_mac("rehearse crash-loop macstate.vllm")

    done = desk.do("start", "vllm")

    told = "studio: vllm was started, and does not stay up; `macstate logs vllm` shows why\n"
    assert said(done) == (1, "", told)
    runs = [json.loads(line) for line in desk.do("log", "--json").stdout.splitlines()]
    assert runs[-1]["outcome"].startswith("failed: vllm was started")
    assert desk.do("plan").returncode == 2


@pytest.mark.slow
def test_what_cannot_be_done_is_one_line(desk: Desk) -> None:
    (desk.top / "group_data/macs.yml").write_text(SPEC.replace("  vllm:", "  fresh:").replace("8002", "8003"))
    makes = "its job is not on this Mac, or macstate did not make it; `macstate plan` shows what the next apply makes"
    assert said(desk.do("stop", "fresh")) == (1, "", f"studio: fresh: {makes}\n")
    assert said(desk.do("stop", "olama")) == (
        1,
        "",
        "olama: no Mac and no endpoint is called that; did you mean `ollama`?\n",
    )

    desk.on_the_mac("rehearse sudo-password a-word-of-anna")
    before = desk.record()
    done = desk.do("stop", "ollama")
    asked = "sudo on this Mac asks for a password, and there is no terminal to type it in; run this in a terminal"
    assert said(done) == (1, "", f"studio: {asked}\n")
    shown = desk.see(
        "macstate",
        "stop",
        "@rehearsal/studio",
        "ollama",
        keys=(("", "for sudo: "), ("a-word-of-anna\n", "its watchdog")),
        **desk.named(),
    )
    assert "stopped ollama and its watchdog" in shown
    heard = [call for call in desk.calls() if call[0] != "rehearse"]
    assert "a-word-of-anna" not in shown + json.dumps(heard)
    assert desk.record() != before


@pytest.mark.slow
def test_an_agent_is_stopped_without_root_and_wants_a_login(tmp_path: Path) -> None:
    macs = "macs:\n  studio: {hostname: studio.tail1.ts.net, user: anna}\n"
    agent = f"{macs}endpoints: {{vllm: {{engine: rest, command: [/opt/b], port: 8002, domain: gui}}}}\n"
    laptop = Laptop(tmp_path)
    laptop.run(agent, "studio", dry=True)
    laptop.command("rehearse login anna", "studio")
    done = laptop.run(agent, "studio")
    assert not done.failed, done.said
    laptop.mac("studio").rename(tmp_path / "studio")
    desk = Desk(tmp_path, agent)
    calls = len(desk.calls())

    again = "`macstate start vllm` or the next apply starts it again"
    assert said(desk.do("stop", "vllm")) == (0, f"stopped vllm; {again}\n", "")
    assert said(desk.do("start", "vllm")) == (0, "started vllm\n", "")
    assert [call for call in desk.calls()[calls:] if call[:2] == ["sudo", "-H"]] == []
    desk.on_the_mac("rehearse logout")
    gone = desk.do("stop", "vllm")
    assert (gone.returncode, gone.stdout, len(gone.stderr.splitlines())) == (1, "", 1)
    assert "nobody is logged in at the Mac's screen" in gone.stderr


@pytest.mark.slow
def test_what_the_yaml_keeps_off_is_not_started_by_hand(desk: Desk) -> None:
    (desk.top / "group_data/macs.yml").write_text(
        SPEC.replace("engine: rest, label", "enabled: false, engine: rest, label")
    )
    off = "the YAML says `enabled: false`; take that out, and apply"

    assert said(desk.do("start", "ollama")) == (1, "", f"studio: ollama: {off}\n")
    assert said(desk.do("restart", SERVER)) == (1, "", f"studio: {SERVER}: {off}\n")
    assert said(desk.do("start", "ollama.watchdog")) == (1, "", f"studio: ollama.watchdog: {off}\n")
    desk.apply()
    assert (desk.is_loaded(SERVER), desk.is_disabled(SERVER)) == (False, True)
    assert said(desk.do("stop", "ollama")) == (1, "", f"studio: ollama: {off}\n")
    assert {state for state, _ in desk.record().values()} == {"owned"}


@pytest.mark.slow
def test_a_lock_that_is_held_is_told(desk: Desk) -> None:
    lock = desk.folder / "studio/var/db/macstate/lock"
    lock.mkdir()
    (lock / "holder").write_text("1\t2026-01-01T00:00:00Z\tlong ago\tsomebody\n")

    done = desk.do("stop", "vllm")  # it has ended, and its lock is taken over, as in a run

    assert done.returncode == 0, done.stderr
    assert "took over the lock of somebody" in done.stderr
    assert not lock.exists()


@pytest.mark.slow
def test_a_look_and_one_change_is_all_that_is_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[Any] = []
    run = RehearsalConnector.run_shell_command

    def counted(self: Any, command: Any, *words: Any, **more: Any) -> Any:
        sent.append((str(command), more.get("_stdin")))
        return run(self, command, *words, **more)

    monkeypatch.setattr(RehearsalConnector, "run_shell_command", counted)
    monkeypatch.chdir(desk.top)
    own = {"MACSTATE_SPEC": str(desk.top / "group_data/macs.yml")}  # one process reads a path once
    for name, value in (desk.environment() | own).items():
        monkeypatch.setenv(name, value)
    for verb in ("stop", "start", "restart"):
        monkeypatch.setattr(sys, "argv", ["macstate", verb, "ollama"])
        sent.clear()
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert (end.value.code, len(sent)) == (0, 2), capsys.readouterr().err
        assert "com.ollama.server" not in sent[1][0]  # names come on standard input, as in an apply


@pytest.mark.parametrize("script", [hand.RUNS, hand.HELD])
def test_the_scripts_are_one_clean_line(script: str) -> None:
    assert "\n" not in script
    assert shellcheck(f"{script}\n") == ""
