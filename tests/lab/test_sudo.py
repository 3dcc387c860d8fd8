"""Root through the real sudo, as a local user: without a password, with one, with a wrong one, and with no terminal.

Each run is pyinfra's own command with deploy.py, at -vvv, on a rehearsal Mac whose sudo is this machine's. The remote
commands run as a throw-away local user, in a session without a terminal, once as a rehearsal's and once over SSH.
"""

from __future__ import annotations

import os
import plistlib
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from gevent import monkey
from lab.machine import Processes, local_user, reachable_python
from lab.sshd import Sshd, keygen, sshd

from macstate.rehearsal.mac import birth

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
PASSWORD = "correct-horse-battery-7261"  # noqa: S105 - of a user who lives for some seconds
WRONG = "wrong-horse-battery-7262"
ASKED = "for sudo: "
VERIFIED = "verified: nothing is left to change"
SUDO = '#!/bin/sh\nMACSTATE_AS=root exec /usr/bin/sudo "$@"\n'  # MACSTATE_AS makes the simulated tools root's
SESSION = """\
#!/bin/sh
cd /
exec env -i {words} /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"""
SPEC = """
macs: {macstudio: {hostname: studio.local, user: USER, ssh: openssh, identity_file: ~/.ssh/key}}
power: {ac: {sleep: 0}}
launchd: {lab.proof: {command: [/opt/homebrew/bin/proof]}}
"""


@dataclass
class Lab:
    """A user of this machine, and a rehearsal Mac that is theirs."""

    user: str
    python: str
    folder: Path
    sudoers: Path
    server: Sshd | None = None
    """The way to the Mac, if it is not a rehearsal's."""

    @property
    def mac(self) -> Path:
        """Where the Mac lies."""
        return self.folder / "macs/macstudio"

    @property
    def plist(self) -> Path:
        """What only root writes."""
        return self.mac / "Library/LaunchDaemons/lab.proof.plist"

    def allow(self, *rules: str) -> None:
        """Let the user use sudo by these rules; sudo's log goes to the folder, not to the machine's."""
        kept = '"MACSTATE_ROOT MACSTATE_AS PATH"'
        defaults = f"env_keep += {kept}, !secure_path, !lecture, !syslog, logfile={self.folder}/sudo.log"
        lines = [f"Defaults:{self.user} {defaults}", *(f"{self.user} ALL=(ALL:ALL) {rule}" for rule in rules)]
        self.sudoers.write_text("\n".join(lines) + "\n")
        self.sudoers.chmod(0o440)

    def run(self, *options: str, answer: str | None = None) -> tuple[str, str]:
        """Run deploy.py, on a terminal where there is an answer; give its output, and all process lists meanwhile."""
        driver = [sys.executable, __file__, self.user, self.python]
        rehearsed = [*driver, "@rehearsal/macstudio"]
        over_ssh = [str(Path(sys.executable).with_name("pyinfra")), "@mac/macstudio"]
        words = [*(over_ssh if self.server else rehearsed), "deploy.py", "-vvv", "--debug", *options]
        places = {"MACSTATE_SPEC": str(self.folder / "macs.yml"), "MACSTATE_REHEARSAL": str(self.folder / "macs")}
        places["PYTHONPATH"] = str(ROOT / "tests")  # of this very file, which is the driver
        places["HOME"] = str(self.folder / "home")
        with Processes() as processes:
            output = in_the_dark(words, places) if answer is None else on_a_terminal(words, places, answer)
        return output, "".join(processes.seen)

    def sleep_timer(self) -> str:
        """Read what pmset shows."""
        environment = {"MACSTATE_ROOT": str(self.mac), "PATH": f"{self.mac}/usr/bin:{self.mac}/bin"}
        shown = subprocess.run(
            [self.mac / "usr/bin/pmset", "-g", "custom"], env=environment, capture_output=True, text=True, check=True
        )
        return next(line.split()[1] for line in shown.stdout.splitlines() if line.split()[:1] == ["sleep"])

    def files(self) -> dict[str, bytes]:
        """Give every file of the Mac, but for the tools' own notes."""
        files = (path for path in self.mac.rglob("*") if path.is_file() and not path.is_symlink())
        return {str(path): path.read_bytes() for path in files if path.name not in {"calls", "lock"}}

    def holding(self, text: str) -> list[Path]:
        """List the files that hold a text: sudo's log, and all of the Mac."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())
        return [path for path in files if text.encode() in path.read_bytes()]


def in_the_dark(words: list[str], places: dict[str, str]) -> str:
    """Run without a terminal."""
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **places},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        check=False,
        timeout=60,
    )
    return done.stdout


def on_a_terminal(words: list[str], places: dict[str, str], answer: str) -> str:
    """Type the answer once, when sudo's password is asked for."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.execve(words[0], words, {**os.environ, **places})  # noqa: S606 - a terminal of its own, no shell
    output, typed = b"", False
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            output += os.read(terminal, 65536)
        except OSError:  # it has ended
            break
        if not typed and ASKED.encode() in output:
            os.write(terminal, answer.encode() + b"\n")
            typed = True
    else:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(terminal)
    return output.decode(errors="replace")


@pytest.fixture(scope="module")
def user() -> Iterator[str]:
    """A local user with a password."""
    with local_user("-m") as name:
        subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}", text=True, check=True)
        yield name


@pytest.fixture(scope="module")
def fresh(user: str) -> Iterator[Lab]:
    """A lab with its Mac made, in a folder that the user can enter (pytest's own are root's alone)."""
    folder = Path(tempfile.mkdtemp(prefix="macstate-lab-", dir="/tmp"))
    fresh = Lab(user, reachable_python(user), folder, Path(f"/etc/sudoers.d/{user}"))
    try:
        folder.chmod(0o755)
        (folder / "macs.yml").write_text(SPEC.replace("USER", user))
        fresh.allow("ALL")
        made, _ = fresh.run("--dry")
        assert "Plan: 1 to add, 1 to change, 0 to remove." in made, made
        yield fresh
    finally:
        fresh.sudoers.unlink(missing_ok=True)
        shutil.rmtree(folder)


@pytest.fixture(params=["rehearsal", "ssh"])
def lab(fresh: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The same with a Mac that is as new, owners and all, where sudo wants a password; reached in both ways."""
    kept, macs = fresh.folder / "kept", fresh.mac.parent
    if not kept.exists():
        macs.rename(kept)
    shutil.rmtree(macs, ignore_errors=True)
    subprocess.run(["cp", "-a", kept, macs], check=True)
    (fresh.folder / "sudo.log").unlink(missing_ok=True)
    fresh.allow("ALL")
    if request.param == "rehearsal":
        yield fresh
        return
    home, server = fresh.folder / "home", fresh.folder / "sshd"
    for folder in (home, server):
        shutil.rmtree(folder, ignore_errors=True)
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    session = fresh.folder / "session"
    session.write_text(SESSION.format(words=shlex.join(f"{k}={v}" for k, v in birth.environment(fresh.mac).items())))
    session.chmod(0o755)
    more = f"ForceCommand {session}\nLogLevel DEBUG1\nMaxSessions {1 if request.param == 'one' else 10}"
    with sshd(server, fresh.user, keygen(home / ".ssh/key"), more=more) as started:
        (home / ".ssh/config").write_text(f"Host studio.local\nHostName 127.0.0.1\nPort {started.port}\n")
        (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{started.port} {started.host_key}")
        yield replace(fresh, server=started)


def assert_changed(lab: Lab, output: str) -> None:
    """Everything is as the spec says, and root wrote it."""
    assert VERIFIED in output, output
    assert lab.sleep_timer() == "0"
    assert plistlib.loads(lab.plist.read_bytes())["ProgramArguments"] == ["/opt/homebrew/bin/proof"]
    for file in (lab.plist, lab.mac / "var/db/macstate/owned"):
        assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (0, 0o644)


def assert_secret(lab: Lab, password: str, output: str, processes: str) -> None:
    """The password is nowhere, and we have looked where sudo was."""
    assert "sudo -H -S -k -p" in processes
    assert "sudo -H -S -k -p" in output
    assert "COMMAND=" in (lab.folder / "sudo.log").read_text()
    assert password not in processes
    assert password not in output
    assert lab.holding(password) == []


def assert_one_line(text: str, output: str) -> None:
    """It is said once, without a traceback, and pyinfra did not ask on its own account."""
    assert output.count(text) == 1, output
    assert "Traceback" not in output
    assert "sudo password: " not in output


def test_without_a_password(lab: Lab) -> None:
    lab.allow("NOPASSWD: ALL")
    assert lab.sleep_timer() == "1"
    output, processes = lab.run("-y")
    assert_changed(lab, output)
    assert ASKED not in output
    assert "sudo -H -n" in processes


def test_with_a_password(lab: Lab) -> None:
    output, processes = lab.run("-y", answer=PASSWORD)
    assert_changed(lab, output)
    assert output.count(ASKED) == 1  # and not once a change
    assert "sudo password: " not in output  # pyinfra's own question
    assert_secret(lab, PASSWORD, output, processes)


def test_a_wrong_password_changes_nothing(lab: Lab) -> None:
    before = lab.files()
    output, processes = lab.run("-y", answer=WRONG)
    assert_one_line("sudo did not accept the password; nothing was changed", output)
    assert output.count(ASKED) == 1
    assert lab.files() == before
    assert_secret(lab, WRONG, output, processes)


def test_without_a_terminal_nothing_is_changed(lab: Lab) -> None:
    before = lab.files()
    output, _ = lab.run("-y")
    assert_one_line("there is no terminal to type it in", output)
    assert ASKED not in output
    assert lab.files() == before


def test_a_password_that_sudo_does_not_want_never_becomes_payload(lab: Lab) -> None:
    """The probe and the check want one; the script that changes the Mac is free, and finds it on its input."""
    lab.allow("ALL", f"NOPASSWD: {lab.mac}/bin/sh", f"PASSWD: {lab.mac}/bin/sh -c true")
    output, processes = lab.run("-y", answer=PASSWORD)
    assert_changed(lab, output)
    assert output.count(ASKED) == 1
    assert_secret(lab, PASSWORD, output, processes)


def test_a_password_that_is_wanted_after_all_is_not_asked_for_by_pyinfra(lab: Lab) -> None:
    """The probe finds sudo free, the script that changes the Mac does not: pyinfra would ask, and run it again."""
    lab.allow("ALL", f"NOPASSWD: {lab.mac}/bin/sh -c true")
    before = lab.files()
    output, _ = lab.run("-y", answer=PASSWORD)
    assert_one_line("sudo refused, and nothing was done (sudo: a password is required)", output)
    assert ASKED not in output
    assert lab.files() == before


@pytest.mark.parametrize("lab", ["ssh"], indirect=True)
def test_each_command_is_a_channel(lab: Lab) -> None:
    """A run with changes has one for the probe, one for all of root's changes, one to verify, and one to spare."""
    lab.allow("NOPASSWD: ALL")
    assert lab.server

    output, _ = lab.run("-y")
    assert_changed(lab, output)
    opened, commands = lab.server.channels()
    assert opened == commands + 1
    assert 3 <= commands <= 4  # pmset may need a moment until it shows the change, which is another reading
    output, _ = lab.run("-y")
    assert "No changes." in output
    assert lab.server.channels() == (opened + 1, commands + 1)


@pytest.mark.parametrize("lab", ["one"], indirect=True)
def test_a_mac_that_takes_one_command_at_a_time(lab: Lab) -> None:
    """The script that stays makes room, and is started again for what is told the journal in the end."""
    output, processes = lab.run("-y", answer=PASSWORD)
    assert_changed(lab, output)
    assert_secret(lab, PASSWORD, output, processes)


def play_pyinfra(user: str, python: str) -> None:
    """Be pyinfra's command, with rehearsals whose remote commands run as the user, and whose sudo is the real one."""
    from pyinfra.api.command import QuoteString, StringCommand  # noqa: PLC0415 - only this process may be patched
    from pyinfra.connectors.local import LocalConnector  # noqa: PLC0415
    from pyinfra_cli.main import main  # noqa: PLC0415

    from macstate.rehearsal import connector  # noqa: PLC0415
    from macstate.rehearsal.mac import launchers  # noqa: PLC0415

    class AsUser(LocalConnector):
        def run_shell_command(self, command: StringCommand, *rest: Any, **arguments: Any) -> Any:
            inside = QuoteString(command.get_raw_value())
            words = StringCommand("setsid --wait runuser -u", user, "-- /bin/sh -c", inside)
            return super().run_shell_command(words, *rest, **arguments)

    class RealSudo(connector.RehearsalConnector, AsUser):
        def connect(self) -> None:
            new = not (connector.folder() / self.host.name).exists()
            super().connect()
            tools = connector.folder().parent / "tools"  # the repository may lie where the user cannot read
            shutil.copytree(Path(launchers.__file__).parent, tools / "mac", dirs_exist_ok=True)
            for place, _ in launchers.scripts(sys.executable):
                file = self.root / place
                here = file.read_text().replace(str(Path(launchers.__file__).resolve().parent), str(tools / "mac"))
                file.write_text(here.replace(launchers.quoted(sys.executable), launchers.quoted(python)))
            (self.root / "usr/bin/sudo").write_text(SUDO)
            if new:
                subprocess.run(["chown", "-R", f"{user}:", self.root], check=True)

    connector.RehearsalConnector = RealSudo  # type: ignore[misc]
    main()


if __name__ == "__main__":
    monkey.patch_all()
    _, name, interpreter, *sys.argv[1:] = sys.argv
    play_pyinfra(name, interpreter)
