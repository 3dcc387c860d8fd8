"""The rehearsal's `tailscale serve` beside the real one: the same commands, the same document and words."""

from __future__ import annotations

import json
import random
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from lab.conftest import Lab

from macstate.rehearsal.mac import birth

pytestmark = pytest.mark.lab
PORTS = (
    *("", "--https=443", "--https=8443", "--https=10000", "--http=80", "--http=443", "--tcp=2222", "--tcp=443"),
    *("--tls-terminated-tcp=8443", "--tls-terminated-tcp=443 --http=80"),
)
PATHS = ("", "", "--set-path=/x", "--set-path=/x/", "--set-path=x/y", "--set-path=/")
TARGETS = (
    "3000",
    "text:hello",
    "localhost:3000",
    "http://127.0.0.1:9/v1",
    "off",
    "off",
    "tcp://127.0.0.1:22",
    "",
)
COMMANDS = 60


def typed(chance: random.Random) -> str:
    words = (chance.choice(("serve", "serve", "funnel")), "--bg", "--yes", *map(chance.choice, (PORTS, PATHS, TARGETS)))
    return " ".join(filter(None, words))


def masked(text: str) -> list[str]:
    """Leave the node's addresses out."""
    return re.sub(r"100\.64\.0\.\d+|\[?fd7a:[0-9a-f:]+\]?", "ADDRESS", text).split("\n")


@pytest.mark.parametrize("seed", range(4))
def test_the_rehearsal_serves_as_the_real_one(lab: Lab, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    node, name = lab.tailnet.mac, lab.tailnet.name
    root = tmp_path / "mac"
    birth.create(root, user="anna", dns_name=name, programs=[])
    environment = birth.environment(root)
    for _ in range(COMMANDS):
        command = typed(chance)
        words = [str(node.binaries / "tailscale"), f"--socket={node.door}", *command.split()]
        real = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        rehearsed = subprocess.run(
            ["/bin/sh", "-c", f"sudo tailscale {command}"],
            env=environment,
            cwd=environment["HOME"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

        said = [(each.returncode, masked(each.stdout), masked(each.stderr)) for each in (rehearsed, real)]
        assert said[0] == said[1], command
        status = subprocess.run(
            ["/bin/sh", "-c", "tailscale serve status --json"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(status.stdout) == lab.served(), command


def test_the_rehearsal_spells_a_document_as_the_real_one(lab: Lab, tmp_path: Path) -> None:
    """Its ETag is the digest of that."""
    node, name = lab.tailnet.mac, lab.tailnet.name
    birth.create(tmp_path / "mac", user="anna", dns_name=name, programs=[])
    site = {"Handlers": {"/é <&>": {"Text": "<b>ä\u2028</b> & more"}}}
    document = json.dumps({"TCP": {"443": {"HTTPS": True}}, "Web": {f"{name}:443": site}})
    environment = birth.environment(tmp_path / "mac")
    tailscale = f"{shlex.quote(str(node.binaries / 'tailscale'))} --socket={shlex.quote(str(node.door))}"
    words = {"rehearsed": ("tailscale", environment), "real": (tailscale, None)}
    shown = {}
    for who, (program, variables) in words.items():
        sudo = "sudo " if variables else ""
        script = f"printf %s {shlex.quote(document)} | {sudo}{program} serve set-raw && {program} serve status --json"
        done = subprocess.run(["/bin/sh", "-c", script], env=variables, capture_output=True, text=True, check=True)
        shown[who] = done.stdout

    assert shown["rehearsed"] == shown["real"]
    assert "/é \\u003c\\u0026\\u003e" in shown["real"]
