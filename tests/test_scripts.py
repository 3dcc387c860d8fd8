"""What runs on a machine is clean as it is sent there, and what a newcomer looks for is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from macstate.endpoint import watchdog
from macstate.kernel import probe, scripts
from macstate.kinds import KINDS, log_rotation, model

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "macstate").rglob("*.sh"))
TOP = [
    "deploy.py",
    "inventory.py",
    "group_data",
    "templates",
    "macstate",
    "tests",
    "benchmarks",
    "docs",
    "pyproject.toml",
]
TOP += ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", ".ci/run"]


def shellcheck(script: str) -> str:
    command = [str(Path(sys.executable).with_name("shellcheck")), "-s", "sh", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False).stdout


def test_what_is_put_together_is_clean() -> None:
    programs = probe.script(KINDS), watchdog.program(), model.program(), log_rotation.program()
    for script in (*programs, "\n".join((*map(scripts.whole, scripts.APPLY), "carry_out"))):
        assert shellcheck(script) == ""


def test_shellcheck_does_complain() -> None:
    assert "SC2086" in shellcheck("#!/bin/sh\nname='a b'\nls $name\n") + shellcheck("rm $1\n")


@pytest.mark.parametrize("path", TOP)
def test_what_a_newcomer_looks_for_is_there(path: str) -> None:
    assert (ROOT / path).exists()
