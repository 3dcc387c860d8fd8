"""The program that carries out a change, under each shell: what no tool of a rehearsal does."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import pytest

from macstate.kernel import scripts
from macstate.rehearsal.mac.processes import began

ROOTS = "/var/db/macstate"
STAT = "#!/bin/sh\nshift 2\nfor each; do stat -Lc '%u %a' \"$each\" || exit; done\n"
"""As macOS' own answers to `stat -Lf '%u %Lp'`."""
DEAD = "99999999\t2026-11-26T10:00:00Z\tnever\tanna"


@dataclass
class Mac:
    """A root with this machine's tools, some of which behave otherwise."""

    root: Path
    shell: Path

    def tool(self, name: str, text: str) -> None:
        file = self.root / "usr/bin" / name
        file.write_text(text.replace("\nfor each", f"\nPATH={os.environ['PATH']}\nfor each"))
        file.chmod(0o755)

    def start(self, *lines: str, lock: str = f"lock {ROOTS} 1 anna", **more: str) -> subprocess.Popen[str]:
        environment = {"MACSTATE_ROOT": str(self.root), "HOME": str(self.root / "home"), **more}
        done = subprocess.Popen(
            [str(self.shell / "sh"), "-c", scripts.apply()],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert done.stdin
        done.stdin.write("\n".join(("PAYLOAD", lock, *lines, "END", "")))
        done.stdin.close()
        return done

    def run(self, *lines: str, **more: str) -> str:
        """Carry out; give what is said, which comes soon."""
        begun = time.monotonic()
        done = self.start(*lines, **more)
        try:
            assert done.stdout
            said = done.stdout.read()
            done.wait(20)
        finally:
            done.kill()
        assert time.monotonic() - begun < 20
        return "".join(line for line in said.splitlines(keepends=True) if not line.startswith("macstate: record: "))


@pytest.fixture
def mac(tmp_path: Path, shell: Path) -> Mac:
    for folder in ("usr/bin", "var/db/macstate", "etc", "home"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder).chmod(0o755)
    (tmp_path / "bin").symlink_to("/usr/bin")
    (tmp_path / "usr/bin/awk").symlink_to(shell / "awk")
    mac = Mac(tmp_path, shell)
    mac.tool("stat", STAT)
    return mac


def written(path: str, text: str) -> str:
    return shlex.join(("write", path, "0644", "", str(len(text)), b64encode(text.encode()).decode()))


def test_what_is_there_already_and_in_no_record_is_not_overwritten(mac: Mac) -> None:
    """A folder of root's hides it from the look, which is the user's."""
    file, link = mac.root / "etc/hidden", mac.root / "etc/link"
    file.write_text("somebody's")
    link.symlink_to("/nowhere")
    why = "already exists: macstate did not make it, and could not see it before; move it away, or take it out of the"
    for path in ("/etc/hidden", "/etc/link"):
        said = mac.run(f"record pending file{path} -", written(path, "ours"))
        assert said == f"macstate: failed: {path} {why} spec\n"
    assert file.read_text() == "somebody's"
    assert link.is_symlink()

    assert not (mac.root / "var/db/macstate/owned").exists()
    said = mac.run("takes file/etc/hidden", "record pending file/etc/hidden -", written("/etc/hidden", "ours"))
    assert said.startswith("macstate: done: ")
    said = mac.run("record pending file/etc/hidden -", written("/etc/hidden", "again"))
    assert (said[:15], file.read_text()) == ("macstate: done:", "again")


@pytest.mark.parametrize(
    "steps",
    [
        [written("/etc/x", "ours")],
        ["same eA== 'it has changed' printf y", written("/etc/x", "ours")],
        ["run 0 '' '' '' true", written("/etc/x", "ours")],
    ],
    ids=["what is there", "what is not as it was", "what comes behind another step"],
)
def test_what_was_refused_is_in_no_record(mac: Mac, steps: list[str]) -> None:
    """Else the next run would take somebody else's file for one that was cut off in the middle of being written."""
    (mac.root / "etc/x").write_text("somebody's")
    assert mac.run("record pending file/etc/mine -", written("/etc/mine", "ours"), "record owned file/etc/mine -")
    record = (mac.root / "var/db/macstate/owned").read_text()

    for _ in range(2):
        said = mac.run("record pending file/etc/x -", *steps)

        assert said.startswith("macstate: failed: ")
        assert (mac.root / "etc/x").read_text() == "somebody's"
        assert (mac.root / "var/db/macstate/owned").read_text() == record


def test_of_a_document_that_is_not_as_it_was_nothing_is_recorded(mac: Mac) -> None:
    begun = ("record pending serve/443/x a", "record pending serve/443/y b")

    said = mac.run(*begun, "same eA== 'it has changed' printf y")

    assert said == "macstate: failed: it has changed\n"
    assert not (mac.root / "var/db/macstate/owned").exists()


def test_what_was_allowed_to_be_taken_and_is_refused_is_in_no_record(mac: Mac) -> None:
    (mac.root / "etc/x").write_text("somebody's")

    said = mac.run("takes file/etc/x", "record pending file/etc/x -", f"{written('/etc/x', 'ours')} false")

    assert "false refuses the new file, and the old one stays" in said
    assert not (mac.root / "var/db/macstate/owned").exists()


def test_what_has_begun_and_failed_stays_recorded(mac: Mac) -> None:
    said = mac.run("record pending file/etc/x a", written("/etc/x", "ours"), "run 0 '' '' '' false")

    assert said.startswith("macstate: failed: ")
    assert (mac.root / "var/db/macstate/owned").read_text() == "pending\tfile/etc/x\ta\n"


def test_what_is_set_aside_is_what_its_id_means(mac: Mac) -> None:
    (mac.root / "etc/sudoers").write_text("x")
    said = mac.run("takes launchd/system/a", "aside launchd/system/a /etc/sudoers")
    assert said == "macstate: failed: /etc/sudoers is not part of launchd/system/a\n"
    assert (mac.root / "etc/sudoers").exists()


def test_a_journal_that_cannot_be_replaced_is_one_line(mac: Mac) -> None:
    """A file that is locked in Finder; telling the journal of it would fail as it did."""
    mac.tool("mv", f'#!/bin/sh\ncase $* in *{ROOTS}/journal*) exit 1 ;; esac\nexec /bin/mv "$@"\n')
    said = mac.run("record owned file/etc/a x", "journal r0 e30= applied")
    assert said.splitlines()[-1] == "macstate: failed: the journal cannot be replaced"


@pytest.mark.parametrize("name", ["journal", "owned"])
def test_a_folder_in_the_place_of_a_file_of_ours_is_told(mac: Mac, name: str) -> None:
    (mac.root / "var/db/macstate" / name).mkdir()
    said = mac.run("record pending file/etc/a -", "journal r0 e30= applied")
    assert said.splitlines()[-1].startswith("macstate: failed: "), said


def test_a_lock_that_cannot_be_taken_over_is_told(mac: Mac) -> None:
    lock = mac.root / "var/db/macstate/lock"
    lock.mkdir()
    (lock / "holder").write_text(DEAD)
    mac.tool("mv", '#!/bin/sh\necho "mv: Operation not permitted" >&2\nexit 1\n')
    said = mac.run()
    why = "the lock of a run that has ended cannot be taken over: is /var/db/macstate locked in Finder?"
    assert said == f"macstate: failed: {why}\n"


def test_a_lock_whose_holder_is_a_pipe_is_taken_over(mac: Mac) -> None:
    lock = mac.root / "var/db/macstate/lock"
    lock.mkdir()
    os.mkfifo(lock / "holder")
    assert mac.run().splitlines()[-1].startswith("macstate: done: ")


def test_a_holder_that_has_ended_and_is_not_buried_yet_holds_nothing(mac: Mac) -> None:
    """Its number and its beginning are still told by ps."""
    with subprocess.Popen(["sleep", "60"]) as holder:
        lock = mac.root / "var/db/macstate/lock"
        lock.mkdir()
        (lock / "holder").write_text(f"{holder.pid}\t2026-11-26T10:00:00Z\t{began(holder.pid)}\tanna")
        assert "another run holds the lock: anna" in mac.run()

        holder.kill()  # and nobody waits for it

        assert "took over the lock of anna" in mac.run()


def test_a_lock_holds_whatever_time_zone_its_run_has(mac: Mac) -> None:
    first = mac.start("run 0 '' '' '' sleep 15", TZ="UTC")
    try:
        holder = mac.root / "var/db/macstate/lock/holder"
        while not holder.exists():
            time.sleep(0.05)
        assert "another run holds the lock: anna" in mac.run(TZ="Asia/Tokyo")
    finally:
        os.killpg(first.pid, 9)
        first.wait(5)


def test_a_link_on_the_way_that_its_owner_can_lead_elsewhere_is_told(mac: Mac) -> None:
    (mac.root / "home").chmod(0o777)
    (mac.root / "etc/mine").mkdir()
    (mac.root / "home/onward").symlink_to("../etc/mine")
    (mac.root / "etc/link").symlink_to("../home/onward")
    (mac.root / "etc/round").symlink_to("round")
    for path in ("/etc/link/x", "/etc/round/x"):
        assert "users other than root can change the folders above it" in mac.run(written(path, "x"))
    assert mac.run(written("/etc/mine/x", "x")).startswith("macstate: done: ")
    assert mac.run(written("/etc/not/yet/x", "x")).startswith("macstate: done: ")


def test_what_prints_without_end_is_cut_and_keeps_its_status(mac: Mac) -> None:
    bounded = scripts.bare("bounded.sh")
    script = f"{bounded}\ncapped sh -c 'echo a; exit 7'; echo $?; capped echo b; echo $?; capped yes | wc -c"
    done = subprocess.run(
        [str(mac.shell / "sh"), "-c", script], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout.split() == ["a", "7", "b", "0", "4000000"]
    nothing = f"{bounded}\nfor each in /dev/zero /nowhere /tmp; do text $each || echo no; done"
    done = subprocess.run(
        [str(mac.shell / "sh"), "-c", nothing], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout.split() == ["no", "no", "no"]


HANGS = """#!/bin/sh
trap '' TERM
echo $$ >>"$HOME/pids"
sleep 300 &
echo $! >>"$HOME/pids"
wait
"""


def test_a_deadline_ends_what_heeds_no_term_and_all_that_came_of_it(mac: Mac) -> None:
    mac.tool("hangs", HANGS)

    begun = time.monotonic()
    said = mac.run("run '0 124' '' '' '' within 1 hangs", "say here")

    pids = (mac.root / "home/pids").read_text().split()
    assert ("here" in said.splitlines(), len(pids)) == (True, 2)
    assert 1 <= time.monotonic() - begun < 4
    assert [pid for pid in pids if began(int(pid))] == []


def test_a_command_that_ends_in_time_keeps_its_status_and_its_words(mac: Mac) -> None:
    mac.tool("says", '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n')

    said = mac.run("run 0 '' '' '' within 9 says 'a  b'")

    assert said == "macstate: failed: within 9 says a  b ended with 3: a  b \n"
