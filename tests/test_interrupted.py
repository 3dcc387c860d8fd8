"""A run that dies at any moment: the next one converges, nothing of ours is forgotten, nothing foreign is touched."""

from __future__ import annotations

import os
import random
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from laptop import REFERENCE, SHOWN, Laptop, Outcome, changes

from macstate.kernel import scripts
from macstate.kernel.steps import Run, Step, Write
from macstate.rehearsal.mac import birth
from macstate.rehearsal.mac.processes import began

FOREIGN = (
    "sudo tailscale serve --bg --https=4443 http://127.0.0.1:9999",
    'sudo "$MACSTATE_ROOT"/usr/libexec/ApplicationFirewall/socketfilterfw --add /usr/bin/ruby',
    "sudo launchctl disable system/com.example.other",
)
COMMANDS = 23
"""Changes of the spec on a fresh Mac, in batches."""


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Laptop, list[Path], list[list[str]]]:
    """The Mac as it is before each remote command of a first run, and what each command is sent."""
    laptop = Laptop(tmp_path_factory.mktemp("stages"))
    laptop.run("macs: {macstudio: {hostname: matiass-mac-studio.tail174e9b.ts.net, user: mmirvois}}\n")
    for command in FOREIGN:
        laptop.command(command)
    kept: list[Path] = []
    sent: list[list[str]] = []

    def keep(_: int, stdin: list[str]) -> list[str]:
        kept.append(laptop.keep())
        sent.append(stdin)
        return stdin

    assert not laptop.run(REFERENCE, wire=keep).failed
    kept.append(laptop.keep())
    return laptop, kept, [lines for lines in sent if lines[0] == "PAYLOAD"]


def owned(mac: Path) -> list[str]:
    return sorted(
        line for line in (mac / "var/db/macstate/owned").read_text().splitlines() if not line.startswith("set\t")
    )


def assert_converged(laptop: Laptop, outcome: Outcome, whole: Path) -> None:
    assert not outcome.failed, outcome.said
    assert owned(laptop.mac()) == owned(whole)
    assert "127.0.0.1:9999" in answer(laptop.mac(), "tailscale serve status --json")
    assert '"com.example.other" => disabled' in answer(laptop.mac(), "launchctl print-disabled system")
    # killed behind the last step, nothing of root's is left to change: its dead lock waits for the next change as root
    as_root = [row for row in changes(outcome) if not row.startswith("+ model/")]
    assert not (as_root and (laptop.mac() / "var/db/macstate/lock").exists())


def answer(mac: Path, command: str) -> str:
    return subprocess.run(
        ["/bin/sh", "-c", command], env=birth.environment(mac), capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.slow
@pytest.mark.parametrize("after", range(1, COMMANDS + 2))
def test_killed_after_a_remote_command(stages: tuple[Laptop, list[Path], list[list[str]]], after: int) -> None:
    laptop, kept, sent = stages
    assert len(sent) == COMMANDS
    laptop.put_back(kept[after])
    assert_converged(laptop, laptop.run(REFERENCE), kept[-1])


def points(sent: list[list[str]]) -> list[tuple[int, int]]:
    """Every place between two steps, as (command, line); of the models, whose steps are alike, the first one's."""
    models = [number for number, lines in enumerate(sent) if any("pending model/" in line for line in lines)]
    once = [(number, lines) for number, lines in enumerate(sent) if number not in models[1:]]
    return [(number, line) for number, lines in once for line in range(2, len(lines))]


def killed_in_the_middle(stages: tuple[Laptop, list[Path], list[list[str]]], number: int, line: int) -> None:
    laptop, kept, sent = stages
    laptop.put_back(kept[number + 1])  # the first command is the probe
    lines = [*sent[number][:line], "kill -9 $$", *sent[number][line:]]
    script = f"sudo sh -c {shlex.quote(scripts.apply())}"
    env = birth.environment(laptop.mac())
    died = subprocess.run(
        ["/bin/sh", "-c", script], env=env, input="\n".join(lines) + "\n", text=True, capture_output=True, check=False
    )
    assert died.returncode != 0
    assert "macstate: done" not in died.stdout
    time.sleep(0.5)  # a job that was booted out last takes a moment to be gone
    outcome = laptop.run(REFERENCE)
    assert_converged(laptop, outcome, kept[-1])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_killed_between_any_two_steps(
    stages: tuple[Laptop, list[Path], list[list[str]]], share: Callable[[int], int], part: int
) -> None:
    every = points(stages[2])
    for number, line in random.Random(20261126).sample(every, share(len(every)))[part::8]:
        killed_in_the_middle(stages, number, line)


@pytest.mark.parametrize("after", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_cut_connection_is_one_line(laptop: Laptop, after: int) -> None:
    laptop.command(
        "sudo pmset -c sleep 10; sudo launchctl bootout system/macstate.vllm; sudo tailscale serve --https=443 off"
    )
    time.sleep(SHOWN)
    outcome = laptop.run(REFERENCE, cut_after=after)
    assert outcome.failed
    lost = [line for line in outcome.said if "connection was lost" in line]
    assert len(lost) == 1
    assert not [line for line in outcome.said if "Traceback" in line]
    assert not laptop.run(REFERENCE).failed


def test_a_payload_that_is_not_whole_does_nothing(laptop: Laptop) -> None:
    laptop.command("sudo pmset -c sleep 10")
    time.sleep(SHOWN)
    outcome = laptop.run(REFERENCE, wire=lambda number, stdin: stdin[:-1] if number == 2 else stdin)
    assert outcome.failed
    assert "nothing was done" in " ".join(outcome.said)
    assert "pending" not in (laptop.mac() / "var/db/macstate/owned").read_text()


def hold(mac: Path, started: str) -> Path:
    lock = mac / "var/db/macstate/lock"
    lock.mkdir(parents=True)
    (lock / "holder").write_text(f"{os.getpid()}\t2026-11-23T10:00:00Z\t{started}\tanna@macbook")
    return lock


@pytest.mark.slow
def test_a_live_lock_is_respected_and_a_dead_one_taken_over(laptop: Laptop) -> None:
    laptop.command("sudo pmset -c sleep 10")
    time.sleep(SHOWN)
    lock = hold(laptop.mac(), began(os.getpid()))
    refused = laptop.run(REFERENCE, data={"lock_wait": 1})
    assert refused.failed
    assert "another run holds the lock: anna@macbook, since 2026-11-23T10:00:00Z" in " ".join(refused.said)
    assert '"sleep": 10' in (laptop.mac() / ".mac/state.json").read_text()
    (lock / "holder").write_text(f"{os.getpid()}\t2026-11-23T10:00:00Z\tMon Jan  1 00:00:00 2001\tanna@macbook")
    outcome = laptop.run(REFERENCE)
    assert not outcome.failed, outcome.said
    assert "took over the lock of anna@macbook" in " ".join(outcome.said)


def test_a_wait_that_is_no_number_is_told_before_anything_is_done(laptop: Laptop) -> None:
    laptop.command("sudo pmset -c sleep 10")
    time.sleep(SHOWN)
    refused = laptop.run(REFERENCE, data={"lock_wait": "x"})
    assert (refused.failed, refused.commands) == (True, 0)
    assert "lock_wait=x: not a whole number of seconds below 100,000; type --data lock_wait=60" in " ".join(
        refused.said
    )


def sent(*steps: Step, root: Path) -> subprocess.CompletedProcess[str]:
    """Send some steps to the script that carries them out, on a machine whose files lie in a folder."""
    return subprocess.run(
        ["/bin/sh", "-c", scripts.apply()],
        input="\n".join(["PAYLOAD", *(step.line for step in steps), "END"]),
        env={"HOME": str(root), "MACSTATE_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a Mac's system tools, and nothing else."""
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/bin").symlink_to("/usr/bin")
    (tmp_path / "bin").symlink_to("/bin")
    return tmp_path


def test_nothing_is_written_through_a_link_that_somebody_put_there(root: Path) -> None:
    (root / "site").mkdir()
    precious = root / "precious"
    precious.write_text("kept")
    (root / "site/x.conf.macstate").symlink_to(precious)

    done = sent(Write("/site/x.conf", b"hello"), root=root)

    assert done.stdout.startswith("macstate: done: ")
    assert (precious.read_text(), (root / "site/x.conf").read_text()) == ("kept", "hello")
    assert not (root / "site/x.conf").is_symlink()


def test_a_folder_is_no_file_to_be_written(root: Path) -> None:
    (root / "site/x.conf").mkdir(parents=True)

    done = sent(Write("/site/x.conf", b"hello"), root=root)

    assert (done.returncode, done.stdout) == (1, "macstate: failed: /site/x.conf is a folder\n")
    assert list((root / "site/x.conf").iterdir()) == []


def test_the_systems_own_tools_come_first(root: Path) -> None:
    planted = root / "opt/homebrew/bin/chmod"
    planted.parent.mkdir(parents=True)
    planted.write_text(f"#!/bin/sh\necho planted > {root}/called\n")
    planted.chmod(0o755)

    done = sent(Write("/x.conf", b"hello"), root=root)

    assert done.stdout.startswith("macstate: done: ")
    assert not (root / "called").exists()


@pytest.mark.slow
def test_a_run_that_another_overtook_changes_nothing(laptop: Laptop) -> None:
    laptop.command("sudo pmset -c sleep 10")
    time.sleep(SHOWN)
    record = laptop.mac() / "var/db/macstate/owned"

    def overtaken(number: int, stdin: list[str]) -> list[str]:
        if number == 2:
            record.write_text(record.read_text() + "owned\tfile/etc/other\tx\n")
        return stdin

    outcome = laptop.run(REFERENCE, wire=overtaken)
    assert outcome.failed
    assert "another run has changed this Mac" in " ".join(outcome.said)
    assert '"sleep": 10' in (laptop.mac() / ".mac/state.json").read_text()


@pytest.mark.slow
def test_a_gateway_that_was_not_told_of_its_new_configuration_is_told_by_the_next_run(laptop: Laptop) -> None:
    changed = REFERENCE.replace("serve: /vllm", "serve: /other")
    cut = laptop.run(changed, cut_after=3)  # the probe, the route that goes, and the file; not the job
    assert cut.failed
    config = (laptop.mac() / "Library/macstate/etc/nginx.conf").read_text()
    assert ("tailnet/443 /other" in config, "tailnet/443 /vllm" in config) == (True, False)

    healed = laptop.run(changed)

    assert not healed.failed, healed.said
    assert "~ launchd/system/macstate.gateway" in changes(healed)
    assert laptop.run(changed).rows == []


@pytest.mark.parametrize(("said", "told"), [("it is not there", "x: not there"), ("other", "ended with 3: other")])
def test_a_command_that_fails_is_told_by_what_it_said(root: Path, said: str, told: str) -> None:
    done = sent(Run(("sh", "-c", f"echo {said}; exit 3"), refusal=("not there", "x: not there")), root=root)
    assert done.returncode == 1
    assert done.stdout.rstrip().endswith(told)
