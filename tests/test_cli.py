"""Our own commands, as a person types them, against one Mac that was carried out once."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from laptop import ROOT, Laptop

SPEC = """
macs:
  studio: {hostname: studio.tail1.ts.net, user: anna}
power: {ac: {sleep: 0}}
endpoints:
  coder: {engine: openai, command: [/opt/a, --port, "{port}"], port: 8001, serve: /coder}
  pictures: {engine: rest, command: [/opt/b], port: 8002}
"""
TARGET = "@rehearsal/studio"


class Terminal:
    """A laptop with the commands, and one rehearsal Mac."""

    def __init__(self, folder: Path, spec: str = SPEC) -> None:
        self.folder = folder
        (folder / "macs.yml").write_text(spec)

    def type(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name(command)
        environment = {
            "HOME": str(self.folder),
            "MACSTATE_SPEC": str(self.folder / "macs.yml"),
            "MACSTATE_REHEARSAL": str(self.folder),
            "PATH": "/usr/bin:/bin",
        }
        return subprocess.run([program, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def macstate(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.type("macstate", *words)

    def inside(self, command: str) -> None:
        done = self.type("pyinfra", TARGET, "exec", "--", command)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Mac that is as the spec says."""
    folder = tmp_path_factory.mktemp("applied")
    laptop = Laptop(folder)
    assert not laptop.run(SPEC, "studio").failed
    return laptop.mac("studio")


@pytest.fixture
def terminal(applied: Path, tmp_path: Path) -> Terminal:
    shutil.copytree(applied, tmp_path / "studio", symlinks=True)
    return Terminal(tmp_path)


def test_status_is_fine(terminal: Terminal) -> None:
    done = terminal.macstate("status", TARGET)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"coder +up", done.stdout)
    assert re.search(r"pictures +up", done.stdout)


def test_status_names_what_is_down(terminal: Terminal) -> None:
    terminal.inside("sudo launchctl bootout system/macstate.coder")

    done = terminal.macstate("status", TARGET)

    assert done.returncode == 1
    assert re.search(r"coder +down", done.stdout)
    assert re.search(r"pictures +up", done.stdout)


def test_logs_show_an_endpoints_log(terminal: Terminal) -> None:
    terminal.inside('echo "a line of its own" >> "$HOME/Library/Logs/macstate.coder.log"')

    done = terminal.macstate("logs", TARGET, "coder")
    wrong = terminal.macstate("logs", TARGET, "codr")

    assert done.stdout.endswith("a line of its own\n")
    assert wrong.returncode == 1
    assert "codr" in wrong.stderr
    assert "coder" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1


def test_awake_lasts_for_a_while(terminal: Terminal) -> None:
    done = terminal.macstate("awake", TARGET, "2h")
    long = terminal.macstate("awake", TARGET, "48h")
    wrong = terminal.macstate("awake", TARGET, "2")
    nothing = terminal.macstate("awake", TARGET, "0s")

    until = r"studio stays awake until (\d{4}-\d\d-\d\d )?(\d\d:\d\d) \(caffeinate, process \d+\)\n"
    today = re.fullmatch(until, done.stdout)
    assert today
    assert (today[1] is None) == (today[2] >= "02:00")  # past midnight it is another day
    later = re.fullmatch(until, long.stdout)
    assert later
    assert abs((date.fromisoformat(later[1].strip()) - date.today()).days - 2) <= 1  # noqa: DTZ011 - as the command says it
    assert nothing.stderr == "0s is no time at all; type 1s or more\n"
    assert wrong.stderr == "'2' is not a duration; type a number with its unit: 30s, 5m or 2h\n"


def test_the_journal_tells_who_did_what(terminal: Terminal) -> None:
    before = terminal.macstate("log", TARGET, "--json").stdout.splitlines()
    assert terminal.macstate("plan", TARGET).returncode == 0
    assert terminal.type("pyinfra", TARGET, "deploy.py", "-y").returncode == 0

    after = terminal.macstate("log", TARGET, "--json").stdout.splitlines()
    told = terminal.macstate("log", TARGET).stdout

    assert after == before  # a plan, and a run that had nothing to do, write nothing
    entry = json.loads(before[-1])
    assert len(before) == 1
    assert entry["outcome"] == "applied"
    assert re.fullmatch(r"[0-9a-f]{64}", entry["spec"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["when"])
    assert "@" in entry["who"]
    assert "launchd/system/macstate.coder" in json.dumps(entry)
    assert "macstate.coder" in told


def test_only_looks_at_one_entry(terminal: Terminal) -> None:
    terminal.inside("sudo pmset -c sleep 5")

    done = terminal.macstate("plan", TARGET, "--only", "endpoints.coder")
    wrong = terminal.macstate("plan", TARGET, "--only", "endpoints.codr")

    assert done.returncode == 0
    assert "only endpoints.coder and what that needs: the rest was not looked at" in done.stdout
    assert wrong.returncode == 1
    assert "did you mean endpoints.coder?" in wrong.stderr
    assert terminal.macstate("plan", TARGET).returncode == 2


def test_limit_takes_a_group_as_pyinfras_does(applied: Path, tmp_path: Path) -> None:
    shutil.copytree(applied, tmp_path / "studio", symlinks=True)
    terminal = Terminal(tmp_path, f"{SPEC}clients: {{local: {{}}}}\n")
    inventory = tmp_path / "inventory.py"
    inventory.write_text(f'macs = ["{TARGET}"]\nclients = ["@local"]\n')

    everything = terminal.macstate("plan", str(inventory), "--summary")
    macs = terminal.macstate("plan", str(inventory), "--summary", "--limit", "macs")
    pattern = terminal.macstate("plan", str(inventory), "--summary", "--limit", "stu*")
    wrong = terminal.macstate("plan", str(inventory), "--summary", "--limit", "mcas")

    assert everything.returncode == 2, everything.stdout + everything.stderr
    assert "@local: " in everything.stdout
    assert (macs.returncode, macs.stdout) == (0, pattern.stdout), macs.stdout + macs.stderr
    assert macs.stdout.startswith("studio: ")
    assert len(macs.stdout.splitlines()) == 1
    assert wrong.returncode == 1
    assert "--limit mcas: means no host of" in wrong.stderr


def test_the_products_inventory_has_the_group_of_the_macs(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, f"{SPEC}clients: {{local: {{}}}}\n")

    macs = terminal.macstate("plan", "inventory.py", "--limit", "macs")
    clients = terminal.macstate("plan", "inventory.py", "--limit", "clients")

    assert macs.returncode == 1  # there is no tailnet here
    assert "@local" not in macs.stdout + macs.stderr
    assert clients.returncode == 2
    assert "@local" in clients.stdout


def test_an_unreachable_mac_is_an_error_and_not_no_changes(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)

    done = terminal.macstate("plan", "inventory.py", "--summary")

    assert done.returncode == 1
    assert "No changes" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_of_that_shell(shell: str, tmp_path: Path) -> None:
    script = Terminal(tmp_path).macstate("completion", shell).stdout

    assert "_macstate_completion" in script
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_a_defect_is_one_line_and_a_traceback_on_request(tmp_path: Path) -> None:
    broken = "import macstate.cli as cli\nfrom macstate import spec\nspec.path = lambda: 1 / 0\ncli.main()\n"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    short, long = (
        subprocess.run(
            [sys.executable, "-c", broken, *words, "plan", TARGET],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for words in ([], ["--debug"])
    )

    assert short.returncode == 1
    assert short.stderr == (
        "macstate: unexpected ZeroDivisionError: division by zero (a defect of macstate); `--debug` shows where\n"
    )
    assert "Traceback" in long.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{Path(sys.executable).with_name('macstate')} schema | head -1"

    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("{\n", "")
