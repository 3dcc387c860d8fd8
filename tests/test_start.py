"""What a command loads before it begins: counted, since a time depends on the machine."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import click
import pytest
from laptop import ROOT

from macstate.cli import jobs, macstate
from macstate.cli.commands import COMMANDS, Later
from macstate.kernel.resource import Resource
from macstate.spec.declared import Declared

if TYPE_CHECKING:
    from pyinfra.api.host import Host

RUN = "import sys; from macstate.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
CONNECTS = {"pyinfra", "pyinfra_cli", "gevent", "paramiko", "cryptography", "asyncio", "rich", "dns", "ssl"}
"""What only a command needs that looks at a Mac."""
MODELS = {"pydantic", "pydantic_core", "jinja2"}
EXPLAINS = [["explain"], ["explain", "endpoints.ollama.port"], ["explain", "--reference"], ["explain", "of.no.field"]]
BEGUN = [
    "",
    "p",
    "explain ",
    "explain endpoints.ollama.p",
    "plan ",
    "plan -",
    "plan @",
    "guide --form ",
    "completion ",
    "xyz ",
]
"""Lines that a shell wants completed, and no model of the spec is needed for."""
NAMED = ["logs ", "logs macstudio g", "stop ", "try o", "plan --only endp"]
"""Lines that are completed with the names of entries, which the models know."""


def loaded(*words: str, code: str = RUN, **more: str) -> set[str]:
    """Give the modules that a command has loaded when it ends."""
    completes = "_MACSTATE_COMPLETE" in more
    environment = {**os.environ, "MACSTATE_SPEC": str(ROOT / "group_data/macs.yml"), **more}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert "Warning" not in done.stderr
    assert len(done.stderr.splitlines()) == 1 or not completes
    return {*done.stderr.splitlines()[-1].split()}


def completing(line: str) -> set[str]:
    """Give the modules that are loaded to complete a line behind `macstate `."""
    typed = f"macstate {line}"
    count = len(typed.split()) - (typed[-1] != " ")
    return loaded(COMP_WORDS=typed, COMP_CWORD=str(count), _MACSTATE_COMPLETE="zsh_complete")


def own(modules: set[str]) -> list[str]:
    return [each for each in modules if each.partition(".")[0] == "macstate"]


@pytest.mark.parametrize("words", [[], ["--help"], ["plan", "--help"], ["completion", "zsh"], ["plna"], *EXPLAINS])
def test_what_only_tells_loads_neither_pyinfra_nor_the_models(words: list[str]) -> None:
    modules = loaded(*words)
    assert modules & (CONNECTS | MODELS) == set()
    assert len(own(modules)) <= 20
    assert len(modules) <= 250


@pytest.mark.parametrize("line", BEGUN)
def test_a_word_is_completed_without_pyinfra_and_the_models(line: str) -> None:
    modules = completing(line)
    assert modules & (CONNECTS | MODELS) == set()
    assert len(own(modules)) <= 20
    assert len(modules) <= 250


@pytest.mark.parametrize("line", NAMED)
def test_a_name_is_completed_without_pyinfra_and_a_template(line: str) -> None:
    modules = completing(line)
    assert modules & (CONNECTS | {"jinja2"}) == set()
    assert len(modules) <= 450


@pytest.mark.parametrize("words", [["schema"], ["guide"], ["guide", "--form", "html"]])
def test_what_is_told_of_the_spec_is_told_without_pyinfra(words: list[str]) -> None:
    assert loaded(*words) & CONNECTS == set()


@pytest.mark.parametrize(
    "words", [["plan", "of-nobody"], ["logs", "macstudio", "of-nobody"], ["guide", "macstudio"], ["stop", "of-nobody"]]
)
def test_pyinfra_is_there_before_what_its_greenlets_patch(words: list[str]) -> None:
    """A Mac's name is looked up in the spec: without a warning of gevent's that something came too early."""
    assert "pyinfra_cli" in loaded(*words)


def test_the_commands_are_there_and_take_what_may_be_typed() -> None:
    assert [*macstate.commands] == [each.name for each in COMMANDS]
    for command in COMMANDS:
        does = command.callback
        assert isinstance(does, Later)
        typed = {str(each.name): None for each in command.params}
        inspect.signature(does.function).bind(*does.first, **typed)


def test_every_completion_is_there() -> None:
    """A shell swallows what goes wrong with it."""
    done = Counter[str]()
    for parameter in (each for command in COMMANDS for each in command.params):
        completes = parameter._custom_shell_complete  # noqa: SLF001 - click has no other name for it
        if completes:
            assert isinstance(completes, Later)
            context, own_words = click.Context(macstate), [*completes.first]
            inspect.signature(completes.function).bind(*own_words, context, parameter, "")
            assert all(hasattr(jobs, str(each)) for each in own_words if each)
            done[completes.place] += 1
    assert done.keys() == {"complete:targets", "complete:beside", "complete:entries", "complete:fields"}


def test_the_collector_does_not_look_through_what_is_kept_until_the_end() -> None:
    last = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count()))"  # before ours: it runs after ours
    code = f"{last}; import macstate.cli; print(sum(each['collections'] for each in gc.get_stats()))"
    first = "import gc; print(sum(each['collections'] for each in gc.get_stats()))"
    told = [
        subprocess.run([sys.executable, "-c", each], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for each in (first, code)
    ]
    before, (after, frozen) = int(told[0]), map(int, told[1].split())
    assert after <= before + 1
    assert frozen > 10_000


COUNTED = """
import sys, jinja2
made, whole = [], jinja2.Environment.compile
jinja2.Environment.compile = lambda *words, **more: made.append(words) or whole(*words, **more)
from macstate.cli import main
try: main()
finally: print(*(f"made-{n}" for n in range(len(made))), "end", file=sys.stderr)
"""


def test_a_template_is_compiled_once(tmp_path: Path) -> None:
    """Its code is kept beside that of Python's modules, and is left out where theirs is."""

    def made(**more: str) -> int:
        return len(loaded("guide", code=COUNTED, PYTHONPYCACHEPREFIX=str(tmp_path), **more)) - 1

    assert made(PYTHONDONTWRITEBYTECODE="1") > 0
    assert [*tmp_path.rglob("*.j2")] == []
    first = made(PYTHONDONTWRITEBYTECODE="")
    kept = [*tmp_path.rglob("*.j2")]
    assert (first, made(PYTHONDONTWRITEBYTECODE="")) == (len(kept), 0)
    assert made(PYTHONDONTWRITEBYTECODE="1") == first
    for file in kept:
        file.write_bytes(file.read_bytes()[:-1])  # as a full disk may leave it
    assert made(PYTHONDONTWRITEBYTECODE="") == first
    for file in kept:
        file.unlink()
        file.parent.chmod(0o500)
    try:
        assert made(PYTHONDONTWRITEBYTECODE="") == first
    finally:
        for file in kept:
            file.parent.chmod(0o700)


def test_what_is_made_while_the_login_waits_is_all_that_the_spec_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    from macstate.transport import ahead  # noqa: PLC0415 - pyinfra, which most tests here do without

    monkeypatch.setenv("MACSTATE_SPEC", str(ROOT / "group_data/macs.yml"))
    made: list[tuple[Mapping[str, Resource], dict[str, str]]] = []
    whole = Declared.expanded

    def seen(*words: Any) -> tuple[Mapping[str, Resource], dict[str, str]]:
        made.append(whole(*words))
        return made[-1]

    monkeypatch.setattr(Declared, "expanded", seen)
    ahead.make(cast("Host", SimpleNamespace(name="macstudio")))
    [(resources, lacking)] = made
    assert lacking == {}
    assert {each.partition("/")[0] for each in resources} >= {"launchd", "serve", "power", "file", "tailscale"}
