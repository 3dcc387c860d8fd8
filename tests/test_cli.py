"""Our own commands, as a person types them, against one Mac that was carried out once."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from laptop import ROOT, SHOWN, VALID, Laptop, changes, snapshot
from pyinfra.api.command import StringCommand
from pyinfra.connectors.util import CommandOutput, OutputLine

from macstate import cli
from macstate.cli import logs
from macstate.errors import MacstateError
from macstate.kernel import journal
from macstate.review import plan_json
from macstate.transport import connect

SPEC = """
macs:
  studio: {hostname: studio.tail1.ts.net, user: anna}
power: {ac: {sleep: 0}}
endpoints:
  coder: {engine: openai, command: [/opt/a, --port, "{port}"], port: 8001, serve: /coder}
  pictures: {engine: rest, command: [/opt/b], port: 8002}
"""
TARGET = "@rehearsal/studio"
BIN = Path(sys.executable).parent


class Terminal:
    """A laptop with the commands, and one rehearsal Mac."""

    def __init__(self, folder: Path, spec: str = SPEC) -> None:
        self.folder = folder
        (folder / "macs.yml").write_text(spec)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "MACSTATE_SPEC": str(self.folder / "macs.yml"),
            "MACSTATE_REHEARSAL": str(self.folder),
            "PATH": f"{BIN}:/usr/bin:/bin",
            **more,
        }

    def type(self, command: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / command, *words],
            cwd=ROOT,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Type a command, and do not wait."""
        out = subprocess.DEVNULL
        return subprocess.Popen(words, cwd=ROOT, env=self.environment(), stdout=out, stderr=out, text=True)

    def see(self, *words: str, keys: Iterable[tuple[str, str]] = (), **more: str) -> str:
        """Type a command on a real terminal; press keys, each time until something is there; give all that it shows."""
        pid, screen = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execvpe(words[0], words, self.environment(TERM="xterm", **more))  # noqa: S606 - a command
        shown = ""
        for pressed, until in keys:
            os.write(screen, pressed.encode())
            new = ""
            while until not in new:
                assert select.select([screen], [], [], 20)[0], new
                new += os.read(screen, 65536).decode()
            shown += new
        with suppress(OSError):  # Linux' way to say that it is over
            while piece := os.read(screen, 65536):
                shown += piece.decode()
        os.close(screen)
        os.waitpid(pid, 0)
        return shown

    def macstate(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.type("macstate", *words, **more)

    def deploy(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.type("pyinfra", TARGET, "deploy.py", "-y", *words, **more)

    def inside(self, command: str) -> None:
        done = self.type("pyinfra", TARGET, "exec", "--", command)
        assert done.returncode == 0, done.stderr
        time.sleep(SHOWN)

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.macstate("log", TARGET, "--json").stdout.splitlines()]


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


@pytest.mark.slow
def test_status_is_fine(terminal: Terminal) -> None:
    done = terminal.macstate("status", TARGET)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"coder +up", done.stdout)
    assert re.search(r"pictures +up", done.stdout)


@pytest.mark.slow
def test_status_names_what_is_down(terminal: Terminal) -> None:
    terminal.inside("sudo launchctl bootout system/macstate.coder")

    done = terminal.macstate("status", TARGET)

    assert done.returncode == 1
    assert re.search(r"coder +down", done.stdout)
    assert re.search(r"pictures +up", done.stdout)


@pytest.mark.slow
def test_logs_show_an_endpoints_log(terminal: Terminal) -> None:
    terminal.inside('echo "a line of its own" >> "$HOME/Library/Logs/macstate.coder.log"')

    done = terminal.macstate("logs", TARGET, "coder")
    wrong = terminal.macstate("logs", TARGET, "codr")

    assert done.stdout.endswith("a line of its own\n")
    assert wrong.returncode == 1
    assert "codr" in wrong.stderr
    assert "coder" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1


@pytest.mark.slow
def test_awake_lasts_for_a_while(terminal: Terminal) -> None:
    done = terminal.macstate("awake", TARGET, "2h")
    long = terminal.macstate("awake", TARGET, "48h")
    wrong = terminal.macstate("awake", TARGET, "2")
    nothing = terminal.macstate("awake", TARGET, "0s")

    until = r"studio stays awake until (\d{4}-\d\d-\d\d )?(\d\d:\d\d) \(caffeinate, process (\d+)\)\n"
    today = re.fullmatch(until, done.stdout)
    assert today
    assert (today[1] is None) == (today[2] >= "02:00")  # past midnight it is another day
    later = re.fullmatch(until, long.stdout)
    assert later
    assert abs((date.fromisoformat(later[1].strip()) - date.today()).days - 2) <= 1  # noqa: DTZ011 - as the command says it
    for each in (today, later):
        terminal.inside(f"kill {each[3]}")  # it outlives the session, and would outlive the test
    assert nothing.stderr == "0s is no time at all; type 1s or more\n"
    assert wrong.stderr == "'2' is not a duration; type `2s`\n"


@pytest.mark.slow
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


@pytest.mark.slow
def test_only_looks_at_one_entry(terminal: Terminal) -> None:
    terminal.inside("sudo pmset -c sleep 5")

    done = terminal.macstate("plan", TARGET, "--only", "endpoints.coder")
    wrong = terminal.macstate("plan", TARGET, "--only", "endpoints.codr")

    assert done.returncode == 0
    assert "only endpoints.coder and what that needs: the rest was not looked at" in done.stdout
    assert wrong.returncode == 1
    assert "did you mean endpoints.coder?" in wrong.stderr
    assert terminal.macstate("plan", TARGET).returncode == 2


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_plan_as_json_is_as_published(terminal: Terminal) -> None:
    terminal.inside("sudo pmset -c sleep 5")

    whole = terminal.macstate("plan", TARGET, "--json")
    part = terminal.macstate("plan", TARGET, "--json", "--only", "endpoints.coder")

    for done in (whole, part):
        VALID.validate(json.loads(done.stdout))
    assert (whole.returncode, part.returncode) == (2, 0)
    assert "only" not in json.loads(whole.stdout)
    assert json.loads(part.stdout)["only"] == ["endpoints.coder"]


@pytest.mark.slow
def test_one_line_for_some_entries_says_that_the_rest_was_not_looked_at(terminal: Terminal) -> None:
    same = terminal.macstate("plan", TARGET, "--only", "endpoints.coder", "--summary")
    terminal.inside("sudo launchctl disable system/macstate.coder")
    differs = terminal.macstate("plan", TARGET, "--only", "endpoints.coder", "--summary")

    rest = "endpoints.coder: the rest was not looked at."
    assert same.stdout == f"studio: No changes. studio matches the spec in {rest}\n"
    assert differs.stdout == f"studio: Plan: 0 to add, 1 to change, 0 to remove. Only {rest}\n"


@pytest.mark.slow
def test_an_entry_takes_its_old_route_along_and_what_is_not_its_own_is_told(terminal: Terminal) -> None:
    text = SPEC.replace("serve: /coder", "serve: /code")
    (terminal.folder / "macs.yml").write_text(text[: text.index("  pictures:")])

    shown = terminal.macstate("plan", TARGET, "--only", "endpoints.coder").stdout.splitlines()

    gone = "launchd/system/macstate.pictures is no longer in the spec, and goes in a run without `--only`"
    assert gone in shown
    changes = [line.split("  ")[0] for line in shown if line[:2] in {"- ", "+ ", "~ "}]
    assert changes == ["- serve/443/coder", "+ serve/443/code"]


@pytest.fixture
def studio(applied: Path, tmp_path: Path) -> Laptop:
    """A laptop in this process, and the same Mac."""
    shutil.copytree(applied, tmp_path / "macs/studio", symlinks=True)
    return Laptop(tmp_path)


def save(studio: Laptop, monkeypatch: pytest.MonkeyPatch, only: str = "") -> dict[str, Any]:
    """Save the plan as `macstate plan --out` does, for the runs that follow."""
    monkeypatch.delenv("MACSTATE_PLAN", raising=False)
    [seen] = studio.run(SPEC, "studio", dry=True, data={"only": only}).shown
    file = studio.folder / "plan.json"
    file.write_text(plan_json.as_json({"studio": seen.plan}, seen.spec, seen.declared.only))
    monkeypatch.setenv("MACSTATE_PLAN", str(file))
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def disturb(studio: Laptop, command: str) -> None:
    """Do something by hand, and wait until it shows."""
    studio.command(command, "studio")
    time.sleep(SHOWN)
    studio.command("pmset -g custom", "studio")


@pytest.mark.slow
def test_a_saved_plan_is_carried_out_as_it_was_shown(studio: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    disturb(studio, "sudo pmset -c sleep 5; sudo launchctl disable system/macstate.pictures")
    document = save(studio, monkeypatch)
    calls = len(studio.calls("studio"))

    done = studio.run(SPEC, "studio")

    assert not done.failed, done.said
    titles = [f"~ {change['id']}" for change in document["hosts"]["studio"]["changes"]]
    assert changes(done) == titles == ["~ power/ac", "~ launchd/system/macstate.pictures"]
    ran = {shlex.join(call) for call in studio.calls("studio")[calls:]}
    assert {step for each in document["hosts"]["studio"]["changes"] for step in each["steps"] if "#" not in step} <= ran
    monkeypatch.delenv("MACSTATE_PLAN")
    assert studio.run(SPEC, "studio").rows == []


@pytest.mark.slow
def test_a_saved_plan_is_refused_when_the_mac_has_moved(studio: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    disturb(studio, "sudo pmset -c sleep 5")
    save(studio, monkeypatch)
    disturb(studio, "sudo pmset -c sleep 7")
    before = snapshot(studio.mac("studio"))

    refused = studio.run(SPEC, "studio")

    assert refused.failed
    assert refused.commands == 1
    [said] = [line for line in refused.said if "MACSTATE_PLAN" in line]
    assert said.endswith(
        ": power/ac changed since this plan was made; make a new one (`macstate plan TARGET --out FILE`) and look at it"
    )
    assert snapshot(studio.mac("studio")) == before
    save(studio, monkeypatch)
    assert not studio.run(SPEC, "studio").failed


@pytest.mark.slow
def test_a_saved_plan_for_some_entries_knows_them(studio: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    disturb(studio, "sudo pmset -c sleep 5; sudo launchctl disable system/macstate.coder")
    assert save(studio, monkeypatch, "endpoints.coder")["only"] == ["endpoints.coder"]

    other = studio.run(SPEC, "studio", data={"only": "power"})
    done = studio.run(SPEC, "studio")

    assert (other.failed, other.commands) == (True, 0)
    assert "only=power: the saved plan says which entries it is for; leave this out" in " ".join(other.said)
    assert changes(done) == ["~ launchd/system/macstate.coder"]
    assert not done.failed, done.said


@pytest.mark.slow
def test_a_plan_is_saved_only_when_nothing_stands_against_it(terminal: Terminal) -> None:
    file = terminal.folder / "plan.json"
    file.write_text("the old one")
    (terminal.folder / "macs.yml").write_text(SPEC[: SPEC.index("endpoints:")])
    words = ("plan", TARGET, "--out", str(file))

    refused = terminal.macstate(*words)
    kept = file.read_text()
    nowhere = terminal.macstate(*words[:3], "/nonexistent/plan.json")
    made = terminal.macstate(*words, "--data", "allow=removal", MACSTATE_PLAN=str(file))

    assert (refused.returncode, kept) == (1, "the old one")
    assert f"--out {file}: not written" in refused.stderr
    assert nowhere.stderr == (
        "--out /nonexistent/plan.json: cannot be written; name a file in a folder that is there, and yours\n"
    )
    assert made.returncode == 2, made.stderr  # the variable is for carrying out: it stands against no new plan
    VALID.validate(json.loads(file.read_text()))


def script_that_holds(lock: Path) -> int:
    """Wait until a run holds the lock; give the process on the Mac."""
    end = time.monotonic() + 30
    while not (lock.exists() and lock.read_text().count("\t") == 3):
        assert time.monotonic() < end
        time.sleep(0.05)
    return int(lock.read_text().partition("\t")[0])


def test_a_run_that_its_user_ends_has_not_gone_well(terminal: Terminal) -> None:
    terminal.inside("rehearse stop-delay 15")
    terminal.inside("sudo launchctl disable system/macstate.coder")
    holder = terminal.folder / "studio/var/db/macstate/lock/holder"
    words = [str(BIN / "pyinfra"), TARGET, "deploy.py", "-y"]
    said = terminal.folder / "said"
    with said.open("w") as file:  # no pipe: what the script has begun would hold it
        run = subprocess.Popen(words, cwd=ROOT, env=terminal.environment(), stdout=file, stderr=file)
    script = script_that_holds(holder)
    run.send_signal(signal.SIGINT)
    os.kill(script, signal.SIGKILL)  # as Ctrl-C does to a rehearsal's

    assert run.wait(timeout=60) == 130
    assert said.read_text().count("ended by you; run again: it goes on where it stopped\n") == 1
    assert "Traceback" not in said.read_text()


@pytest.mark.slow
def test_two_runs_at_once_and_one_that_is_killed(terminal: Terminal) -> None:
    terminal.inside("rehearse stop-delay 15")
    terminal.inside("sudo launchctl disable system/macstate.coder")
    holder = terminal.folder / "studio/var/db/macstate/lock/holder"
    first = terminal.begin(str(BIN / "pyinfra"), TARGET, "deploy.py", "-y")
    try:
        script = script_that_holds(holder)
        second = terminal.deploy("--data", "lock_wait=0")
        [said] = [line for line in second.stderr.splitlines() if "another run holds the lock" in line]
    finally:
        first.kill()
    os.kill(script, 9)
    terminal.inside("rehearse stop-delay 0.4")
    first.wait()

    third = terminal.deploy()

    assert second.returncode == 1
    assert re.search(r"since \S+ \(process \d+\); wait for it, then run again$", said.strip())
    assert third.returncode == 0, third.stderr
    assert "took over the lock" in third.stderr
    assert terminal.macstate("plan", TARGET).returncode == 0


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A laptop without a Mac."""
    return Terminal(tmp_path_factory.mktemp("desk"))


NOT_FOUND = "no such inventory file; type a Mac's name, @rehearsal/NAME for a rehearsal, or a path to an inventory"
NO_MAC = "no Mac is called that; the spec has studio"
MISTAKES = {
    ("plan", "./README.md"): r"README.md:\d+: this is no Python \(.*\), as an inventory has to be",
    ("plan", "README.md"): rf"README\.md: {NO_MAC}; an inventory of that name is typed with its path: \./README\.md",
    ("plan", "."): r"\.: no Mac; type e\.g\. studio, @rehearsal/studio or \./inventory\.py",
    ("plan", ""): r"'': no Mac; type e\.g\. studio, @rehearsal/studio or \./inventory\.py",
    ("plan", "no.py"): rf"no\.py: {NOT_FOUND}",
    ("plan", "HOME/syntax.py"): r"HOME/syntax\.py:2: this is no Python \('\(' was never closed\), .*",
    ("plan", "HOME/raises.py"): r"HOME/raises\.py:2: ZeroDivisionError: division by zero",
    ("plan", "HOME/bytes.py"): r"HOME/bytes\.py: not an inventory \(.*\)",
    ("plan", "HOME/empty.py"): r"HOME/empty\.py: there is no Mac in it",
    ("plan", TARGET, "--data", "allow"): r"--data allow: not of the form KEY=VALUE; .*",
    ("plan", TARGET, "--data", "alow=removal"): r"studio: --data alow: not known; did you mean --data allow=…\?",
    ("plan", TARGET, "--data", "lock_wait=x"): r"studio: lock_wait=x: not a whole number of seconds below 100,000; .*",
    ("plan", "x", "--foo"): r"macstate plan: No such option '--foo'\..* `macstate plan --help` tells more",
    ("nonsense",): r"macstate: No such command 'nonsense'\. `macstate --help` tells more",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_line(
    desk: Terminal, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = desk.folder
    (home / "syntax.py").write_text("x = 1\ny = (\n")
    (home / "raises.py").write_text("x = 1\n1 / 0\n")
    (home / "bytes.py").write_bytes(b"\xff\x00")
    (home / "empty.py").write_text("")
    for name, value in desk.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["macstate", *(word.replace("HOME", str(home)) for word in words)])

    with pytest.raises(SystemExit) as end:
        cli.main()

    done = capsys.readouterr()
    assert (end.value.code, done.out) == (1, "")
    assert re.fullmatch(MISTAKES[words], done.err.strip().replace(str(home), "HOME")), done.err


@pytest.mark.slow
def test_a_dry_run_makes_no_key(tmp_path: Path) -> None:
    gate = "gateway: {server: nginx, require_key: always, keys: {agents: generate}}\n"
    terminal = Terminal(tmp_path, SPEC + gate)

    done = terminal.type("pyinfra", TARGET, "deploy.py", "--dry")

    assert "+ secret/Library/macstate/etc/gateway.keys" in done.stdout, done.stderr
    assert not (tmp_path / ".keys").exists()


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.slow
def test_colours_are_for_a_terminal_that_wants_them(terminal: Terminal) -> None:
    terminal.inside("sudo pmset -c sleep 5")
    plan, dry = ("macstate", "plan", TARGET), ("pyinfra", TARGET, "deploy.py", "--dry")

    coloured, piped = terminal.see(*plan), terminal.type(*plan).stdout
    plain = terminal.see(*dry, NO_COLOR="1")  # pyinfra's own lines too

    assert "\x1b[33m~ power/ac  sleep: 5 -> 0\x1b[0m" in coloured
    for shown in (plain, piped, terminal.see(*plan, NO_COLOR="1")):
        assert "~ power/ac" in shown
        assert COLOUR.findall(shown) == []


class Chatty:
    """A Mac whose login scripts print something, before and behind."""

    def run_shell_command(self, command: StringCommand, **arguments: Any) -> tuple[bool, CommandOutput]:
        script = f"echo 'Welcome back!'; {command.get_raw_value()}; status=$?; echo Bye.; exit $status"
        lines = "\n".join(arguments["_stdin"])
        done = subprocess.run(["sh", "-c", script], input=lines, capture_output=True, text=True, check=False)
        streams = (("stdout", done.stdout), ("stderr", done.stderr))
        said = [OutputLine(stream, line) for stream, text in streams for line in text.splitlines()]
        return done.returncode == 0, CommandOutput(said)


def test_what_a_login_script_prints_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    mac: Any = Chatty()
    log = tmp_path / "log"
    log.write_text("one\ntwo\n")

    assert connect.run_script(mac, 'echo "$1"; echo last', "a b") == ["a b", "last"]
    assert connect.run_script(mac, journal.READ) == []
    assert connect.run_script(mac, logs.READ, str(log), "begin", "1") == ["8", "dHdvCg=="]
    assert connect.run_script(mac, logs.READ, str(tmp_path / "none"), "begin", "1") == ["unreadable"]
    log.write_bytes(b"x" * 3_000_000)
    _, piece = connect.run_script(mac, logs.READ, str(log), "begin", "1")
    assert b64decode(piece) == b"x" * 1_000_000
    with pytest.raises(MacstateError, match=r"the Mac did not do what it was asked \(no luck\); run again"):
        connect.run_script(mac, "echo no luck >&2; false")


def test_a_run_is_told_in_short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    line = {"run": "a", "when": "2026-11-27T02:04:05Z", "who": "anna@laptop (anna@github)", "outcome": "applied"}
    why = "verify: not as the spec says after the run: launchd/system/macstate.coder running (last exit: 1), power/ac"
    failed = {**line, "done": ["~ power/ac"], "changes": ["~ power/ac", "+ serve/443/x", "+ serve/443/y"]}
    try:
        assert [*journal.told({**line, "done": ["stop launchd/system/macstate.coder"]})] == [
            "2026-11-26 21:04  stopped  anna@laptop (anna@github)",
            "    coder",
        ]
        told = [*journal.told({**failed, "outcome": f"failed: {why}"})]
        assert told[:4] == [
            "2026-11-26 21:04  failed  anna@laptop (anna@github)",
            "    ~ power/ac",
            "    not done: + serve/443/x",
            "    not done: + serve/443/y",
        ]
        assert max(map(len, told)) <= 80
        assert " ".join(" ".join(told[4:]).split()) == f"why: {why}"
        assert next(journal.told({**line, "when": "9999-99-99", "done": []})).startswith("9999-99-99  applied")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_of_two_lines_about_a_run_the_one_that_failed_is_told() -> None:
    line = {"run": "a", "when": "1", "done": ["~ power/ac"], "changes": ["~ power/ac"]}
    failed, applied = ({**line, "outcome": outcome} for outcome in ("failed: verify: power/ac sleep", "applied"))
    less = {**failed, "done": []}

    for lines in ((failed, applied), (applied, failed), (less, failed, applied)):
        assert list(journal.entries("\n".join(map(json.dumps, lines)))) == [failed]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_of_that_shell(shell: str, desk: Terminal) -> None:
    done = desk.macstate("completion", shell)

    assert "_macstate_completion" in done.stdout
    assert done.stderr == ""
    assert "nosort" not in done.stdout  # macOS' bash is 3.2
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=done.stdout, text=True, check=True)


COMPLETED = {
    "macstate plan @reh": "macstate plan @rehearsal/studio ",
    "macstate plan invent": "macstate plan inventory.py ",
    "macstate plan @rehearsal/studio --only endpoints.pic": "--only endpoints.pictures ",
    "macstate logs inventory.py cod": "macstate logs inventory.py coder ",
    "macstate explain endpoints.pictures.models.llava:": "models.llava:7b-v1.6 ",
    "macstate expla": "macstate explain ",
}


@pytest.mark.slow
def test_bash_completes(desk: Terminal) -> None:
    (desk.folder / "macs.yml").write_text(SPEC.replace("port: 8002", "port: 8002, models: {'llava:7b-v1.6': x}"))
    ready = ('eval "$(macstate completion bash)"; echo rea""dy\n', "ready")
    tabs = [(f"\x15{typed}\t", completed) for typed, completed in COMPLETED.items()]

    desk.see("bash", "--norc", "--noprofile", "-i", keys=(ready, *tabs, ("\x15exit\n", "exit")), PS1="$ ")


def test_a_zsh_that_was_set_up_by_nobody_takes_the_completion(desk: Terminal) -> None:
    if shutil.which("zsh"):
        script = 'eval "$(macstate completion zsh)"; print $_comps[macstate]'
        done = subprocess.run(
            ["zsh", "-f", "-c", script], env=desk.environment(), capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("_macstate_completion\n", "")


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


def test_code_of_another_version_than_what_is_installed_is_one_line(tmp_path: Path) -> None:
    moved = "from macstate import cli, spec\nspec.path = lambda: __import__('macstate.of_before')\ncli.main()\n"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", moved, "plan", TARGET]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == (
        "macstate: what is installed is of another version than the code (No module named 'macstate.of_before'); type "
        "`.venv/bin/python -m uv run -q macstate plan`, or install it again\n"
    )


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{Path(sys.executable).with_name('macstate')} schema | head -1"

    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("{\n", "")


def test_one_of_two_macs_that_is_down_asks_nobody(tmp_path: Path) -> None:
    """The question whether to go on, where nobody can answer, was a traceback."""
    terminal = Terminal(tmp_path)
    inventory = tmp_path / "inventory.py"
    macs = ["@rehearsal/studio", ("127.0.0.1", {"ssh_port": 9})]
    inventory.write_text(f"from macstate.transport import terminal\nterminal.check_terminal()\nmacs = {macs}\n")
    words = [str(BIN / "pyinfra"), str(inventory), "deploy.py", "--dry"]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=terminal.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in said
    assert "Plan: " in said


@pytest.mark.slow
def test_a_log_that_cannot_be_there_says_why(terminal: Terminal) -> None:
    for words in ((TARGET, "coder.watchdog"), ("coder.watchdog",)):
        done = terminal.macstate("logs", *words)
        assert done.returncode == 1
        assert "endpoints.coder has no watchdog; `watchdog: true` there gives it one" in done.stderr
    played = terminal.macstate("logs", TARGET, "pictures")
    assert "a rehearsal's jobs write logs once `rehearse run-jobs on` (inside it) lets them really run" in played.stderr


def test_status_says_for_how_long_a_rehearsed_server_runs(terminal: Terminal) -> None:
    lines = terminal.macstate("status", TARGET).stdout.splitlines()
    assert re.search(r"^coder +up +process [0-9]+ on 127\.0\.0\.1:8001, for [0-9]+ (s|min)", lines[0]), lines
    assert [line for line in lines if line.endswith(" ")] == []
