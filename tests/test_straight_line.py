"""The main job, end to end, on rehearsal Macs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from laptop import REFERENCE, SHOWN, Laptop, Outcome, changes, snapshot

from macstate.transport import ops

MAC = "macs: {macstudio: {hostname: matiass-mac-studio.tail174e9b.ts.net, user: mmirvois}}\n"
MATCHES = "No changes. macstudio matches the spec."


def test_the_first_run_changes_and_proves(converged: tuple[Outcome, Path]) -> None:
    outcome, mac = converged
    assert not outcome.failed, outcome.said
    assert outcome.commands <= len(changes(outcome)) + 3
    assert (mac / "Library/LaunchDaemons/com.ollama.server.plist").exists()
    assert any("verified" in line for line in outcome.said)


def test_a_converged_run_is_one_remote_command_and_an_empty_table(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(laptop.mac())
    outcome = laptop.run(REFERENCE)
    assert (outcome.commands, outcome.rows, outcome.failed) == (1, [], False)
    assert capsys.readouterr().out.splitlines()[-1] == MATCHES
    assert snapshot(laptop.mac()) == before


DISTURBANCES = {
    "~ power/ac": "sudo pmset -c sleep 10",
    "~ power/system": "sudo pmset -a disablesleep 0",
    "~ launchd/system/com.ollama.server": "sudo launchctl bootout system/com.ollama.server",
    "~ launchd/system/macstate.vllm": (
        "sudo launchctl disable system/macstate.vllm; sudo launchctl bootout system/macstate.vllm"
    ),
    "~ launchd/system/macstate.a1111": (
        "sudo plutil -replace KeepAlive -bool NO /Library/LaunchDaemons/macstate.a1111.plist"
    ),
    "+ launchd/system/macstate.a1111": (
        "sudo launchctl bootout system/macstate.a1111; sudo rm /Library/LaunchDaemons/macstate.a1111.plist"
    ),
    "+ serve/443/vllm": "sudo tailscale serve --https=443 --set-path=/vllm off",
    "~ firewall/state": 'sudo "$MACSTATE_ROOT"/usr/libexec/ApplicationFirewall/socketfilterfw --setglobalstate off',
    "+ firewall/allow/usr/local/bin/ollama": (
        'sudo "$MACSTATE_ROOT"/usr/libexec/ApplicationFirewall/socketfilterfw --remove /usr/local/bin/ollama'
    ),
    "~ screen_sharing/service": "sudo launchctl disable system/com.apple.screensharing",
    "~ tailscale/prefs": "sudo tailscale set --ssh=false --accept-risk=lose-ssh",
}


@pytest.mark.slow  # the next one has all of them, at once
@pytest.mark.parametrize("row", DISTURBANCES)
def test_a_disturbance_is_one_change(laptop: Laptop, row: str) -> None:
    laptop.command(DISTURBANCES[row])
    time.sleep(SHOWN)
    assert changes(laptop.run(REFERENCE, dry=True)) == [row]


@pytest.mark.slow
def test_all_disturbances_at_once_are_put_right(laptop: Laptop) -> None:
    gone = "+ launchd/system/macstate.a1111"  # its plist, which another one edits, goes with it
    for row, command in DISTURBANCES.items():
        if row != gone:
            laptop.command(command)
    time.sleep(SHOWN)
    outcome = laptop.run(REFERENCE)
    assert set(changes(outcome)) == set(DISTURBANCES) - {gone}
    assert not outcome.failed, outcome.said  # verify has read the Mac again
    laptop.command(DISTURBANCES[gone])
    time.sleep(SHOWN)
    again = laptop.run(REFERENCE)
    assert (changes(again), again.failed) == ([gone], False), again.said


def test_removing_an_entry_removes_its_objects(laptop: Laptop) -> None:
    without = REFERENCE[: REFERENCE.index("  a1111:")]
    outcome = laptop.run(without)
    gate = ["~ file/Library/macstate/etc/nginx.conf", "~ guide/pages", "~ launchd/system/macstate.gateway"]
    assert changes(outcome) == ["- serve/7860/", "- launchd/system/macstate.a1111", *gate]
    assert not outcome.failed, outcome.said
    left = {path: text for path, text in snapshot(laptop.mac()).items() if "a1111" in path or b"a1111" in text}
    known = {".mac/state.json", ".mac/calls", "private/var/db/macstate/journal"}
    assert {path for path in left if "stable-diffusion-webui" not in path and "/.local/" not in path} <= known


@pytest.mark.slow
def test_the_mac_alone_uninstalls_and_settings_stay(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    refused = laptop.run(MAC)
    assert (refused.failed, refused.commands) == (True, 1)
    assert "objects, with this Mac's last endpoint: refused" in " ".join(refused.said)
    outcome = laptop.run(MAC, data={"allow": "removal"})
    assert not outcome.failed, outcome.said
    assert [row for row in changes(outcome) if not (row.startswith("- ") or row == "serve: 4 to remove")] == []
    assert not (laptop.mac() / "var/db/macstate").exists()
    assert not (laptop.mac() / "Users/mmirvois/.local/state/macstate").exists()
    capsys.readouterr()
    again = laptop.run(MAC)
    assert again.rows == []
    assert MATCHES in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_that_verify_finds_wanting_is_no_applied_one(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "PAUSES", ())
    laptop.command("sudo pmset -c sleep 10")
    time.sleep(SHOWN)

    def meddle(number: int, stdin: list[str]) -> list[str]:
        if number == 3:  # the probe, the change, and now verify looks
            laptop.command("sudo pmset -c sleep 11")
            time.sleep(SHOWN)
        return stdin

    outcome = laptop.run(REFERENCE, wire=meddle)

    assert outcome.failed
    assert outcome.commands == 4
    last = (laptop.mac() / "var/db/macstate/journal").read_text().splitlines()[-1]
    assert json.loads(last)["outcome"] == "failed: verify: not as the spec says after the run: power/ac sleep"
    assert json.loads(last)["done"] == ["~ power/ac"]


@pytest.mark.slow
def test_one_entry_under_a_gateway_says_that_it_is_shared(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    other = REFERENCE.replace("serve: /vllm", "serve: /other")

    outcome = laptop.run(other, data={"only": "endpoints.vllm"})
    shown = capsys.readouterr().out

    assert not outcome.failed, outcome.said
    assert "the gateway is one for all endpoints: what changes in it may be about others too" in shown
    assert "serve/443/vllm" in " ".join(changes(outcome))  # the old route goes too
    assert laptop.run(other).rows == []


@pytest.mark.slow
def test_a_setting_that_leaves_the_spec_is_left_and_said(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = laptop.run(REFERENCE.replace("displaysleep: 15, ", ""))
    out = capsys.readouterr().out
    assert changes(outcome) == ["~ guide/pages"]  # which tells what is set
    assert "power/ac.displaysleep (left as found)" in out
    capsys.readouterr()
    assert laptop.run(REFERENCE.replace("displaysleep: 15, ", "")).rows == []
    assert MATCHES in capsys.readouterr().out


@pytest.mark.slow
def test_a_foreign_object_in_the_way_is_refused_until_it_is_named(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    laptop.run(MAC)
    laptop.command("sudo tailscale serve --bg --https=443 http://127.0.0.1:9999")
    spec = MAC + "endpoints: {x: {engine: rest, command: [/usr/local/bin/ollama], port: 8000, serve: /}}\n"
    refused = laptop.run(spec)
    assert refused.failed
    assert refused.commands == 1
    assert "allow=takeover" in " ".join(refused.said)
    allowed = laptop.run(spec, data={"allow": "takeover"})
    assert not allowed.failed, allowed.said
    assert laptop.run(spec).rows == []


@pytest.mark.slow
def test_cutting_ones_own_ssh_is_refused(laptop: Laptop) -> None:
    off = REFERENCE.replace("tailscale: {ssh: true}", "tailscale: {ssh: false}")
    outcome = laptop.run(off)
    assert outcome.failed
    assert "allow=cut-ssh" in " ".join(outcome.said)
    assert not laptop.run(off, data={"allow": "cut-ssh"}).failed


@pytest.mark.slow
def test_the_record_of_a_users_own_job_that_is_gone_is_taken_back(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    laptop.run(MAC)
    laptop.command("rehearse login mmirvois")
    agent = "launchd: {com.example.agent: {command: [/usr/local/bin/agent], domain: gui}}\n"
    assert not laptop.run(MAC + agent).failed
    record = laptop.mac() / "Users/mmirvois/.local/state/macstate/owned"
    assert record.exists()
    laptop.command("launchctl bootout gui/501/com.example.agent; rm ~/Library/LaunchAgents/com.example.agent.plist")
    time.sleep(SHOWN)
    outcome = laptop.run(MAC)
    assert changes(outcome) == ["- launchd/gui/501/com.example.agent"]
    assert not outcome.failed, outcome.said
    assert not record.exists()


@pytest.mark.slow
def test_a_setting_that_is_set_while_another_of_it_leaves_stays_recorded(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    laptop.run(MAC + "power: {ac: {sleep: 0}}\n")
    laptop.run(MAC + "power: {ac: {displaysleep: 3}, disablesleep: true}\n")
    lines = (laptop.mac() / "var/db/macstate/owned").read_text().splitlines()
    assert sorted(lines) == ["set\tpower/ac\tdisplaysleep", "set\tpower/system\tdisablesleep"]
