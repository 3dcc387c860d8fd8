"""What root does on a Mac is steered by root alone: by its own record, and where nobody else can change a path."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from laptop import REFERENCE, Laptop, changes, snapshot

from macstate import cli, spec
from macstate.kernel import scripts
from macstate.kernel.steps import Aside, Delete, Step, Write
from macstate.kinds.launchd import Launchd
from macstate.language.facts import Facts
from macstate.rehearsal.mac import birth

ROOTS = "var/db/macstate/owned"
USERS = "Users/mmirvois/.local/state/macstate/owned"
SUDOERS = "private/etc/sudoers"


def as_root(mac: Path, *steps: Step | str) -> str:
    """Have root carry out these steps under its lock, on a rehearsal Mac."""
    lines = [step if isinstance(step, str) else step.line for step in steps]
    done = subprocess.run(
        ["/bin/sh", "-c", f"sudo sh -c {shlex.quote(scripts.apply())}"],
        env=birth.environment(mac),
        input="\n".join(["PAYLOAD", "lock /var/db/macstate 5 anna@macbook", *lines, "END"]),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("kind", ["file", "secret", "launchd/system", "serve", "firewall/allow"])
def test_the_users_record_removes_nothing_of_roots(laptop: Laptop, kind: str) -> None:
    laptop.command("sudo touch /etc/sudoers")
    target = {"launchd/system": "com.tailscale.tailscaled"}.get(kind, SUDOERS)
    record = laptop.mac() / USERS
    record.write_text(f"{record.read_text()}owned\t{kind}/{target}\tx\npending\tsecret/{target}\tx\n")
    before = snapshot(laptop.mac())

    outcome = laptop.run(REFERENCE)

    assert (outcome.failed, changes(outcome), outcome.commands) == (False, [], 1)
    assert snapshot(laptop.mac()) == before


def test_roots_record_names_nothing_of_the_users(laptop: Laptop) -> None:
    record = laptop.mac() / ROOTS
    record.write_text(f"{record.read_text()}owned\tmodel/ollama/qwen3:32b\tx\nowned\tunknown/x\tx\n")

    assert changes(laptop.run(REFERENCE)) == []


def test_root_removes_what_its_own_record_names_whatever_it_is_sent(laptop: Laptop) -> None:
    mac = laptop.mac()
    laptop.command("sudo touch /etc/sudoers")
    job = "launchd/system/macstate.gateway"
    outside: list[Step | str] = [
        Delete(f"file/{SUDOERS}", f"/{SUDOERS}"),
        Delete(job, f"/{SUDOERS}"),
        Delete("file/Library/macstate/etc/nginx.conf", "/Library/macstate/etc/nginx.conf/../../../../etc/sudoers"),
        Delete("guide/pages", f"/{SUDOERS}"),
        Delete("launchd/system/com.tailscale.tailscaled", "/Library/LaunchDaemons/com.tailscale.tailscaled.plist"),
        Aside("launchd/system/com.tailscale.tailscaled", "/Library/LaunchDaemons/com.tailscale.tailscaled.plist"),
        f"removes file/{SUDOERS} x",
    ]
    before = snapshot(mac)

    said = [as_root(mac, step) for step in outside]

    assert [line for line in said if not line.startswith("macstate: failed: ")] == []
    assert snapshot(mac) == before

    assert as_root(mac, Delete(job, "/Library/LaunchDaemons/macstate.gateway.plist")).startswith("macstate: done: ")
    assert not (mac / "Library/LaunchDaemons/macstate.gateway.plist").exists()


@pytest.mark.slow
def test_what_was_about_to_be_set_aside_when_a_run_was_cut_is_still_somebody_elses(laptop: Laptop) -> None:
    plist = laptop.mac() / "Library/LaunchDaemons/com.example.llm.plist"
    plist.write_text(FOREIGN)
    laptop.command("sudo launchctl bootstrap system /Library/LaunchDaemons/com.example.llm.plist")

    def killed(_: int, stdin: list[str]) -> list[str]:
        if any(line.startswith("aside ") for line in stdin):
            index = next(index for index, line in enumerate(stdin) if line.startswith("aside "))
            return [*stdin[:index], "kill -9 $$", *stdin[index:]]
        return stdin

    cut = laptop.run(REFERENCE, wire=killed, data={"allow": "takeover"})
    assert cut.failed
    assert "com.example.llm" not in (laptop.mac() / ROOTS).read_text()

    refused = laptop.run(REFERENCE)
    assert "--data allow=takeover" in " ".join(refused.said)
    assert plist.exists()

    assert not laptop.run(REFERENCE, data={"allow": "takeover"}).failed
    assert plist.with_name("com.example.llm.plist.before-macstate").exists()


FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>Label</key><string>com.example.llm</string>
<key>ProgramArguments</key><array><string>/usr/local/bin/llm</string><string>--port</string><string>11434</string></array>
</dict></plist>
"""


@pytest.mark.parametrize(
    ("folder", "prepare"),
    [
        ("/Users/mmirvois/conf", "mkdir /Users/mmirvois/conf"),
        ("/Users/Shared/conf", "sudo mkdir /Users/Shared/conf"),
        ("/opt/homebrew/etc", "mkdir -p /opt/homebrew/etc"),
        ("/usr/local/etc", "sudo chown mmirvois /usr/local/etc"),
        (
            "/usr/local/etc/conf",
            "sudo chown mmirvois /usr/local/etc; mkdir /usr/local/etc/conf; sudo chown root /usr/local/etc/conf",
        ),
        ("/usr/local/etc/not/yet/there", "sudo chown mmirvois /usr/local/etc"),
        ("/srv", 'ln -s /Users/mmirvois "$MACSTATE_ROOT"/srv'),
        ("/private/var/db/x", "sudo mkdir /private/var/db/x; sudo chmod 775 /private/var/db/x"),
    ],
)
def test_root_writes_nothing_where_somebody_else_could_change_the_path(
    laptop: Laptop, folder: str, prepare: str
) -> None:
    laptop.command(prepare)
    mac = laptop.mac()
    before = snapshot(mac)

    said = as_root(mac, Write(f"{folder}/note", b"root's", owner="root:wheel"))

    assert said.startswith(f"macstate: failed: {folder}/note: users other than root can change the folders above it")
    assert {place: text for place, text in snapshot(mac).items() if "note" in place} == {}
    assert snapshot(mac).keys() == before.keys()


def test_a_link_that_root_has_made_is_a_way_like_any_other(laptop: Laptop) -> None:
    assert as_root(laptop.mac(), Write("/etc/note", b"hello", owner="root:wheel")).startswith("macstate: done: ")
    assert (laptop.mac() / "private/etc/note").read_text() == "hello"


PLACES = {"Library/macstate/bin": "usr/local/libexec/macstate", "Library/macstate/etc": "usr/local/etc/macstate"}


def move(laptop: Laptop) -> None:
    """Put everything where it lay until November 2026, in folders of a user's."""
    mac = laptop.mac()
    record = (mac / ROOTS).read_text()
    for now, once in {**PLACES, "Library/macstate/guide": "usr/local/share/macstate/guide"}.items():
        laptop.command(f"sudo mkdir -p /{Path(once).parent}; sudo mv /{now} /{once}; sudo chown mmirvois /{once}")
        record = record.replace(now, once)
    (mac / ROOTS).write_text(record)
    laptop.command(
        "sudo chown mmirvois /usr/local/etc /usr/local/share /usr/local/libexec; sudo chmod 775 /usr/local/etc"
    )


@pytest.mark.slow
def test_what_lay_in_a_users_folder_once_moves_by_itself(laptop: Laptop) -> None:
    mac = laptop.mac()
    move(laptop)

    moved = laptop.run(REFERENCE)

    assert not moved.failed, moved.said
    assert not list((mac / "usr/local").rglob("*macstate*"))
    assert "/macstate/" not in (mac / ROOTS).read_text().replace("/Library/macstate/", "")
    for place in PLACES:
        assert list((mac / place).iterdir())
    assert changes(laptop.run(REFERENCE)) == []


@pytest.mark.slow
def test_links_where_something_of_ours_lay_once_go_alone(laptop: Laptop) -> None:
    mac = laptop.mac()
    move(laptop)
    (mac / "etc/motd").write_text("hello")
    for folder in ("usr/local/libexec/macstate", "usr/local/etc/macstate", "usr/local/share/macstate/guide"):
        for file in (mac / folder).iterdir():
            file.unlink()
            file.symlink_to(mac / "etc/motd")
    (mac / "Users/mmirvois/kept").mkdir()
    (mac / "usr/local/etc/macstate").rename(mac / "Users/mmirvois/kept/etc")
    (mac / "usr/local/etc/macstate").symlink_to(mac / "Users/mmirvois/kept/etc")

    moved = laptop.run(REFERENCE)

    assert not moved.failed, moved.said
    assert (mac / "etc/motd").read_text() == "hello"
    assert changes(laptop.run(REFERENCE)) == []


def test_nobody_but_root_can_change_what_root_runs_or_reads(laptop: Laptop) -> None:
    """Walks the permissions: of all that root's jobs run, and of all that the record names."""
    ours = [line.split("\t")[1] for line in (laptop.mac() / ROOTS).read_text().splitlines()]
    files = [f"/{name.partition('/')[2]}" for name in ours if name.startswith(("file/", "secret/"))]
    jobs = [
        f"/Library/LaunchDaemons/{name.rpartition('/')[2]}.plist" for name in ours if name.startswith("launchd/system/")
    ]
    programs = laptop.output(
        f"sudo cat {' '.join(jobs)} | sed -n 's,.*<string>\\(/Library/macstate[^<]*\\).*,\\1,p'"
    ).split()
    assert len(programs) > 1
    for path in {*files, *jobs, *programs, "/Library/macstate/guide/index.html", f"/{ROOTS}"}:
        owners = laptop.output(f"root=$MACSTATE_ROOT; {scripts.bare('way.sh')}\nway {path}")
        assert (path, owners) == (path, "0\n")
        mode = laptop.output(f"stat -f %Lp {path}").strip()
        assert not int(mode, 8) & 0o022, path


@pytest.mark.slow
def test_what_is_as_wished_is_adopted_where_the_record_is_lost(laptop: Laptop) -> None:
    mac = laptop.mac()
    records = {place: (mac / place).read_text() for place in (ROOTS, USERS)}
    (mac / ROOTS).unlink()
    (mac / USERS).write_text(records[USERS][:20])

    offered = laptop.run(REFERENCE)

    assert (offered.failed, changes(offered)) == (False, [])
    unmanaged = dict(offered.shown[0].plan.unmanaged)
    whole = [line for text in records.values() for line in text.splitlines() if line.startswith("owned")]
    owned = {line.split("\t")[1] for line in whole}
    assert {name for name in owned if "allow=adopt" in unmanaged[name]} == owned

    adopted = laptop.run(REFERENCE, data={"allow": "adopt"})

    assert not adopted.failed, adopted.said
    now = {line.split("\t")[1] for place in records for line in (mac / place).read_text().splitlines()}
    assert now >= owned
    assert changes(laptop.run(REFERENCE)) == []
    assert not laptop.run(
        "macs: {macstudio: {hostname: studio.tail1.ts.net, user: mmirvois}}", data={"allow": "removal"}
    ).failed


@pytest.mark.parametrize("holder", ["", "17", "17\t2026-11-26T10:00:00Z", "\t\t\t", "99999999\t2026\tx\ty", "\0\xff"])
def test_a_lock_that_was_signed_by_half_is_taken_over(laptop: Laptop, holder: str) -> None:
    lock = laptop.mac() / "var/db/macstate/lock"
    lock.mkdir()
    (lock / "holder").write_text(holder)

    assert as_root(laptop.mac()).splitlines()[-1].startswith("macstate: done: ")
    assert not lock.exists()


ROOTS_JOBS = """
macs: {macstudio: {hostname: macstudio.tail1234.ts.net, user: mmirvois}}
endpoints:
  one: {engine: rest, command: [/Users/mmirvois/one, "{port}"], port: 8101, user: root}
launchd:
  com.example.two: {command: [/private/etc/two], user: root}
  com.example.three: {command: [/private/etc/three], user: root}
  com.example.four: {command: [/private/etc/four], user: root}
"""


def test_what_roots_jobs_run_is_roots_alone_or_told(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link leads elsewhere, and a file may be a user's in a folder of root's."""
    laptop.command(
        'printf x >one; printf x >evil; chmod 755 one evil; ln -s ~/evil "$MACSTATE_ROOT/etc/two"; '
        "sudo cp /bin/echo /etc/three; sudo cp /bin/echo /etc/four; sudo chmod 755 /etc/three /etc/four; "
        "sudo chown root /etc/four; sudo chown mmirvois /etc/three"
    )
    monkeypatch.setenv("MACSTATE_SPEC", str(laptop.folder / "roots.yml"))
    monkeypatch.setenv("MACSTATE_REHEARSAL", str(laptop.folder / "macs"))
    (laptop.folder / "roots.yml").write_text(ROOTS_JOBS)

    said = CliRunner().invoke(cli.macstate, ["doctor", "@rehearsal/macstudio"]).output

    told = re.findall(r"warning +(\S+): root runs", said)
    assert sorted(told) == ["endpoints.one", "launchd.com.example.three", "launchd.com.example.two"]


def test_a_job_of_roots_has_roots_home_and_path() -> None:
    facts = Facts(user="mmirvois", home="/Users/mmirvois")
    for job in spec.parse(ROOTS_JOBS, "macs.yml").for_host("macstudio").expand(facts).values():
        plist = job.file if isinstance(job, Launchd) else None
        if plist and plist["UserName"] == "root":
            assert plist["EnvironmentVariables"]["HOME"] == plist["WorkingDirectory"] == "/var/root"
            assert plist["EnvironmentVariables"]["PATH"] == "/usr/bin:/bin:/usr/sbin:/sbin"
            assert plist["StandardOutPath"].startswith("/var/root/Library/Logs/")


@pytest.mark.slow
def test_a_record_and_plists_that_have_no_end_do_not_stop_a_look(laptop: Laptop) -> None:
    mac = laptop.mac()
    agents = mac / "Users/mmirvois/Library/LaunchAgents"
    agents.mkdir(exist_ok=True)
    os.mkfifo(agents / "com.pipe.plist")
    (agents / "com.zero.plist").symlink_to("/dev/zero")
    os.mkfifo(mac / "Users/mmirvois/pipe")
    record = mac / USERS
    record.write_text(f"{record.read_text()}owned\tfile/Users/mmirvois/pipe\tx\nowned\tsecret/Users/mmirvois/pipe\tx\n")
    begun = time.monotonic()
    assert changes(laptop.run(REFERENCE)) == []
    record.write_bytes(b"\0" * 50_000_000)
    laptop.run(REFERENCE)
    record.unlink()
    os.mkfifo(record)
    laptop.run(REFERENCE)
    assert time.monotonic() - begun < 60
