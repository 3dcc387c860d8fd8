"""The probe's programs, counted by strace: no wrapper of ours says how many there are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from answered import MARK
from lab import build
from laptop import REFERENCE, Laptop
from test_wire import HELPERS, lists_of

from macstate.kernel import probe
from macstate.kinds import KINDS
from macstate.rehearsal.mac import birth

pytestmark = pytest.mark.lab


def test_a_converged_probe_starts_few_programs(laptop: Laptop, tmp_path: Path) -> None:
    strace = build.machine_has("strace")
    words = [strace, "-ff", "-qq", "-e", "trace=execve", "-o", str(tmp_path / "trace"), "/bin/sh", "-c"]
    subprocess.run(
        [*words, probe.script(KINDS)],
        input="\n".join(probe.stdin(lists_of(REFERENCE), MARK)),
        env=birth.environment(laptop.mac()),
        stdout=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    traces = "".join(file.read_text() for file in tmp_path.glob("trace.*"))
    found = re.findall(r'^execve\("([^"]+)".* = 0$', traces, re.MULTILINE)
    programs = [path for path in found if not re.search(r"/python[\d.]*$", path)]  # a simulated tool counts once
    assert "launchctl" in {Path(each).name for each in programs}
    assert len(programs) <= 110
    assert len([each for each in programs if Path(each).name in HELPERS]) <= 60
