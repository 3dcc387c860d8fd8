"""The rehearsal from a shell: it never leaves its folder, and never calls the laptop's own tools."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from laptop import REFERENCE, ROOT, snapshot

from macstate.rehearsal.mac import birth

BIN = Path(sys.executable).parent
MATCHES = "No changes. macstudio matches the spec."
OUTSIDE = ("/Library", "/System", "/usr/local", "/opt", "/etc", "/private", "/var/db", "/var/root", "/Users")
if sys.platform == "darwin":  # there, all of these are busy by themselves
    OUTSIDE = ("/Library/LaunchDaemons", "/Library/LaunchAgents", "/usr/local/etc", "/usr/local/libexec", "/etc")
ACCOUNTS = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid", "sudoers", "lock", ".pwd")
"""Files in /etc that the lab's local user changes meanwhile."""
DECOYS = ("pmset", "launchctl", "tailscale", "socketfilterfw", "sudo", "ioreg", "curl", "stat", "sysctl")


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """A laptop with an empty home, and with tools of a Mac on its PATH that tell when they are called."""
    decoys = tmp_path / "decoys"
    decoys.mkdir()
    for name in DECOYS:
        (decoys / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/called\nexit 1\n')
        (decoys / name).chmod(0o755)
    (tmp_path / "home").mkdir()
    return {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{decoys}:/usr/bin:/bin",
        "MACSTATE_REHEARSAL": str(tmp_path / "macs"),
        "MACSTATE_SPEC": str(tmp_path / "macs.yml"),
    }


def run(shell: dict[str, str], program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / program, *words],
        cwd=ROOT,
        env=shell,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def outside() -> dict[str, tuple[int, int]]:
    found = {}
    for folder in OUTSIDE:
        for path in Path(folder).rglob("*"):
            if not any(word in path.name for word in ACCOUNTS) and not path.is_symlink() and path.is_file():
                found[str(path)] = (path.stat().st_mtime_ns, path.stat().st_size)
    return found


def stayed_inside(folder: Path, before: dict[str, tuple[int, int]]) -> None:
    """Check that nothing was written outside of the folder, and that no tool of the laptop was called."""
    assert not (folder / "called").exists(), (folder / "called").read_text()
    assert snapshot(folder / "home") == {}
    assert outside() == before


@pytest.mark.slow
def test_the_readmes_line_twice(shell: dict[str, str], tmp_path: Path) -> None:
    Path(shell["MACSTATE_SPEC"]).write_text(REFERENCE)
    before = outside()
    first = run(shell, "pyinfra", "@rehearsal/macstudio", "deploy.py", "-y")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Plan: 21 to add, 5 to change, 0 to remove." in first.stdout
    second = run(shell, "pyinfra", "@rehearsal/macstudio", "deploy.py", "-y")
    assert second.returncode == 0
    assert MATCHES in second.stdout
    assert "Grand total   -" in second.stderr
    stayed_inside(tmp_path, before)


@pytest.mark.slow
def test_the_whole_story_stays_in_its_folder(shell: dict[str, str], tmp_path: Path) -> None:
    spec = Path(shell["MACSTATE_SPEC"])
    spec.write_text(REFERENCE)
    before = outside()
    run(shell, "pyinfra", "@rehearsal/macstudio", "deploy.py", "-y")
    exec_ = run(
        shell,
        "pyinfra",
        "@rehearsal/macstudio",
        "exec",
        "--",
        "sudo pmset -c sleep 10 && cat /Library/LaunchDaemons/com.ollama.server.plist",
    )
    assert exec_.returncode == 0
    assert "OLLAMA_HOST" in exec_.stdout + exec_.stderr
    out = tmp_path / "plan.json"
    pending = run(shell, "macstate", "plan", "@rehearsal/macstudio", "--json", "--out", str(out))
    assert pending.returncode == 2, pending.stderr
    document = json.loads(pending.stdout)
    assert json.loads(out.read_text()) == document
    change = document["hosts"]["macstudio"]["changes"][0]
    assert (document["format_version"], change["id"], change["action"]) == ("1.0", "power/ac", "update")
    assert change["steps"] == ["pmset -c sleep 0"]
    assert (change["before"]["sleep"], change["after"]["sleep"]) == (10, 0)

    spec.write_text("macs: {macstudio: {hostname: matiass-mac-studio.tail174e9b.ts.net, user: mmirvois}}\n")
    removed = run(shell, "pyinfra", "@rehearsal/macstudio", "deploy.py", "-y", "--data", "allow=removal")
    assert removed.returncode == 0, removed.stderr
    assert "Plan: 0 to add, 0 to change, 21 to remove." in removed.stdout
    clean = run(shell, "macstate", "plan", "@rehearsal/macstudio")
    assert clean.returncode == 0
    assert MATCHES in clean.stdout
    stayed_inside(tmp_path, before)


@pytest.mark.slow
def test_what_a_mac_of_the_workflow_goes_through(tmp_path: Path) -> None:
    birth.create(tmp_path / "mac", user="runner", dns_name="runner.invalid", programs=["/bin/sleep"])
    done = subprocess.run(
        [sys.executable, ROOT / "tests/on_a_mac.py"],
        env=birth.environment(tmp_path / "mac") | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Plan: 2 to add, 1 to change, 0 to remove." in done.stdout
    assert done.stdout.endswith("Plan: 0 to add, 0 to change, 2 to remove.\n")


def test_without_a_terminal_it_says_what_to_type(shell: dict[str, str]) -> None:
    Path(shell["MACSTATE_SPEC"]).write_text(REFERENCE)
    answer = run(shell, "pyinfra", "@rehearsal/macstudio", "deploy.py")
    assert answer.returncode == 1
    assert "add -y" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not Path(shell["MACSTATE_REHEARSAL"]).exists()


def test_no_such_mac_and_no_such_inventory_are_one_line(shell: dict[str, str]) -> None:
    Path(shell["MACSTATE_SPEC"]).write_text(REFERENCE)
    for words in (["plan", "@rehearsal/macstudi"], ["plan", "nowhere.py"]):
        answer = run(shell, "macstate", *words)
        assert answer.returncode == 1
        assert len(answer.stderr.splitlines()) == 1, answer.stderr
    assert not Path(shell["MACSTATE_REHEARSAL"]).exists()


@pytest.mark.slow
def test_what_cannot_be_read_is_not_absent(shell: dict[str, str]) -> None:
    Path(shell["MACSTATE_SPEC"]).write_text(
        "macs: {macstudio: {hostname: m.ts.net, user: mmirvois}}\n"
        "launchd: {com.example.agent: {command: [/usr/local/bin/agent], domain: gui}}\n"
    )
    nobody = run(shell, "macstate", "plan", "@rehearsal/macstudio")
    assert nobody.returncode == 1
    assert "nobody is logged in at the Mac's screen" in nobody.stdout
    run(shell, "pyinfra", "@rehearsal/macstudio", "exec", "--", "rehearse login mmirvois")
    somebody = run(shell, "pyinfra", "@rehearsal/macstudio", "deploy.py", "-y")
    assert somebody.returncode == 0, somebody.stdout + somebody.stderr
    again = run(shell, "macstate", "plan", "@rehearsal/macstudio")
    assert again.returncode == 0, again.stdout
    mac = Path(shell["MACSTATE_REHEARSAL"]) / "macstudio"
    assert (mac / "Users/mmirvois/.local/state/macstate/owned").exists()
    assert (mac / "Users/mmirvois/Library/LaunchAgents/com.example.agent.plist").exists()
