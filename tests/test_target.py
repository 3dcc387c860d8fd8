"""What stands behind a command: TARGET left out, a Mac's name, and the words that are told apart by what they are."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from laptop import SHOWN, Laptop
from test_cli import BIN, Terminal
from test_docs import commands

from macstate.cli import folder
from macstate.rehearsal.mac import birth

SPEC = """
macs:
  studio: {hostname: studio.tail1.ts.net, user: anna}
power: {ac: {sleep: 0}}
endpoints:
  ollama: {engine: rest, command: [/opt/a], port: 8001, watchdog: {every: 5m}}
  vllm: {engine: rest, command: [/opt/b], port: 8002, label: com.example.vllm, error_log: /Users/anna/vllm.error}
launchd:
  com.example.nightly: {command: [/opt/c], interval: 1h}
gateway: {server: nginx}
log_rotation: {}
"""
PAIR = """
macs:
  studio: {hostname: studio.tail1.ts.net, user: anna, endpoints: [coder, both]}
  mini: {hostname: mini.tail1.ts.net, user: anna, endpoints: [both]}
endpoints:
  coder: {engine: rest, command: [/opt/a], port: 8001}
  both: {engine: rest, command: [/opt/b], port: 8002}
"""
LOGS = {
    "ollama": "~/Library/Logs/macstate.ollama.log",
    "macstate.ollama": "~/Library/Logs/macstate.ollama.log",
    "ollama.watchdog": "/var/log/macstate.ollama.watchdog.log",
    "macstate.ollama.watchdog": "/var/log/macstate.ollama.watchdog.log",
    "vllm": "~/Library/Logs/com.example.vllm.log",
    "com.example.vllm": "~/Library/Logs/com.example.vllm.log",
    "vllm.error": "~/vllm.error",
    "gateway": "~/Library/Logs/macstate.gateway.log",
    "gateway.access": "~/Library/Logs/macstate.gateway.access.log",
    "com.example.nightly": "~/Library/Logs/com.example.nightly.log",
    "log_rotation": "/var/log/macstate.log-rotation.log",
}
TRAP = "raise SystemExit('it was run as Python')\n"


class Project(Terminal):
    """A folder with an inventory and a spec where macstate looks for it, and a folder below it."""

    def __init__(self, folder: Path, spec: str = SPEC) -> None:
        super().__init__(folder, spec)
        self.top, self.below = folder / "clone", folder / "clone/some/where"
        self.below.mkdir(parents=True)
        (self.top / "group_data").mkdir()
        (self.top / "group_data/macs.yml").write_text(spec)
        names = re.findall(r"^  (\w+): \{hostname", spec, re.MULTILINE)
        (self.top / "inventory.py").write_text(f"macs = {[f'@rehearsal/{name}' for name in names]}\n")

    def do(self, *words: str, at: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in self.environment(**more).items() if value}
        return subprocess.run(
            [BIN / "macstate", *words], cwd=at or self.top, env=environment, capture_output=True, text=True, check=False
        )

    def inside(self, command: str) -> None:
        mac = birth.environment(self.folder / "studio")
        subprocess.run(["/bin/sh", "-c", command], env=mac, check=True)
        time.sleep(SHOWN)

    def environment(self, **more: str) -> dict[str, str]:
        return {**super().environment(), "MACSTATE_SPEC": "", **more}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Mac that is as the spec says."""
    laptop = Laptop(tmp_path_factory.mktemp("applied"))
    done = laptop.run(SPEC, "studio")
    assert not done.failed, done.said
    writes = (f"mkdir -p {path.rpartition('/')[0]}; echo this is {path} | sudo tee -a {path}" for path in LOGS.values())
    laptop.command("; ".join(dict.fromkeys(writes)), "studio")  # its programs are played, and write nothing
    return laptop.mac("studio")


@pytest.fixture
def project(applied: Path, tmp_path: Path) -> Project:
    shutil.copytree(applied, tmp_path / "studio", symlinks=True)
    return Project(tmp_path)


@pytest.fixture
def pair(tmp_path: Path) -> Project:
    return Project(tmp_path, PAIR)


def typed() -> Iterator[str]:
    """Give the README's commands as they are typed without TARGET."""
    for command in commands():
        program, *words = shlex.split(command.replace("NAME", "vllm"))
        mentioned = len(words) == 1 and words[0] in {"try", "logs", "awake", "stop", "start", "restart"}
        if program == "macstate" and words[:1] != ["completion"] and "…" not in words and not mentioned:
            left_out = {"inventory.py", "./inventory.py", "@rehearsal/macstudio", "-f"}
            kept = [word for word in words if word not in left_out]
            yield shlex.join("studio" if word == "macstudio" else word for word in kept)


def test_the_readmes_commands_are_found() -> None:
    found = {line.partition(" ")[0] for line in typed()}

    assert {"plan", "status", "doctor", "logs", "awake", "log", "explain", "guide"} <= found


@pytest.mark.slow
@pytest.mark.parametrize("place", ["below", "top"])
def test_the_readmes_commands_need_no_target_here_nor_below(project: Project, place: str) -> None:
    folder: Path = getattr(project, place)
    before = {*folder.iterdir()}

    for line in sorted({*typed()}):
        done = project.do(*shlex.split(line), at=folder)

        if line.startswith("try "):  # a rehearsal is in no tailnet, and that is all that is wrong
            assert (done.returncode, "nobody reaches a rehearsal" in done.stderr) == (1, True), done.stderr
            continue
        assert (done.returncode, done.stderr) == (0, ""), f"macstate {line}\n{done.stdout}{done.stderr}"
        if process := re.search(r"caffeinate, process (\d+)", done.stdout):
            project.inside(f"kill {process[1]}")
    assert {*folder.iterdir()} - before == {folder / "plan.json"}  # `--out` is where it was typed


@pytest.mark.slow
def test_a_file_that_is_named_is_where_it_was_typed(project: Project) -> None:
    (project.below / "mine.yml").write_text(SPEC.replace("sleep: 0", "sleep: 7"))
    (project.below / "own.py").write_text('macs = ["@rehearsal/studio"]\n')
    (project.below / "bad.yml").write_text("macs: 1\n")
    home = str(project.folder)
    for key, value in {"MACSTATE_SPEC": "mine.yml", "MACSTATE_REHEARSAL": "../../.."}.items():
        more = {"MACSTATE_REHEARSAL": home} | {key: value}
        wanted = 2 if key == "MACSTATE_SPEC" else 0
        for words in ((), ("studio",), ("own.py",), ("./own.py",), (str(project.below / "own.py"),)):
            done = project.do("plan", *words, at=project.below, **more)
            assert done.returncode == wanted, f"{words} {done.stdout}{done.stderr}"
            assert ("sleep: 0 -> 7" in done.stdout) == (wanted == 2)

    wrong = project.do("plan", at=project.below, MACSTATE_SPEC="bad.yml").stderr
    assert wrong.startswith(f"{project.below}/bad.yml:1:7: "), wrong
    (project.top / "group_data/macs.yml").write_text("macs: 1\n")
    assert project.do("plan", at=project.below).stderr.startswith(f"{project.top}/group_data/macs.yml:1:7: ")
    assert project.do("plan").stderr.startswith("group_data/macs.yml:1:7: ")


@pytest.mark.slow
def test_without_an_inventory_the_line_says_what_to_type(project: Project) -> None:
    (project.top / "inventory.py").unlink()

    alone, named = project.do("plan", at=project.below), project.do("guide", "studio", at=project.below)

    assert (alone.returncode, alone.stdout) == (1, "")
    assert alone.stderr == (
        "there is no inventory.py here or in a folder above that is yours; go to where it is, or name a Mac of the "
        "spec, @rehearsal/NAME or a file\n"
    )
    assert named.returncode == 0, named.stderr
    reached = project.do("plan", "studio", at=project.below)  # as one of the spec, over SSH
    assert "tailscale" in reached.stderr
    assert len(reached.stderr.splitlines()) == 1


GIVES = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
STRANGERS = {
    "the folder": ".",
    "the inventory": "inventory.py",
    "group_data": "group_data",
    "the spec": "group_data/macs.yml",
    "Python in it": "group_data/all.py",
    "Python beside it": "other.py",
}


@pytest.fixture
def trapped(project: Project) -> Project:
    """Give a folder that tells when anything in it is run as Python."""
    for name in ("inventory.py", "group_data/all.py", "other.py"):
        (project.top / name).write_text(TRAP)
    return project


def refused(project: Project, said: str, *, at: Path) -> None:
    """See that nothing there is run, whatever is typed but the file itself."""
    go = "" if at == project.top else f"go to {project.top} and "
    for words in (("plan",), ("logs", "ollama"), ("plan", "studio"), ("plan", "@rehearsal/studio")):
        done = project.do(*words, at=at)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), words
        assert done.stderr.startswith(said), f"{words}: {done.stderr}"
        if go or len(words) == 1:
            named = " ".join((f"macstate {words[0]} ./inventory.py", *words[1:] * (words[0] == "logs")))
            assert done.stderr.endswith(
                f", so nothing there is run unasked; if you trust it, {go}name it: `{named}`\n"
            ), done.stderr


@pytest.mark.slow
@GIVES
def test_what_somebody_else_may_have_put_there_is_not_run(trapped: Project) -> None:
    os.chown(trapped.top / "group_data/all.py", 4321, 4321)

    for at in (trapped.top, trapped.below):
        refused(trapped, f"{trapped.top}/group_data/all.py belongs to uid 4321, not to you", at=at)
    assert "it was run as Python" in trapped.do("plan", "./inventory.py").stderr  # named, it is meant


def test_where_others_may_write_nothing_is_run(trapped: Project) -> None:
    trapped.top.chmod(0o1777)

    refused(trapped, f"others may write to {trapped.top} (`chmod go-w` ends that)", at=trapped.below)


@pytest.mark.parametrize("path", STRANGERS.values(), ids=STRANGERS)
def test_all_that_is_run_or_read_must_be_ours_alone(trapped: Project, path: str) -> None:
    place = trapped.top / path
    assert folder.doubt(trapped.top) == ""
    place.chmod(0o757)
    assert folder.doubt(trapped.top) == f"others may write to {place} (`chmod go-w` ends that)"
    place.chmod(0o775)
    os.chown(place, -1, os.getgid())
    assert bool(folder.doubt(trapped.top)) is not is_alone(os.getgid())
    place.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(place, 4321, -1)
        assert folder.doubt(trapped.top) == f"{place} belongs to uid 4321, not to you"


def is_alone(group: int) -> bool:
    """Say whether a group is the user's own."""
    user, its = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    return its.gr_name == user.pw_name and {*its.gr_mem} <= {user.pw_name}


@pytest.mark.slow
@GIVES
def test_a_clone_of_somebody_else_works_by_the_inventorys_name(project: Project) -> None:
    subprocess.run(["chown", "-R", "4321", project.top], check=True)

    assert project.do("plan").returncode == 1
    for words in (("plan", "./inventory.py"), ("plan", "inventory.py"), ("plan", "@rehearsal/studio")):
        done = project.do(*words)
        assert (done.returncode, done.stderr) == (0, ""), words
    assert project.do("logs", "./inventory.py", "ollama").returncode == 0
    assert project.do("plan", SUDO_UID="4321").returncode == 0  # root, by sudo of whom it belongs to
    assert project.do("plan", at=project.below, SUDO_UID="4321").returncode == 0


@pytest.mark.slow
def test_where_others_may_write_no_file_stands_for_a_rehearsal(project: Project) -> None:
    shared = project.folder / "shared"
    (shared / "@rehearsal/group_data").mkdir(parents=True)
    (shared / "@rehearsal/studio").write_text(TRAP)
    (shared / "@rehearsal/group_data/all.py").write_text(TRAP)
    (shared / "pwd.py").write_text(TRAP)
    shared.chmod(0o1777)
    named = {"MACSTATE_SPEC": str(project.top / "group_data/macs.yml")}

    done = project.do("plan", "@rehearsal/studio", at=shared, **named)
    assert (done.returncode, done.stderr) == (0, "")
    (shared / "group_data").mkdir()
    (shared / "group_data/all.py").write_text(TRAP)
    for target in ("@rehearsal/studio", str(project.top / "inventory.py")):
        done = project.do("plan", target, at=shared, **named)
        assert done.stderr.startswith(f"others may write to {shared}"), done.stderr
        assert f", and for {target} pyinfra would run group_data/*.py there; go to a folder of" in done.stderr


@pytest.mark.slow
def test_a_macs_name_is_its_own_plan(pair: Project) -> None:
    one = pair.do("plan", "mini", "--summary", at=pair.below)
    rehearsal = pair.do("plan", "@rehearsal/mini", "--summary", at=pair.below)
    both = pair.do("plan", "--summary", at=pair.below)
    limited = pair.do("plan", "--summary", "--limit", "mini", at=pair.below)
    neither = pair.do("plan", "mini", "--limit", "studio")

    assert one.returncode == both.returncode == 2, one.stderr + both.stderr
    assert one.stdout == rehearsal.stdout == limited.stdout
    assert [line.partition(":")[0] for line in both.stdout.splitlines()] == ["studio", "mini"]
    assert neither.stderr == "--limit studio: means no host of inventory.py; there are mini\n"
    assert "studio" not in pair.do("guide", "mini").stdout
    assert pair.do("guide", "@rehearsal/mini").stdout == pair.do("guide", "mini").stdout
    assert pair.do("guide", "--limit", "mini").stdout == pair.do("guide", "mini").stdout
    assert pair.do("guide", "inventory.py").stdout == pair.do("guide").stdout


@pytest.mark.slow
def test_a_file_that_is_called_like_a_mac_or_an_endpoint_is_never_run(project: Project) -> None:
    for name in ("studio", "ollama", "gateway", "2h", "other"):
        (project.top / name).write_text(TRAP)

    plan, logs = project.do("plan", "studio"), project.do("logs", "ollama")
    both, other = project.do("logs", "studio", "gateway"), project.do("plan", "other")

    for done in (plan, logs, both):
        assert (done.returncode, done.stderr) == (0, "")
    assert other.stderr == (
        "other: no Mac is called that; the spec has studio; an inventory of that name is typed with its path: ./other\n"
    )
    assert "it was run as Python" in project.do("plan", "./other").stderr  # it says so itself


@pytest.mark.slow
def test_a_log_is_found_by_what_a_person_calls_it(project: Project) -> None:
    for name, path in LOGS.items():
        done = project.do("logs", name, "-n", "1")
        assert (done.returncode, done.stderr) == (0, ""), f"{name}: {done.stderr}"
        assert done.stdout.endswith(f"{path.lstrip('~')}\n"), name


@pytest.mark.slow
def test_the_words_are_told_apart_by_what_they_are(project: Project) -> None:
    same = [
        project.do("logs", *words)
        for words in (
            ("ollama",),
            ("studio", "ollama"),
            ("@rehearsal/studio", "ollama"),
            ("inventory.py", "ollama"),
            ("ollama", "inventory.py"),
            ("ollama", "--limit", "studio"),
        )
    ]
    assert {(done.returncode, done.stdout, done.stderr) for done in same} == {(0, same[0].stdout, "")}


@pytest.mark.slow
def test_one_line_says_which_mac_to_name(pair: Project) -> None:
    said = {
        ("logs", "both"): "both: studio and mini have it; say which: `macstate logs studio both`",
        ("logs", "studio"): "studio: a Mac, and of it what? Type `macstate logs studio NAME`, one of both, coder",
        ("logs", "codr"): "codr: no Mac and no endpoint is called that; did you mean `coder`?",
        ("logs", "studi"): "studi: no Mac and no endpoint is called that; did you mean `studio`?",
        ("logs", "xyz"): "xyz: no Mac and no endpoint is called that; there are both, coder",
        ("logs", "studi", "both"): "studi: no Mac is called that; the spec has studio, mini; did you mean `studio`?",
        ("logs", "mini", "coder"): "mini: coder: no endpoint and no job of this Mac is called that; there are both",
        ("logs",): "macstate logs: Missing argument 'NAME'. `macstate logs --help` tells more",
        ("logs", "a", "b", "c"): "macstate logs: Got unexpected extra argument (c). `macstate logs --help` tells more",
        ("plan", "@rehearsal"): "@rehearsal: no Mac is called that; type @rehearsal/studio or @rehearsal/mini",
        ("plan", "@rehearsal/"): "@rehearsal/: no Mac is called that; type @rehearsal/studio or @rehearsal/mini",
        ("plan", "@rehearsal/studi"): "@rehearsal/studi: no Mac is called that; type @rehearsal/studio or "
        "@rehearsal/mini; did you mean `@rehearsal/studio`?",
        ("plan", ""): "'': no Mac; type e.g. studio, @rehearsal/studio or ./inventory.py",
        ("plan", ".."): "..: no Mac; type e.g. studio, @rehearsal/studio or ./inventory.py",
        ("status", "coder"): "coder: an endpoint or a job, and this takes a Mac; type `macstate status`, or `macstate "
        "logs coder`",
        ("plan", "coder"): "coder: an endpoint or a job, and this takes a Mac; type `macstate plan --only "
        "endpoints.coder`",
        ("stauts",): "macstate: No such command 'stauts'; did you mean `status`? `macstate --help` tells more",
        ("apply",): "macstate: `pyinfra inventory.py deploy.py` carries out what `macstate plan` shows. `macstate "
        "--help` tells more",
        ("completion",): "macstate completion: Missing argument '{zsh|bash}'. Choose from: zsh, bash. `macstate "
        "completion --help` tells more",
        ("awake", "studio"): "'studio' is not a duration; type a number with its unit: `30s`, `5m` or `2h`",
        ("plan", "studi"): "studi: no Mac is called that; the spec has studio, mini; did you mean `studio`?",
    }
    for words, line in said.items():
        done = pair.do(*words, at=pair.below)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{line}\n"), words
    alone = pair.do("logs", "coder")  # of two Macs the only one that has it
    assert alone.stderr.startswith("studio: "), alone.stderr
    assert pair.do("logs", "both", "--limit", "mini").stderr.startswith("mini: ")


def test_macstate_alone_tells_what_a_day_needs(project: Project) -> None:
    for more in ({}, {"MACSTATE_SPEC": "/nonexistent"}):
        done = project.do(at=project.folder, **more)
        lines = done.stdout.splitlines()

        assert (done.returncode, done.stderr) == (0, "")
        told = [re.sub(r"  .*", "", line.strip()) for line in lines if line.startswith("  ")]
        assert told == [
            "macstate plan",
            "pyinfra inventory.py deploy.py",
            "macstate status",
            "macstate logs NAME -f",
            "macstate doctor",
        ]
        assert "`macstate --help`" in lines[-1]
    whole = project.do("--help")
    assert "..." not in whole.stdout.replace("[ARGS]...", "")  # no sentence is cut off


@pytest.mark.slow
def test_a_target_is_completed_wherever_it_may_stand(project: Project) -> None:
    def completed(line: str, at: Path | None = None) -> list[str]:
        words = line.split(" ")
        more = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_MACSTATE_COMPLETE": "bash_complete"}
        said = project.do(at=at or project.below, **more)
        assert said.stderr == ""
        return [each.partition(",")[2] for each in said.stdout.splitlines() if each.startswith("plain")]

    assert completed("macstate plan st") == ["studio"]
    assert completed("macstate plan @") == ["@rehearsal/studio"]
    assert completed("macstate status s") == completed("macstate guide s") == ["studio"]
    assert completed("macstate logs o") == completed("macstate logs studio o") == ["ollama", "ollama.watchdog"]
    assert completed("macstate logs s") == ["studio"]
    assert completed("macstate logs ga") == ["gateway", "gateway.access"]
    assert completed("macstate logs studio s") == []
    assert completed("macstate plan --only endpoints.v") == ["endpoints.vllm"]
    (project.top / "group_data/macs.yml").write_text("macs: 1\n")
    assert completed("macstate logs o") == []


@pytest.mark.slow
def test_the_plan_is_the_same_by_whichever_name(project: Project) -> None:
    plans = [project.do("plan", *words, "--json") for words in ((), ("studio",), ("@rehearsal/studio",))]

    assert [done.returncode for done in plans] == [0, 0, 0], plans[0].stderr
    assert len({done.stdout for done in plans}) == 1
    assert list(json.loads(plans[0].stdout)["hosts"]) == ["studio"]


@pytest.mark.slow
def test_what_there_is_to_type_is_about_the_target_that_was_typed(project: Project) -> None:
    for target in ("@rehearsal/studio", "./inventory.py"):
        stop, again = project.do("stop", target, "ollama"), project.do("restart", "ollama", target)
        status, doctor = project.do("status", target), project.do("doctor", target)

        assert f"; `macstate start {target} ollama` or the next apply" in stop.stdout, stop.stderr
        assert f"`macstate start {target} ollama` starts it" in again.stderr
        assert f"`macstate start {target} ollama` or the next apply" in status.stdout
        assert re.search(rf"pending: `macstate plan {re.escape(target)}`$", status.stdout, re.MULTILINE), status.stdout
        told = stop.stdout + again.stderr + status.stdout + doctor.stdout
        assert {*re.findall(r"`macstate \w+ (\S+) ?.*?`", told)} <= {target}, told
    assert "`macstate start ollama` or" in project.do("status").stdout
