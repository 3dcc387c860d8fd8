"""The script that rotates logs, on a rehearsal Mac: what it keeps, what it loses, and what it leaves alone."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from macstate import spec
from macstate.kinds import log_rotation
from macstate.kinds.launchd import Launchd
from macstate.language.facts import Facts
from macstate.rehearsal.mac import birth

NAME = "matiass-mac-studio.tail174e9b.ts.net"
PROGRAM = "/Library/macstate/bin/rotate"
LOG = "/Users/mmirvois/Library/Logs/server.log"
WRITER = """
import sys, time
with open(sys.argv[1], "a", buffering=1) as log:
    for number in range(100000):
        log.write(f"{number:07}" + 92 * "." + "\\n")
        time.sleep(0.0002)
"""

Rotate = Callable[..., str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a fresh Mac with the script on it."""
    folder = tmp_path / "a mac"
    birth.create(folder, user="mmirvois", dns_name=NAME, programs=[])
    program = folder / PROGRAM.lstrip("/")
    program.parent.mkdir(parents=True)
    program.write_text(log_rotation.program())
    program.chmod(0o755)
    return folder


@pytest.fixture
def rotate(root: Path) -> Rotate:
    """Run it as root, as launchd does."""

    def rotate(*words: str) -> str:
        environment = birth.environment(root)
        command = ["sudo", PROGRAM, *words]
        done = subprocess.run(
            [f"{root}/usr/bin/sudo", *command[1:]], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout + done.stderr

    return rotate


def here(root: Path, place: str) -> Path:
    return root / place.lstrip("/")


def older(log: Path) -> dict[str, str]:
    return {path.name: gzip.decompress(path.read_bytes()).decode() for path in sorted(log.parent.glob("*.gz"))}


def test_a_process_that_keeps_appending_writes_on_into_the_same_file(root: Path, rotate: Rotate) -> None:
    log = here(root, LOG)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(log)])
    try:
        for _ in range(3):
            before = log.stat().st_size if log.exists() else 0
            while not log.exists() or log.stat().st_size < before + 20_000:
                time.sleep(0.01)
            said = rotate("10000", "2", LOG)
            assert f"{LOG}: rotated: " in said
        assert writer.poll() is None
        time.sleep(0.05)
    finally:
        writer.kill()
        writer.wait()

    kept = older(log)
    assert list(kept) == ["server.log.1.gz", "server.log.2.gz"]
    texts = [kept["server.log.2.gz"], kept["server.log.1.gz"], log.read_text()]
    numbers = [int(line[:7]) for text in texts for line in text.splitlines()]
    assert all(len(line) == 99 for text in texts for line in text.splitlines())  # no holes: it was opened to append
    assert numbers == sorted(set(numbers))
    lost = numbers[-1] - numbers[0] + 1 - len(numbers)
    assert lost < 0.2 * len(numbers)  # between copy and emptying, twice


def test_every_log_that_the_spec_makes_is_rotated() -> None:
    text = """
macs: {studio: {hostname: h, user: anna}}
log_rotation: {size: 2MB}
gpu_memory: {wired_limit_mb: 1}
gateway: {server: nginx, keys: {agents: env:NEVER_ASKED}}
launchd:
  com.example.job: {command: [/x], user: bob, error_log: /var/log/errors}
  com.example.agent: {command: [/x], domain: gui}
endpoints:
  ollama: {engine: ollama, command: [/x], port: 9001, watchdog: {every: 5m}}
  vllm: {engine: openai, command: [/x], port: 9002, log: /opt/vllm.log}
"""
    facts = Facts(user="anna", home="/Users/anna", programs={"/opt/homebrew/bin/nginx": "nginx/1.29.3"})
    wishes = spec.parse(text, "macs.yml").for_host("studio").expand(facts)
    job = wishes["launchd/system/macstate.log-rotation"]
    assert isinstance(job, Launchd)
    assert job.file

    program, size, keep, *logs = job.file["ProgramArguments"]

    assert (program, size, keep) == (PROGRAM, "2000000", "5")
    assert logs == sorted(logs)
    assert set(logs) == {
        "/var/log/macstate.gpu-memory.log",
        "/var/log/macstate.log-rotation.log",
        "/var/log/macstate.ollama.watchdog.log",
        "/Users/anna/Library/Logs/com.example.agent.log",
        "/Users/anna/Library/Logs/macstate.gateway.access.log",
        "/Users/anna/Library/Logs/macstate.gateway.log",
        "/Users/anna/Library/Logs/macstate.ollama.log",
        "/Users/bob/Library/Logs/com.example.job.log",
        "/opt/vllm.log",
        "/var/log/errors",
    }
    other = {log for wish in wishes.values() if isinstance(wish, Launchd) and wish.file for log in outputs(wish.file)}
    assert other <= set(logs)


def outputs(plist: dict[str, Any]) -> set[str]:
    return {plist["StandardOutPath"], plist["StandardErrorPath"]}


def test_mode_stays_and_as_many_are_kept_as_wished(root: Path, rotate: Rotate) -> None:
    log = here(root, LOG)
    for text in ("one", "two", "three"):
        log.write_text(text)
        log.chmod(0o640)
        rotate("1", "2", LOG)

    assert (log.read_text(), log.stat().st_mode & 0o777) == ("", 0o640)
    assert older(log) == {"server.log.1.gz": "three", "server.log.2.gz": "two"}
    assert {path.stat().st_mode & 0o777 for path in log.parent.glob("*.gz")} == {0o640}

    assert rotate("1", "1", LOG) == ""
    assert older(log) == {"server.log.1.gz": "three"}


@pytest.mark.parametrize("left", ["server.log.0", "server.log.0.gz"])
def test_what_was_cut_off_is_finished(root: Path, rotate: Rotate, left: str) -> None:
    log = here(root, LOG)
    log.write_text("new")
    for name, text in (("server.log.1.gz", "old"), ("server.log.3.gz", "oldest"), (left, "copied")):
        path = log.with_name(name)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())

    assert rotate("1000", "3", LOG) == ""

    assert log.read_text() == "new"
    assert older(log) == {"server.log.1.gz": "copied", "server.log.2.gz": "old", "server.log.3.gz": "oldest"}


def test_a_log_is_left_to_the_owner_of_its_folder(root: Path, rotate: Rotate) -> None:
    for place in (LOG, "/Library/Logs/of root.log", "/Users/Shared/x.log"):
        here(root, place).write_text("text")
    here(root, "/Users/Shared").chmod(0o1777)
    calls = root / ".mac/calls"
    calls.write_text("")

    said = rotate("1", "5", "/Library/Logs/not there.log", LOG, "/Library/Logs/of root.log", "/Users/Shared/x.log")

    assert said.count(": rotated: 4 bytes are in ") == 2
    assert "/Users/Shared/x.log: others may change the folders above it: it is left alone\n" in said
    assert here(root, "/Users/Shared/x.log").read_text() == "text"
    sudos = [line for line in calls.read_text().splitlines() if '"sudo"' in line]
    assert len(sudos) == 2  # ours, and the one that becomes the user
    assert f'"-u", "#501", "--", "{root}{PROGRAM}", "1", "5", "{LOG}"]' in sudos[1]


def test_what_cannot_be_copied_is_not_emptied(root: Path, rotate: Rotate) -> None:
    log = here(root, LOG)
    log.write_text("text")
    here(root, "/bin/cp").write_text("#!/bin/sh\necho 'cp: No space left on device' >&2\nexit 1\n")

    said = rotate("1", "5", LOG)

    assert "No space left" in said
    assert f"{LOG}: could not be rotated\n" in said
    assert log.read_text() == "text"
