"""`caffeinate` in a rehearsal, and a job that keeps the Mac awake with every process that it gets."""

from __future__ import annotations

import os
import plistlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from macstate.kinds.launchd.job import Job
from macstate.language.facts import Facts
from macstate.rehearsal.mac import birth

Run = Callable[[str], str]
PLIST = "/Library/LaunchDaemons/x.plist"
LOAD = f"sudo launchctl bootstrap system {PLIST}"
NOTE = "(sleep prevented by powerd, caffeinate)"
PATIENCE = 10


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a mac"
    birth.create(folder, user="anna", dns_name="studio.tail1.ts.net", programs=[])
    program = folder / "opt/homebrew/bin/x"
    program.write_text("#!/bin/sh\necho $$ $*\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    words = ["/opt/homebrew/bin/x", "two words", "$HOME"]
    job = Job.model_validate({"command": words, "keep_awake": True, "throttle": "0s"})
    plist = job.job("x", Facts(user="anna", home="/Users/anna"), job.command, {}).file
    (folder / PLIST.lstrip("/")).write_bytes(plistlib.dumps(plist or {}))
    return folder


@pytest.fixture
def run(root: Path) -> Iterator[Run]:
    def run(command: str) -> str:
        environment = birth.environment(root)
        return subprocess.run(
            ["/bin/sh", "-c", command],
            env=environment,
            cwd=environment["HOME"],
            check=False,
            capture_output=True,
            text=True,
        ).stdout

    yield run
    run("rehearse run-jobs off")


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_made_up_job_holds_while_it_runs(run: Run) -> None:
    assert NOTE not in run("pmset -g")

    run(LOAD)
    assert f" sleep                1 {NOTE}\n" in run("pmset -g")
    assert '(caffeinate): [0x000000f9000182b7] 00:00:05 PreventUserIdleSystemSleep named: "caff' in run(
        "pmset -g assertions"
    )

    run("rehearse crash x")
    assert NOTE not in run("pmset -g")


def test_a_real_job_holds_with_every_process_that_it_gets(run: Run, root: Path) -> None:
    run(f"rehearse run-jobs on; {LOAD}")
    log = root / "Users/anna/Library/Logs/x.log"

    until(lambda: NOTE in run("pmset -g"))
    first = printed(run)
    until(lambda: log.read_text() == f"{first} two words $HOME\n")  # the server has the process that launchd knows

    os.kill(int(first), signal.SIGKILL)
    until(lambda: printed(run) not in {"", first})
    until(lambda: NOTE in run("pmset -g"))
    run("sudo launchctl bootout --wait system/x")
    until(lambda: NOTE not in run("pmset -g"))


def printed(run: Run) -> str:
    return run("launchctl print system/x | sed -n 's/^\\tpid = //p'").strip()


def test_caffeinate_alone(run: Run) -> None:
    held = run("rehearse holders; caffeinate -d pmset -g assertions")
    assert "   PreventUserIdleDisplaySleep    1\n" in held
    assert "   PreventUserIdleSystemSleep     0\n" in held
    begun = "sleep 60 & nap=$!; caffeinate -i -w $nap >/dev/null 2>&1 &"
    assert "(sleep prevented by caffeinate)" in run(
        f"{begun} until pmset -g | grep caffeinate; do :; done; kill $nap; wait"
    )
    assert "caffeinate" not in run("pmset -g")
    assert "usage: caffeinate" in run("caffeinate -x 2>&1")
