"""The script that stays on a Mac and runs another one on one payload after the other, under each shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from macstate.kernel import scripts

SAYS = 'set -eu; trap \'echo bye\' EXIT; text=$(cat); printf %s "${#text} "; [ "${text#fail}" = "$text" ] || exit 3'
"""A script that reads all of its payload, ends with 3 for some, and has a trap of its own."""


@pytest.fixture
def stays(shell: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = ["sh", "-c", scripts.bare("stay.sh"), "sh", SAYS]
    environment = {"PATH": f"{shell}:{os.environ['PATH']}"}
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    yield process
    process.kill()
    process.communicate()


def said(process: subprocess.Popen[bytes], payload: bytes) -> list[str]:
    """Send a payload, and give what is said of it."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{len(payload)}\n".encode() + payload)
    process.stdin.flush()
    lines: list[str] = []
    while not lines or not lines[-1].startswith("macstate: ended: "):
        lines.append(process.stdout.readline().decode().rstrip("\n"))
        assert len(lines) < 9
    return lines


def test_one_payload_after_the_other(stays: subprocess.Popen[bytes]) -> None:
    assert stays.stdin
    stays.stdin.write(b"a password that sudo did not need\nPAYLOAD\n")
    for text, length, status in ((b"abc", 3, 0), (b"fail", 4, 3), (b"x" * 1_000_000, 1_000_000, 0), (b"", 0, 0)):
        assert said(stays, text) == [f"{length} bye", "", f"macstate: ended: {status}"]


def test_a_payload_that_is_cut_off_is_told_as_it_came(stays: subprocess.Popen[bytes]) -> None:
    """The script itself knows that its end is missing."""
    out, _ = stays.communicate(b"PAYLOAD\n9\nabc")
    assert out.decode().splitlines() == ["3 bye", "", "macstate: ended: 0"]
    assert stays.returncode == 0
