"""A wrong spec ends every command in the same way, before anything is sent anywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from functools import reduce
from importlib.metadata import entry_points
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
import yaml

from macstate import spec
from macstate.endpoint.engines import ENGINES
from macstate.errors import MacstateError

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
LISTS = {
    "{engines}": ", ".join(ENGINES),
    "{an engine}": " or ".join(", ".join(f"`{engine}`" for engine in ENGINES).rsplit(", ", 1)),
}
BAD = yaml.safe_load(
    reduce(lambda text, name: text.replace(name, LISTS[name]), LISTS, (HERE / "bad_specs.yml").read_text())
)
GOOD = "macs:\n  macstudio: {hostname: macstudio.invalid, user: me}\n"
COMMANDS = {
    "macstate plan": ("macstate", "plan", "@rehearsal/macstudio"),
    "inventory.py": ("pyinfra", "inventory.py", "deploy.py", "--dry"),
    "@rehearsal": ("pyinfra", "@rehearsal/macstudio", "deploy.py", "--dry"),
}
TYPED = ("an unknown engine, with the one that was meant", "two owners of a port", "several mistakes at once")
"""The specs that are tried with the installed commands, too; each has mistakes of another layer."""


def said(text: str) -> list[str]:
    with pytest.raises(MacstateError) as caught:
        spec.parse(text, "some/macs.yml")
    return [line.removeprefix("some/macs.yml:") for line in caught.value.message.splitlines()]


def environment(spec_file: Path, rehearsals: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MACSTATE_SPEC": str(spec_file),
        "MACSTATE_REHEARSAL": str(rehearsals),
        "HOME": str(rehearsals.parent),
    }


def test_there_are_enough_of_them() -> None:
    assert len({case["spec"] for case in BAD.values()}) == len(BAD) >= 30
    assert set(TYPED) <= set(BAD)


@pytest.mark.parametrize("name", BAD)
def test_every_mistake_is_told_with_its_place(name: str) -> None:
    lines = said(BAD[name]["spec"])

    assert len(lines) == len(BAD[name]["says"])
    for line, beginning in zip(lines, BAD[name]["says"], strict=True):
        assert re.match(r"\d+:\d+: \S", line)
        assert line.startswith(beginning)


@pytest.mark.parametrize("name", BAD)
def test_mistakes_come_in_the_order_of_the_file(name: str) -> None:
    places = [tuple(int(number) for number in line.split(":")[:2]) for line in said(BAD[name]["spec"])]

    assert places == sorted(set(places))


@pytest.mark.parametrize(
    ("power", "place", "words"),
    [
        ("power:\n  ac: {sleep: 5}\n", "3:15", "after 5 idle minutes on ac the Mac sleeps"),
        ("power:\n  ac: {sleep: 0}\n  ups: {sleep: 1}\n", "4:16", "after 1 idle minutes on ups the Mac sleeps"),
        ("power:\n  ac: {autorestart: true, autorestartatconnect: true}\n", "3:21", "sets autorestart to 0 then"),
        ("power:\n  disablesleep: true\n", "3:17", "vetoes the thermal emergency sleep"),
    ],
)
def test_a_doubtful_wish_is_a_warning_only(power: str, place: str, words: str) -> None:
    [warning] = (
        spec.parse(f"macs: {{macstudio: {{hostname: h, user: me}}}}\n{power}", "macs.yml")
        .for_host("macstudio")
        .warnings
    )

    assert warning.startswith(f"macs.yml:{place}: ")
    assert words in warning


def test_a_mac_s_own_power_is_warned_about_too() -> None:
    text = "macs:\n  macstudio: {hostname: h, user: me, power: {battery: {sleep: 9}}}\n"

    assert [(warning.line, warning.column) for warning in spec.parse(text, "macs.yml").warnings] == [(2, 63)]


@pytest.mark.parametrize(
    "command",
    [
        "[/bin/x, --host, 127.0.0.1]",
        "[/bin/x, --host=localhost]",
        "[/bin/x, --listen, '127.0.0.1:{port}']",
        "[/bin/x, --bind, '[::1]:8000']",
        "[/bin/x, -b, '2048']",
    ],
)
def test_a_server_on_loopback_is_no_mistake(command: str) -> None:
    text = f"{GOOD}endpoints:\n  vllm: {{engine: openai, port: 8000, command: {command}}}\n"

    assert spec.parse(text, "macs.yml").warnings == ()


@pytest.mark.slow
def test_every_bad_spec_is_refused_by_a_command_that_touches_nothing(tmp_path: Path) -> None:
    specs = {name: tmp_path / f"{number}.yml" for number, name in enumerate(BAD)}
    for name, file in specs.items():
        file.write_text(BAD[name]["spec"], encoding="utf-8")
    runs, rehearsals = tmp_path / "runs", tmp_path / "rehearsals"
    runs.mkdir()

    subprocess.run(
        [sys.executable, __file__, runs, *specs.values()],
        cwd=HERE.parent,
        env=environment(tmp_path / "none.yml", rehearsals),
        check=True,
    )

    assert len(list(runs.iterdir())) == len(BAD)
    for name, file in specs.items():
        exit_status, _, output = (runs / file.stem).read_text().partition("\n")
        check(exit_status, output, [f"{file}:{beginning}" for beginning in BAD[name]["says"]])
    assert not rehearsals.exists()


@pytest.mark.parametrize("name", TYPED)
def test_the_installed_commands_refuse_it(name: str, tmp_path: Path) -> None:
    file, rehearsals = tmp_path / "macs.yml", tmp_path / "rehearsals"
    file.write_text(BAD[name]["spec"])
    runs = [start(words, file, rehearsals) for words in COMMANDS.values()]

    for run in runs:
        output, _ = run.communicate()
        check(str(run.returncode), output, [f"{file}:{beginning}" for beginning in BAD[name]["says"]])
    assert not rehearsals.exists()


@pytest.mark.slow
def test_a_good_spec_does_get_further(tmp_path: Path) -> None:
    """Without this the tests above would pass if nothing ever connected."""
    file, rehearsals = tmp_path / "macs.yml", tmp_path / "rehearsals"
    file.write_text(GOOD)
    runs = {name: start(words, file, rehearsals / str(number)) for number, (name, words) in enumerate(COMMANDS.items())}
    outputs = {name: run.communicate()[0] for name, run in runs.items()}

    assert "Connecting to hosts" in outputs["inventory.py"]
    assert "[macstudio] Connected" in outputs["@rehearsal"]
    assert [path.name for path in sorted(rehearsals.iterdir())] == ["0", "2"]


def start(words: tuple[str, ...], spec_file: Path, rehearsals: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).with_name(words[0]), *words[1:]],
        cwd=HERE.parent,
        env=environment(spec_file, rehearsals),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def check(exit_status: str, output: str, expected: list[str]) -> None:
    """Compare what a command did: our lines and no others, no connection, no remote command."""
    lines = [line for line in output.splitlines() if line and not line.startswith(("--> Loading", "[pyinfra"))]

    assert exit_status == "1", output
    assert len(lines) == len(expected), output
    for line, beginning in zip(lines, expected, strict=True):
        assert line.startswith(beginning)


def refuse(command: Callable[[], None]) -> NoReturn:
    """End as the command ends, without an orderly exit: that takes longer than the command."""
    exit_status = 0
    try:
        command()
    except SystemExit as end:
        exit_status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - a traceback is what the test looks for
        traceback.print_exc()
        exit_status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_status)


def refuse_all(runs: Path, specs: list[Path]) -> None:
    """Start the three commands in turn, one a spec, each in a process of its own that has the imports done already."""
    scripts = {script.name: script for script in entry_points(group="console_scripts")}
    commands = {name: scripts[name].load() for name in ("macstate", "pyinfra")}
    for file, words in zip(specs, cycle(COMMANDS.values()), strict=False):
        os.environ["MACSTATE_SPEC"] = str(file)
        sys.argv = [*words]
        output = runs / file.stem
        child = os.fork()
        if child == 0:
            with output.open("w") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            refuse(commands[words[0]])
        _, status = os.waitpid(child, 0)
        output.write_text(f"{os.waitstatus_to_exitcode(status)}\n{output.read_text()}")


if __name__ == "__main__":
    refuse_all(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
