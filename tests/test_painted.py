"""What a Mac says cannot paint the terminal: every command, on a real one, before a Mac that tries to."""

from __future__ import annotations

import ast
import io
import json
import os
import plistlib
import pty
import re
import shutil
import subprocess
import sys
import time
import unicodedata
from base64 import b64encode
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laptop import ROOT, Laptop
from laptop import logs as logged
from test_cli import BIN, Terminal

from macstate import cli, console, errors, printable
from macstate.cli import logs
from macstate.errors import MacstateError
from macstate.kernel.change import Batch, Change, Plan
from macstate.kernel.resource import Resource
from macstate.kinds.file import File
from macstate.kinds.launchd import Launchd
from macstate.kinds.model.queue import Pull
from macstate.language.facts import Facts, Node
from macstate.rehearsal.mac.processes import began
from macstate.review import guard, plan_json, report, status
from macstate.transport import connect, sudo
from macstate.transport.ssh.connector import MacConnector

SPEC = """
macs:
  studio: {hostname: studio.tail1.ts.net, user: anna}
power: {ac: {sleep: 0}}
launchd: {com.example.tick: {command: [/opt/tick], interval: 5m}}
endpoints:
  coder: {engine: openai, command: [/opt/a, --port, "{port}"], port: 8001, serve: /coder}
  ollama: {engine: ollama, command: [/opt/ollama, serve], port: 11434, models: {all-minilm: A}}
"""
TARGET = "@rehearsal/studio"
EVIL = "\x1b[5m\x1b]0;owned\x07\u202e\x9b2J\x7f"
SHOWN = r"\x1b[5m\x1b]0;owned\x07\u202e\u009b2J\x7f"
BLANK = re.sub(r"[^ -~]", " ", EVIL.encode().decode("latin-1"))
"""What signs a lock is shown as text without any of that."""
OURS = re.compile(r"\x1b\[(0|1|3[0-7])m")
"""Colours as click makes them; what blinks is none of ours."""
FORBIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def paint(text: str) -> list[str]:
    """Give what a text holds that does something to a terminal, and is neither the end of a line nor one of ours."""
    return sorted({each for each in OURS.sub("", text) if unicodedata.category(each) in FORBIDDEN} - {"\n", "\t"})


def on_screen(laptop: Terminal, *words: str, **more: str) -> str:
    """Type a command on a terminal, and give the very characters that reach it."""
    screen, inside = pty.openpty()
    more = {"TERM": "dumb", "PYINFRA_PROGRESS": "off", "PYTHONPATH": str(ROOT), **more}  # no bars that move
    command = [str(BIN / words[0]), *words[1:]]
    process = subprocess.Popen(
        command, cwd=ROOT, env=laptop.environment(**more), stdin=inside, stdout=inside, stderr=inside
    )
    os.close(inside)
    shown = b""
    with suppress(OSError):  # Linux' way to say that it is over
        while piece := os.read(screen, 65536):
            shown += piece
    os.close(screen)
    process.wait()
    return shown.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Mac that was as the spec says, and on which somebody has named things as he liked."""
    laptop = Laptop(tmp_path_factory.mktemp("evil"))
    assert not laptop.run(SPEC, "studio").failed
    laptop.wait_for_models("studio")
    mac = laptop.mac("studio")
    jobs = mac / "Library/LaunchDaemons"
    for name, label in ((f"com.evil{EVIL}", f"com.evil{EVIL}"), ("com.example.tick", "com.example.tick")):
        plist = {"Label": label, "ProgramArguments": ["/opt/a", EVIL]}
        (jobs / f"{name}.plist").write_bytes(plistlib.dumps(plist, fmt=plistlib.FMT_BINARY))
    record = mac / "var/db/macstate/owned"
    record.write_text(f"{record.read_text()}owned\tfile/etc/evil{EVIL}\t0123456789abcdef\n")
    line = {"run": "0", "when": f"2026{EVIL}", "who": f"eve{EVIL}", "changes": [], "done": [f"+ {EVIL}\n~ power/ac"]}
    journal = record.with_name("journal")
    journal.write_text(f"{json.dumps(line, ensure_ascii=False)}\n{journal.read_text()}")
    queue = mac / "Users/anna/.local/state/macstate/pulls/ollama"
    queue.mkdir(parents=True, exist_ok=True)
    failed = ("llama3.2:1b", "46000000", "failed", "1000", "0", "1100", f"no{EVIL}")
    (queue / "llama3.2:1b.pull").write_text("\t".join(failed) + "\n")
    log = mac / "Users/anna/Library/Logs/macstate.coder.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(f"one {EVIL}\nin \x1b[31mred\x1b[0m, 漢\n10 %\r20 %\r\n".encode() + b"no UTF-8: \xff\n")
    laptop.command(f"rehearse listen 8001 '/opt/evil{EVIL}'", "studio")
    return mac


@pytest.fixture
def mac(evil: Path, tmp_path: Path) -> Terminal:
    """A laptop whose Mac is the evil one, and lacks a model."""
    shutil.copytree(evil, tmp_path / "studio", symlinks=True)
    return Terminal(tmp_path, SPEC.replace("all-minilm: A", "all-minilm: A, llama3.2:1b: B"))


COMMANDS = {
    "plan -v": (f"- file/etc/evil{SHOWN}", f"unmanaged: launchd/system/com.evil{SHOWN}", f">{SHOWN}</string>"),
    "plan --only endpoints.coder": (f"file/etc/evil{SHOWN} is no longer", f"/opt/evil{SHOWN} (process"),
    "status": (f"the last pull failed: no{SHOWN}",),
    "doctor": (f"port 8001 is in use by /opt/evil{SHOWN} (process",),
    "log": (f"2026{SHOWN}    eve{SHOWN}", rf"    + {SHOWN}\n~ power/ac"),
    "logs coder": (f"one {SHOWN}", r"in \x1b[31mred\x1b[0m, 漢", "10 %\n20 %\n", r"no UTF-8: \xff"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_lets_a_mac_paint(command: str, mac: Terminal) -> None:
    name, *options = command.split()
    shown = on_screen(mac, "macstate", name, TARGET, *options)
    assert paint(shown) == []
    for text in COMMANDS[command]:
        assert text in OURS.sub("", shown)
    assert name in {"log", "logs"} or OURS.search(shown), "ours are still there"


@pytest.mark.slow
def test_json_says_it_all_and_paints_nothing(mac: Terminal) -> None:
    shown = on_screen(mac, "macstate", "plan", TARGET, "--json")
    plan = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])  # beside it stands what is against it
    assert paint(shown) == []
    assert plan["hosts"]["studio"]["unmanaged"][0] == f"launchd/system/com.evil{EVIL}"

    journal = on_screen(mac, "macstate", "log", TARGET, "--json")
    assert paint(journal) == []
    assert json.loads(journal.splitlines()[0])["who"] == f"eve{EVIL}"


@pytest.mark.slow
def test_what_pyinfra_prints_of_a_run_paints_nothing(mac: Terminal) -> None:
    mac.inside("rehearse unlisten 8001")
    lock = mac.folder / "studio/var/db/macstate/lock"
    lock.mkdir()
    (lock / "holder").write_text(f"99999999\tyesterday\tlong ago\teve{EVIL}")

    shown = on_screen(mac, "pyinfra", TARGET, "deploy.py", "-y")

    assert paint(shown) == []
    plain = OURS.sub("", shown)
    assert f"--> Starting operation: - file/etc/evil{SHOWN}" in plain
    assert f"took over the lock of eve{BLANK} (since yesterday)" in plain
    assert "verified: nothing is left to change" in plain
    assert plain.count(f"- file/etc/evil{SHOWN}") == 3  # in the plan, when it begins, and in the table


@pytest.mark.slow
def test_an_error_of_a_run_paints_nothing(mac: Terminal) -> None:
    mac.inside("rehearse unlisten 8001")
    lock = mac.folder / "studio/var/db/macstate/lock"
    lock.mkdir()
    (lock / "holder").write_text(f"{os.getpid()}\tyesterday\t{began(os.getpid())}\teve{EVIL}")

    shown = on_screen(mac, "pyinfra", TARGET, "deploy.py", "-y", "--data", "lock_wait=0")

    assert paint(shown) == []
    assert f"another run holds the lock: eve{BLANK}, since yesterday" in shown


@pytest.mark.slow
def test_what_a_file_says_paints_nothing(mac: Terminal) -> None:
    wrong = mac.folder / f"{EVIL}.yml"
    wrong.write_text(SPEC.replace("sleep: 0", '"sleep\\e[5m\\n": 0'))
    shown = on_screen(mac, "macstate", "plan", TARGET, MACSTATE_SPEC=str(wrong))
    assert rf"{SHOWN}.yml:4:14: sleep\x1b[5m\n: unknown here" in shown
    assert paint(shown) == []

    file = mac.folder / f"{EVIL}.json"
    mac.inside("rehearse unlisten 8001")
    on_screen(mac, "macstate", "plan", TARGET, "--out", str(file))
    plan = json.loads(file.read_text())
    plan["hosts"]["studio"] |= {"changes": [{"id": f"{EVIL}\nNo changes."}], "fingerprint": ""}
    file.write_text(plan_json.summed(plan))
    shown = on_screen(mac, "pyinfra", TARGET, "deploy.py", "--dry", MACSTATE_PLAN=str(file))
    assert rf"{SHOWN}.json: {SHOWN}\nNo changes., " in shown
    assert paint(shown) == []


def test_the_traceback_of_a_defect_paints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defect(*_: Any, **__: Any) -> None:
        raise ValueError(EVIL)

    monkeypatch.setattr(sys, "argv", ["macstate", "--debug"])
    with pytest.raises(SystemExit):
        cli.main(defect)
    said = capsys.readouterr().err
    assert said.startswith("Traceback (most recent call last):\n")
    assert said.endswith(f"ValueError: {SHOWN}\n")


@pytest.mark.slow
def test_a_name_that_is_no_word_is_not_completed(mac: Terminal) -> None:
    (mac.folder / "macs.yml").write_text(SPEC.replace("ollama:", '"co\\e[5m":'))
    line = f"macstate logs {TARGET} co"
    completes = {"_MACSTATE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "3"}
    assert on_screen(mac, "macstate", **completes) == "plain,coder\n"


@pytest.mark.slow
def test_a_logs_colours_pass_where_they_are_asked_for_and_nothing_else(mac: Terminal) -> None:
    words = ("logs", TARGET, "coder", "--raw")
    shown = on_screen(mac, "macstate", *words)
    piped = mac.macstate(*words, PYTHONPATH=str(ROOT))
    assert shown.splitlines()[0] == f"one {SHOWN}".replace(r"\x1b[5m", "\x1b[5m")
    assert "in \x1b[31mred\x1b[0m, 漢\n" in shown
    assert paint(shown) == ["\x1b"]  # of what blinks
    assert shown.endswith("\x1b[0m")
    assert piped.stdout == shown


@pytest.mark.slow
def test_a_terminal_without_the_letter_gets_it_escaped(mac: Terminal) -> None:
    shown = on_screen(mac, "macstate", "logs", TARGET, "coder", PYTHONIOENCODING="latin-1")
    assert r"in \x1b[31mred\x1b[0m, \u6f22" in shown


LOG = "漢\x1b[31mred\x1b[0m\r\n10 %\r20 %\r\n".encode() + b"\xff\x9b"


def pieces(cut: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Follow a log that comes in two pieces, and a newline behind them."""
    (tmp_path / "macs.yml").write_text(SPEC)
    monkeypatch.setenv("MACSTATE_SPEC", str(tmp_path / "macs.yml"))
    answers = iter([LOG[:cut], LOG[cut:], b"\n"])
    facts = Facts(user="anna", home="/Users/anna")
    monkeypatch.setattr(connect, "look", lambda *_: SimpleNamespace(facts=facts, resources={}))
    monkeypatch.setattr(connect, "run_script", lambda *_: ["1", b64encode(next(answers)).decode()])
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return islice(logs.tail(cast(Any, SimpleNamespace(name="studio")), "coder", 50, 1.0), 3)


@pytest.mark.parametrize("cut", range(len(LOG) + 1))
def test_nothing_slips_through_between_two_looks(
    cut: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in pieces(cut, monkeypatch, tmp_path):
        console.write(text)
    assert capsys.readouterr().out == "漢\\x1b[31mred\\x1b[0m\n10 %\n20 %\n\\xff\\x9b\n"
    for text in pieces(cut, monkeypatch, tmp_path):
        console.write(text, colours=True)
    assert capsys.readouterr().out == "漢\x1b[31mred\x1b[0m\n10 %\n20 %\n\\xff\\x9b\n"


def test_an_error_has_the_lines_that_were_meant() -> None:
    error = MacstateError(f"{EVIL}\nNo changes.", "two")
    assert str(error) == error.message == f"{SHOWN}\\nNo changes.\ntwo"
    assert str(error.on("studio")) == f"studio: {SHOWN}\\nNo changes.\nstudio: two"


def test_an_error_of_several_lines_is_made_of_lines() -> None:
    assert [name for name, source in sources().items() if re.search(r'MacstateError\(\s*"\\n"\.join', source)] == []


def test_a_name_with_a_newline_is_one_line_wherever_it_stands() -> None:
    name = f"system/a{EVIL}\n- power/ac"
    change = Change(f"launchd/{name}", "remove", None, Launchd(key=name, file={"Label": "a"}), foreign=True)
    plan = Plan((Batch((change,), (), (0, 0, 0)),), unmanaged=((f"serve/443/{EVIL}\nx", "why\nnot"),))
    with pytest.raises(MacstateError) as caught:
        guard.check(plan, Node(), "")
    assert caught.value.lines[0].startswith(f"launchd/system/a{SHOWN}\\n- power/ac: refused, ")
    assert list(report.text("studio", plan))[-2:] == [
        f"unmanaged: serve/443/{SHOWN}\\nx (why\\nnot)",
        "Plan: 0 to add, 0 to change, 1 to remove.",
    ]
    assert len(list(report.text("studio", plan))) == 3


def told(was: Resource, wish: Resource) -> list[str]:
    """Give how a change is shown, without colours."""
    change = Change(wish.id, "update", wish, was)
    return [OURS.sub("", line) for line in report.text("m", Plan((Batch((change,), (), (0, 0, 0)),)))]


def test_ends_of_lines_that_differ_are_shown() -> None:
    dos, unix = File(key="a", content="one\r\ntwo\u2028\tthree\n"), File(key="a", content="one\ntwo\u2028\tthree\n")
    assert told(dos, unix)[1:-1] == [
        "    content:",
        "      @@ -1,2 +1,2 @@",
        r"      -one\r",
        "      +one",
        "       two\\u2028\tthree",
    ]


class Host:
    """As much of pyinfra's host as is printed."""

    name = "studio"
    print_prefix = "[studio] "


def test_what_an_ssh_server_says_before_the_login_paints_nothing() -> None:
    said: list[str] = []
    with logged(said):
        MacConnector.say(cast(Any, SimpleNamespace(host=Host())), f"# visit {EVIL}\n")
    assert said == [f"[studio] # visit {SHOWN}\\n"]


def test_the_question_for_a_password_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def keep(prompt: str) -> str:
        asked.append(prompt)
        return "secret"

    answer = SimpleNamespace(stdout_lines=[sudo.ROOT])
    monkeypatch.setattr("getpass.getpass", keep)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(connect, "send", lambda *_: (True, answer))
    session = SimpleNamespace(actual=SimpleNamespace(facts=Facts(user=f"anna{EVIL}\n", sudo=False)), password=None)
    sudo.as_root(cast(Any, Host()), cast(Any, session), ("id",), [])
    assert asked == [f"studio: password of anna{SHOWN}\\n for sudo: "]


class Tty(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_the_bars_of_a_pull_paint_nothing_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    pull = Pull("pulling", alive=True, total=100, completed=50)
    seen = SimpleNamespace(pulls={f"ollama/[red]{EVIL}": pull})
    with redirect_stdout(Tty()) as text, status.Screen() as screen:
        screen.show(cast(Any, seen))
        screen.progress.refresh()
    assert f"ollama/[red]{SHOWN}" in text.getvalue()
    assert not {"\x07", "\u202e", "\x9b", "\x7f"} & set(text.getvalue())


TEXTS = st.text(
    st.characters(codec=None) | st.sampled_from([*f"{EVIL}\n\r\t\u2028\U000e0041", *map(chr, range(0xDC80, 0xDD00))])
)


@given(TEXTS)
@settings(deadline=None)
def test_what_is_printable_has_nothing_that_acts(text: str) -> None:
    shown = printable.printable(text)
    assert not [each for each in shown if unicodedata.category(each) in FORBIDDEN]
    assert printable.printable(shown) == shown
    lines = printable.printable(text, printable.LINES)
    assert lines.count("\n") == text.count("\n")
    assert lines.replace("\n", r"\n").replace("\t", r"\t") == shown


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_texts_that_differ_differ_when_shown_if_nobody_spells_an_escape(one: str, other: str) -> None:
    one, other = one.replace("\\", ""), other.replace("\\", "")
    assert (printable.printable(one) == printable.printable(other)) == (one == other)


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
@settings(deadline=None)
def test_a_plain_text_stays_as_it_is(text: str) -> None:
    assert printable.printable(text) == printable.coloured(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b\x00\x7f\n\r\t", r"\x1b\x00\x7f\n\r\t"),
        ("\x80\x9f\u061c\u200e\u202e\u2066\u2028\u2029\u200b\ufeff\xad", None),
        ("\U000e0041", r"\U000e0041"),
        ("\udc80\udcff\ud800", r"\x80\xff\ud800"),
        (r"é 漢 🙂 sed 's/\./\x1b/'", r"é 漢 🙂 sed 's/\./\x1b/'"),
    ],
)
def test_the_notation_is_that_of_a_shell(text: str, shown: str | None) -> None:
    assert printable.printable(text) == (shown or "".join(f"\\u{ord(each):04x}" for each in text))


PRINTS = re.compile(
    r"print|.*\b(echo|secho|echo_via_pager|prompt|confirm|getpass\.getpass)|logger\.\w+|logging\.\w+"
    r"|sys\.(stdout|stderr)\.\w*write\w*|os\.write"
)
HARMLESS = {"logging.StreamHandler", "logging.getLogger", "logging.NullHandler"}


def prints(source: str) -> set[str]:
    """Give what a module calls to print, or to ask."""
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}
    return {each for each in called - HARMLESS if PRINTS.fullmatch(each)}


def test_a_call_that_prints_is_seen() -> None:
    source = 'def f(logger):\n    click.echo("a")\n    [print(1)]\n    logger.error("%s")\n    logger.addHandler'
    assert prints(source) == {"click.echo", "print", "logger.error"}


def sources() -> dict[str, str]:
    """Give all modules but a rehearsal's tools, which print what a Mac's own would."""
    package = Path(errors.__file__).parent
    names = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    return {name: path.read_text() for name, path in names.items() if not name.startswith("rehearsal/mac/")}


def test_nothing_prints_but_the_terminal_and_an_error_which_is_printable_from_the_start() -> None:
    found = {name: prints(source) for name, source in sources().items()}
    assert {name: calls for name, calls in found.items() if calls} == {
        "console.py": {"click.echo"},
        "transport/terminal.py": {"click.echo", "getpass.getpass", "logger.log"},
        "errors.py": {"click.echo"},
        "cli/target.py": {"logger.addHandler"},
    }
