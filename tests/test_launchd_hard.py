"""launchd's bad manners, from states of the rehearsal Mac: each told in one line, and put right where that can be."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from laptop import SHOWN, Laptop, changes

pytestmark = pytest.mark.slow  # each waits for what never comes
MAC = "macs: {macstudio: {hostname: studio.tail1.ts.net, user: mmirvois}}\n"
SPEC = MAC + "endpoints: {a: {engine: rest, command: [/opt/a, --port, '{port}'], port: 8001}}\n"
JOB = "launchd/system/macstate.a"


@pytest.fixture
def one(tmp_path: Path) -> Laptop:
    """A laptop whose Mac runs one job."""
    laptop = Laptop(tmp_path)
    assert not laptop.run(SPEC).failed
    return laptop


def test_a_job_in_the_penalty_box_is_loaded_anew_instead_of_kicked_for_ever(
    one: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    one.command("sudo rehearse penalty macstate.a")
    began = time.monotonic()
    outcome = one.run(SPEC)
    assert not outcome.failed, outcome.said
    assert changes(outcome) == [f"~ {JOB}"]
    assert "running: false -> true" in capsys.readouterr().out
    assert time.monotonic() - began < 20


def test_a_job_that_ends_at_every_start_is_told_with_its_last_exit(one: Laptop) -> None:
    one.command("sudo rehearse crash-loop macstate.a")
    outcome = one.run(SPEC)
    assert outcome.failed
    [line] = [line for line in outcome.said if "verify: not as" in line]
    assert f"{JOB} running (last exit: 1)" in line
    one.command("sudo rehearse mend macstate.a")
    assert not one.run(SPEC).failed


def test_a_job_that_is_switched_off_in_login_items_is_one_line(one: Laptop) -> None:
    one.command("sudo rehearse disallow macstate.a; sudo launchctl bootout system/macstate.a")
    time.sleep(SHOWN)
    outcome = one.run(SPEC)
    assert outcome.failed
    [line] = [line for line in outcome.said if "Login Items" in line]
    assert "macstate.a: launchd refuses it (Bootstrap failed: 5)" in line
    one.command("sudo rehearse allow macstate.a")
    assert not one.run(SPEC).failed


def test_a_job_that_was_loaded_before_its_plist_changed(one: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    plist = "/Library/LaunchDaemons/macstate.a.plist"
    one.command(
        f"sudo launchctl bootout system/macstate.a; sleep 0.6; cp {plist} kept; "
        f"sudo plutil -replace EnvironmentVariables.HOME -string /old {plist}; "
        f"sudo launchctl bootstrap system {plist}; sudo cp kept {plist}"
    )
    assert changes(one.run(SPEC, dry=True)) == [f"~ {JOB}"]
    assert "loaded.environment.HOME: /old -> /Users/mmirvois" in capsys.readouterr().out
    assert not one.run(SPEC).failed
    assert one.run(SPEC).rows == []


def test_a_job_that_is_loaded_in_another_domain_too(one: Laptop) -> None:
    one.command("rehearse login mmirvois; mkdir -p Library/LaunchAgents")
    one.command(
        "cp /Library/LaunchDaemons/macstate.a.plist Library/LaunchAgents/ && launchctl bootstrap gui/501 "
        '"$HOME/Library/LaunchAgents/macstate.a.plist"'
    )
    outcome = one.run(SPEC)
    assert outcome.failed
    [line] = [line for line in outcome.said if "takeover" in line]
    assert line.startswith("macstudio: launchd/gui/501/macstate.a: refused")
    outcome = one.run(SPEC, data={"allow": "takeover"})
    assert not outcome.failed, outcome.said
    assert changes(outcome) == ["- launchd/gui/501/macstate.a"]
    assert one.run(SPEC).rows == []
