"""The README: its YAML is valid, its commands exist, it names every section, and its terminal is a recorded one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from lab import build
from laptop import ROOT, Laptop, changes
from pyinfra_cli.cli import cli as pyinfra

from macstate import spec
from macstate.cli import macstate
from macstate.review import guard
from macstate.spec.schema import schema

FILE = ROOT / "README.md"
README = FILE.read_text()
FENCE = re.compile(r"^ *```(\w*[ \w]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
BLOCKS = FENCE.findall(README)
MAC = {"macs": {"macstudio": {"hostname": "NAME.ts.net", "user": "you"}}}
RECORDED = re.compile(r"(?<=^```text recording\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
EXAMPLES = [body for language, body in BLOCKS if language == "yaml" and "runs-on" not in body]
OWNERS = "1fb1a4f4a7c0b16036a217128c2048e3f4b2edcee9c709c1c7a953a034f388f3"
"""SHA-256 of the file that the owner of the Mac has written: it works as it stands."""
OVER = "--> Disconnecting from hosts...\n$"
WORKFLOWS = [body for language, body in BLOCKS if language == "yaml" and "runs-on" in body]


def commands() -> Iterator[str]:
    """Give each command of ours or pyinfra's that a reader could type."""
    shell = "\n".join(body for language, body in BLOCKS if not language) + "\n".join(WORKFLOWS)
    inline = re.findall(r"`([^`\n]+)`", re.sub(FENCE, "", README).replace("\n", " "))
    for text in (*shell.splitlines(), *inline):
        for found in re.findall(r"(?:^|[ /\"(=])((?:macstate|pyinfra) [^#&|)]*)", text):
            if " " in (command := found.strip().removesuffix('"')):
                yield command


def test_the_examples_are_found() -> None:
    assert len(EXAMPLES) >= 6
    assert len(WORKFLOWS) == 1
    assert len(set(commands())) >= 20


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split(":")[0] + text[-20:].strip())
def test_every_yaml_is_a_spec(example: str) -> None:
    part = yaml.safe_load(example)
    assert "keys" not in str(part.get("gateway")) or "generate" in str(part["gateway"])

    spec.parse(yaml.safe_dump(MAC | part), "README.md")


def test_a_whole_mac_is_nine_lines_at_most(tmp_path: Path) -> None:
    """It is what a new owner would type: planned, applied, and a second run is empty."""
    (text,) = (body for body in EXAMPLES if {"macs", "gateway", "power"} <= {*yaml.safe_load(body)})
    (endpoints,) = (part for section, part in yaml.safe_load(text).items() if section == "endpoints")
    laptop = Laptop(tmp_path)

    assert len(text.splitlines()) <= 9
    assert [bool(each.get("models") or each.get("model")) for each in endpoints.values()] == [True, True]
    planned = laptop.run(text, dry=True)
    assert (planned.failed, changes(planned)[0]) == (False, "~ power/ac")
    applied = laptop.run(text)
    assert (applied.failed, changes(applied)) == (False, changes(planned))
    laptop.wait_for_models()
    again = laptop.run(text)
    assert (again.failed, changes(again), again.commands) == (False, [], 1)


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_every_command_exists(command: str) -> None:
    program, *words = shlex.split(command.replace("…", "plan x").replace("NAME", "vllm"))
    tool: Any = pyinfra if program == "pyinfra" else macstate
    if program == "pyinfra":
        tool.make_context(program, words)
        return
    context = tool.make_context(program, words)
    assert isinstance(tool, click.Group)
    name, sub, rest = tool.resolve_command(context, [*context._protected_args, *context.args])  # noqa: SLF001 - click says no other way
    assert sub is not None
    if rest:  # a name alone is a mention
        sub.make_context(name, rest, parent=context)


def test_the_spec_of_the_repository_is_its_owners_own() -> None:
    modeline, _, owners = (ROOT / "group_data/macs.yml").read_text().partition("\n")

    assert modeline == "# yaml-language-server: $schema=macs.schema.json"
    assert hashlib.sha256(owners.encode()).hexdigest() == OWNERS


def test_every_override_is_named_and_no_other() -> None:
    assert set(re.findall(r"allow=(\w[\w-]+)", README)) <= set(guard.OVERRIDES)
    assert all(f"`{name}`" in README for name in guard.OVERRIDES)


def test_every_section_is_told() -> None:
    missing = [
        name
        for name in json.loads(schema())["properties"]
        if not re.search(rf"`{name}\b|^\s*{name}:", README, re.MULTILINE)
    ]
    assert missing == []


def test_every_file_it_names_is_there() -> None:
    named = re.findall(r"`((?:group_data|tests|macstate|benchmarks)/[\w./-]+)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


class Terminal:
    """A real one, 80 columns wide."""

    def __init__(self, folder: Path) -> None:
        self.words = [build.machine_has("tmux"), "-S", str(folder / "socket"), "-f", "/dev/null"]
        self.folder = folder

    def tmux(self, *words: str) -> str:
        return subprocess.run([*self.words, *words], capture_output=True, text=True, check=True).stdout

    def open(self, **environment: str) -> None:
        start = "cd {}; exec env -i {} bash --norc --noprofile".format(
            shlex.quote(str(ROOT)), " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
        )
        self.tmux("new-session", "-d", "-x", "80", "-y", "50", "sh", "-c", start)
        self.tmux("set-option", "history-limit", "10000")
        self.wait_for(environment["PS1"].strip(), 0)

    def type(self, text: str, until: str) -> None:
        """Type a line, and wait for what comes."""
        seen = self.screen().count(until)
        self.tmux("send-keys", text, "Enter")
        self.wait_for(until, seen)

    def wait_for(self, until: str, seen: int) -> None:
        """Wait until a text stands on the screen once more than it was seen."""
        end = time.monotonic() + 120
        while self.screen().count(until) == seen:
            assert time.monotonic() < end, self.screen()
            time.sleep(0.1)

    def screen(self) -> str:
        return "".join(
            f"{line.rstrip()}\n" for line in self.tmux("capture-pane", "-p", "-S", "-").rstrip().splitlines()
        )


@pytest.mark.lab
def test_the_terminal_looks_like_this(tmp_path: Path) -> None:
    (example,) = (body for body in EXAMPLES if "vllm:" in body)
    text = yaml.safe_dump(MAC | yaml.safe_load(example) | {"power": {"ac": {"sleep": 0}}}, sort_keys=False)
    (tmp_path / "macs.yml").write_text(text)
    terminal = Terminal(tmp_path)
    terminal.open(
        PS1="$ ",
        TERM="screen-256color",
        HOME=str(tmp_path),
        PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin",
        LANG="C.UTF-8",
        MACSTATE_REHEARSAL=str(tmp_path / "rehearsals"),
        MACSTATE_SPEC=str(tmp_path / "macs.yml"),
    )
    try:
        terminal.type("pyinfra @rehearsal/macstudio deploy.py", "Press enter to execute...")
        terminal.type("", OVER)
        terminal.type("pyinfra @rehearsal/macstudio deploy.py -y", OVER)
        screen = terminal.screen().removesuffix("$\n")
    finally:
        terminal.tmux("kill-server")
    if os.environ.get("MACSTATE_WRITE_SCREENS"):
        FILE.write_text(RECORDED.sub(lambda _: screen, README, count=1))
    assert RECORDED.search(FILE.read_text()).group() == screen  # type: ignore[union-attr] # it is there
