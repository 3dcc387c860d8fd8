"""The GPU's memory, Remote Login, Software Update, the time zone: what is read and typed, and how tools refuse."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest

from macstate import spec
from macstate.errors import MacstateError
from macstate.kernel.resource import Resource
from macstate.kinds.remote_login import RemoteLogin
from macstate.kinds.software_update import SoftwareUpdate
from macstate.kinds.sysctl import Sysctl
from macstate.language.facts import Facts
from macstate.language.facts.machine import Machine
from macstate.rehearsal.mac import birth

RECORDINGS = Path(__file__).parent / "recordings"
LIMIT, UPDATE = Sysctl.probes[0], SoftwareUpdate.probes[0]
OVERRIDES, PRINT = RemoteLogin.probes


def known(kind: type[Resource], **outputs: str) -> list[dict[str, Any]]:
    return [resource.managed for resource in kind.parse(outputs)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ((RECORDINGS / "sysctl/iogpu_wired_limit_default.txt").read_text(), [{"value": 0}]),
        ((RECORDINGS / "sysctl/iogpu_wired_limit_set_at_boot.txt").read_text(), [{"value": 114688}]),
        (f"hw.memsize: 34359738368\n{LIMIT.split()[1]}: 7\n", [{"value": 7}]),
        ((RECORDINGS / "sysctl/iogpu_read_only.txt").read_text(), []),
        ("sysctl: unknown oid 'iogpu.wired_limit_mb'\n", []),
        ("hw.memsize: 34359738368\n", []),
        ("iogpu.wired_limit_mb: many\n", []),
    ],
)
def test_a_limit_is_read_or_not_known(text: str, expected: list[dict[str, Any]]) -> None:
    assert known(Sysctl, **{LIMIT: text}) == expected


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("system/com.openssh.sshd = {\n\tstate = running\n}\n", [{"enabled": True}]),
        ("com.openssh.sshd = {\n\tdomain = com.apple.xpc.launchd.domain.system\n}\n", [{"enabled": True}]),
        ('Bad request.\nCould not find service "com.openssh.sshd" in domain for system\n', [{"enabled": False}]),
        ("system/com.apple.smbd = {\n\tstate = running\n}\n", []),
        ("no idea\n", []),
    ],
)
def test_remote_login_is_its_override_and_its_job(job: str, expected: list[dict[str, Any]]) -> None:
    assert known(RemoteLogin, **{OVERRIDES: "\tdisabled services = {\n\t}\n", PRINT: job}) == expected
    assert known(RemoteLogin, **{PRINT: job}) == []


@pytest.mark.skipif(not available_timezones(), reason="this machine has no list of time zones")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Europe/Pariss", "Europe/Paris"),
        ("europe/paris", "Europe/Paris"),
        ("New York", "America/New_York"),
        ("Berlin/Europe", "Europe/Berlin"),
        ("UTC", "GMT"),
    ],
)
def test_a_time_zone_that_is_none_is_told_the_one_that_is_near(typed: str, meant: str) -> None:
    with pytest.raises(MacstateError) as refused:
        spec.parse(f"macs: {{studio: {{hostname: h, user: anna}}}}\ntime_zone: {typed}\n", "macs.yml")

    said = f"'{typed}' is not a time zone that macOS lists; did you mean `{meant}`?"
    assert refused.value.lines == (f"macs.yml:2:1: time_zone: {said}",)


def test_without_a_list_of_zones_the_form_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)

    assert spec.parse("macs: {studio: {hostname: h, user: anna}}\ntime_zone: Europe/Nowhere\n", "macs.yml")


def test_one_file_of_two_leaves_the_other_unknown() -> None:
    text = "{\n    AutomaticDownload = 0;\n    CriticalUpdateInstall = 1;\n}\n"

    assert known(SoftwareUpdate, **{UPDATE: text}) == [
        {"check": "unset", "download": False, "install_macos": "unset", "install_security": "mixed"}
    ]
    assert known(SoftwareUpdate, **{UPDATE: "2026-01-01 00:00:00.000 defaults[1:2] \nCould not find key\n"}) == [{}]


def test_a_mac_without_the_limit_is_told_in_one_line() -> None:
    text = "macs: {studio: {hostname: h, user: anna}}\ngpu_memory: {wired_limit_mb: 1}\n"
    wishes = spec.parse(text, "macs.yml").for_host("studio")

    with pytest.raises(
        MacstateError, match=r"^gpu_memory: this Mac has no iogpu.wired_limit_mb .*; take gpu_memory out"
    ):
        wishes.expand(Facts(user="anna", machine=Machine(memory=1)))
    assert wishes.expand(Facts(user="anna", machine=Machine(memory=1, wired_limit=0)))


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], tuple[int, str]]:
    birth.create(tmp_path / "mac", user="anna", dns_name="studio.tail1.ts.net", programs=[])
    environment = birth.environment(tmp_path / "mac")

    def run(command: str) -> tuple[int, str]:
        words = ["/bin/sh", "-c", f"exec 2>&1; {command}"]
        done = subprocess.run(words, env=environment, cwd=environment["HOME"], stdout=-1, text=True, check=False)
        return done.returncode, done.stdout

    return run


def test_system_wide_preferences_are_written_by_root_alone(run: Callable[[str], tuple[int, str]]) -> None:
    domain = "/Library/Preferences/com.apple.commerce"

    code, said = run(f"defaults write {domain} AutoUpdate -bool true")
    assert (code, said.splitlines()[-1].endswith(f"Could not write domain {domain}; exiting")) == (1, True)
    assert run(f"defaults read {domain}")[0] == 1
    assert run(f"sudo defaults write {domain} AutoUpdate -bool true; defaults read {domain}") == (
        0,
        "{\n    AutoUpdate = 1;\n}\n",
    )
