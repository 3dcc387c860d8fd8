"""README and docs: their YAML is valid, what they name exists, every section is told, the terminal is recorded."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from lab import build
from laptop import ROOT, Laptop, changes
from pyinfra_cli.cli import cli as pyinfra

import macstate as whole
from macstate import spec
from macstate.cli import macstate
from macstate.review import guard
from macstate.spec.schema import schema

REFERENCE = ROOT / "docs/reference.md"
"""Written by macstate itself, so that a new section costs no page."""
FILES = [ROOT / "README.md", *sorted({*(ROOT / "docs").glob("*.md")} - {REFERENCE})]
PAGES = [file.read_text() for file in FILES]
README = PAGES[0]
WHOLE = "\n".join(PAGES)
LINKED = [*FILES, REFERENCE, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
FENCE = re.compile(r"^ *```(\w*[ \w]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
BLOCKS = [block for page in PAGES for block in FENCE.findall(page)]
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
    prose = (re.sub(FENCE, "", page).replace("\n", " ") for page in PAGES)
    inline = (text for page in prose for text in re.findall(r"`([^`\n]+)`", page))
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

    assert modeline == "# yaml-language-server: $schema=macs.schema.json", "group_data/macs.yml is not as it came"
    assert hashlib.sha256(owners.encode()).hexdigest() == OWNERS, (
        "the tests want group_data/macs.yml as it came: keep your own elsewhere, and name it with MACSTATE_SPEC"
    )


def test_the_changelog_is_by_release_and_the_newest_is_this_one() -> None:
    parts = re.split(r"^## (.*)\n", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    releases = {title: body for title, body in zip(parts[::2], parts[1::2], strict=True) if title != "Unreleased"}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert parts[0] in {"Unreleased", next(iter(releases))}
    assert next(iter(releases)).startswith(f"{version} - ")
    for title, body in releases.items():
        number, _, day = title.partition(" - ")
        assert re.fullmatch(r"\d+\.\d+\.\d+", number)
        assert date.fromisoformat(day)
        parts = re.findall(r"^#.*", body, re.MULTILINE)
        assert parts
        assert parts == [part for part in ("### Added", "### Changed", "### Fixed") if part in parts]
        assert [line for line in body.splitlines() if line and not line.startswith(("### ", "- ", "  "))] == []


def test_every_override_is_named_and_no_other() -> None:
    assert set(re.findall(r"allow=(\w[\w-]+)", WHOLE)) <= set(guard.OVERRIDES)
    page = (ROOT / "docs/reviewing.md").read_text()
    assert all(f"`{name}`" in page for name in guard.OVERRIDES)


def test_every_section_is_told() -> None:
    page = REFERENCE.read_text()
    missing = [
        name
        for name in json.loads(schema())["properties"]
        if not re.search(rf"`{name}\b|^\s*{name}:", page, re.MULTILINE)
    ]
    assert missing == []


def test_every_file_it_names_is_there() -> None:
    named = re.findall(r"`((?:group_data|tests|macstate|benchmarks|docs)/[\w./-]+)`", WHOLE)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_is_what_the_first_hour_needs_and_leads_to_the_rest() -> None:
    assert len(README.splitlines()) <= 150
    assert [file.name for file in LINKED[1:] if f"]({file.relative_to(ROOT)})" not in README] == []


def anchors(text: str) -> set[str]:
    """Give what GitHub calls the headings of a page; one that stands there again gets a number."""
    titles = re.findall(r"^#+ (.*)$", re.sub(FENCE, "", text), re.MULTILINE)
    names = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    again = [names[:count].count(name) for count, name in enumerate(names)]
    return {f"{name}-{number}" if number else name for name, number in zip(names, again, strict=True)}


def test_headings_are_called_as_github_does() -> None:
    text = "# Limits, honestly\n## `power.ac`\n```\n# no\n```\n## What it is - `a_b`\n### Added\n### Added\n"

    assert anchors(text) == {"limits-honestly", "powerac", "what-it-is---a_b", "added", "added-1"}


def paths(text: str) -> set[str]:
    """Give what a text for engineers names in backticks or in a picture, and is a path; KIND and NAME stand for any."""
    quoted = re.findall(r"`([^`\n]+)`", re.sub(FENCE, "", text))
    drawn = re.findall(r"(?:[a-z_]+/)+(?:\w+\.\w+)?", "".join(body for _, body in FENCE.findall(text)))
    named = (name for name in (*quoted, *drawn) if re.fullmatch(r"[\w./-]+", name))
    named = (name.replace("KIND", "power").replace("NAME", "*") for name in named)
    return {name for name in named if "/" in name or re.search(r"\.(py|sh|toml|md)$", name)}


def is_there(name: str) -> bool:
    """Say whether a path is one of the repository's or of the package's, as a folder if it ends like one."""
    found = [*ROOT.glob(name), *(ROOT / "macstate").glob(name), *(ROOT / "macstate").glob(f"*/{name}")]
    return any(file.is_dir() or not name.endswith("/") for file in found)


@pytest.mark.parametrize(("page", "some"), [("docs/how-it-works.md", 40), ("CONTRIBUTING.md", 20)])
def test_every_path_that_engineers_are_told_is_there(page: str, some: int) -> None:
    named = paths((ROOT / page).read_text())

    assert len(named) >= some
    assert [name for name in sorted(named) if not is_there(name)] == []


def test_a_path_that_is_not_there_is_noticed() -> None:
    assert paths("`kinds/KIND.py`, `make`, `a b/c`, `x.py`\n```\n spec/ to y/z.py\n```\n") == {
        *("kinds/power.py", "x.py", "spec/", "y/z.py")
    }
    assert [name for name in ("kinds/power.py", "spec/", "x.py", "kinds/power.py/", "y/") if not is_there(name)] == [
        *("x.py", "kinds/power.py/", "y/")
    ]


def test_the_map_has_every_room_and_no_other() -> None:
    package = ROOT / "macstate"
    named = set(re.findall(r"``([\w./-]+)``", str(whole.__doc__))) - {"lint-imports"}
    parts = {file.stem for file in package.iterdir() if (file / "__init__.py").exists() or file.suffix == ".py"}

    assert {part for part in parts if not part.startswith("__")} - named == set()
    assert [
        name for name in sorted(named) if not [*ROOT.glob(name), *package.rglob(name), *package.rglob(f"{name}.py")]
    ] == []


@pytest.mark.parametrize("page", LINKED, ids=lambda file: file.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)]*)\)", re.sub(FENCE, "", page.read_text()))
    near = [link.partition("#") for link in links if not link.startswith("https://")]

    for file, _, heading in near:
        target = page.parent / file if file else page
        assert target.is_file(), file
        assert not heading or heading in anchors(target.read_text()), f"{file}#{heading}"


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
    (file,) = (file for file, page in zip(FILES, PAGES, strict=True) if RECORDED.search(page))
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
        file.write_text(RECORDED.sub(lambda _: screen, file.read_text(), count=1))
    assert RECORDED.findall(file.read_text()) == [screen], "type: make golden"
