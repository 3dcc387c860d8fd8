"""A rehearsal Mac whose files belong to whom they belong to on a Mac: a throw-away local user, and real sudo."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import build, watched
from lab.machine import local_user, reachable_python, remove
from laptop import Laptop, Outcome, Watched
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.connectors.local import LocalConnector

import macstate.rehearsal.mac
from macstate.rehearsal import connector
from macstate.rehearsal.mac import birth
from macstate.spec import parse

TOOLS = Path(macstate.rehearsal.mac.__file__).parent
OWNERS = """
import os

def of(mac, file):
    found = os.lstat(file)
    return found.st_uid, found.st_gid

def give(mac, file, owner, group):
    os.lchown(file, -1 if owner is None else owner, -1)
"""
"""Owners as they are: what the simulation keeps in its memory, because nobody but root can give files away, is real."""
MAKE = """\
import json, sys
from pathlib import Path
tools, root, user, uid, name, programs, ports = sys.argv[1:]
sys.path.insert(0, tools)
from mac import birth
birth.create(Path(root), user=user, dns_name=name, programs=json.loads(programs))
file = Path(root, ".mac/state.json")
known = {"uid": int(uid), "console": user, "ports": json.loads(ports)}
file.write_text(json.dumps({**json.loads(file.read_text()), **known}))
"""
SUDO = """\
#!/bin/sh
options= user=root
while :; do
  case ${{1-}} in
    -u) user=$2 && shift 2 ;;
    --) shift && break ;;
    -*) options="$options $1" && shift ;;
    *) break ;;
  esac
done
if [ "$user" = root ]; then
  MACSTATE_AS=root exec /usr/bin/sudo $options -- {watch} "$@" # it makes the simulated tools root's
fi
unset MACSTATE_AS
case $1 in "$MACSTATE_ROOT"/*) ;; /*) program=$MACSTATE_ROOT$1 && shift && set -- "$program" "$@" ;; esac
exec /usr/bin/sudo $options -u "$user" -- "$@"
"""
STRACE = '{strace} -ff -qq -y --seccomp-bpf -e signal=none -e trace={calls} -o "{folder}/$(/bin/date +%s%N)"'
SECONDS = 60
"""However the user tries to hold root up: any one command of root's is done by then."""


@dataclass
class OwnedMac:
    """The Mac, and the user who has a session on it."""

    user: str
    uid: int
    laptop: Laptop
    python: str
    sent: list[list[str]] = field(default_factory=list)
    """What was sent to root since the last look, command by command."""

    @property
    def kept(self) -> Path:
        """Where a copy of it can lie, which its user cannot enter."""
        return self.laptop.folder / "aside/macstudio"

    @property
    def root(self) -> Path:
        """The Mac's own /."""
        return self.laptop.mac()

    def make(self, spec: str) -> None:
        """Make it: everything is root's but what is a user's on a Mac with an old Homebrew."""
        tools = self.laptop.folder / "tools"
        shutil.copytree(TOOLS, tools / "mac", ignore=shutil.ignore_patterns("__pycache__"))
        with (tools / "mac/owners.py").open("a") as owners:
            owners.write(OWNERS)
        subprocess.run([self.python, "-I", "-m", "compileall", "-q", tools], check=True)
        read = parse(spec, "macs.yml")
        entries, name = read.for_host("macstudio").entries, read.macs["macstudio"].hostname
        known = (json.dumps(each(entries)) for each in (connector.programs, connector.ports))
        words: list[str | Path] = [
            self.python,
            "-I",
            "-c",
            MAKE,
            tools,
            self.root,
            self.user,
            str(self.uid),
            name,
            *known,
        ]
        subprocess.run(words, check=True)
        for name in ("calls", "lock"):  # whoever runs a tool writes there
            (self.root / ".mac" / name).touch()
            (self.root / ".mac" / name).chmod(0o666)
        theirs = [self.root / place for place in (f"Users/{self.user}", "opt/homebrew", "usr/local", ".mac")]
        subprocess.run(["chown", "-R", f"{self.user}:", *theirs], check=True)
        self.kept.parent.mkdir(mode=0o700)
        self.watch(None)

    def watch(self, folder: Path | None) -> None:
        """Have a file for each process that root starts tell what it does; None: no more."""
        strace = build.machine_has("strace")
        words = STRACE.format(strace=strace, calls=watched.CALLS, folder=folder) if folder else ""
        (self.root / "usr/bin/sudo").write_text(SUDO.format(watch=words))

    def run(self, spec: str, **more: Any) -> Outcome:
        """Run deploy.py against it."""
        return self.laptop.run(spec, wire=self._note, **more)

    def _note(self, _: int, stdin: list[str]) -> list[str]:
        if stdin[1:2] and stdin[1].startswith("lock /var/"):
            self.sent.append(stdin)
        return stdin

    def plays(self, script: str, stdin: str) -> str:
        """Run a Python script as the user, without any right."""
        return self._as_user([self.python, "-I", "-S", "-c", script], stdin)

    def as_user(self, *words: str | Path, stdin: str = "") -> str:
        """Run a program in the user's session, who may use sudo there."""
        variables = (f"{name}={value}" for name, value in birth.environment(self.root).items())
        return self._as_user(["env", "-i", *variables, *map(str, words)], stdin)

    def _as_user(self, words: list[str], stdin: str) -> str:
        command = subprocess.Popen(
            ["runuser", "-u", self.user, "--", *words],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            return command.communicate(stdin, timeout=SECONDS)[0]
        except subprocess.TimeoutExpired:
            os.killpg(command.pid, signal.SIGKILL)
            raise

    def as_root(self, script: str, payload: Sequence[str]) -> str:
        """Send root a script and its input, as a run does."""
        return self.as_user(self.root / "usr/bin/sudo", "-n", "sh", "-c", script, stdin="\n".join(payload))

    def daemon(self, *words: str, **variables: str) -> str:
        """Run a program of the Mac as launchd runs root's."""
        path = ":".join(f"{self.root}{folder}" for folder in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"))
        given = {**variables, "LC_ALL": "C", "MACSTATE_AS": "root", "MACSTATE_ROOT": str(self.root), "PATH": path}
        words = ("/usr/bin/env", "-i", *(f"{name}={value}" for name, value in given.items()), *words)
        return self.as_user(self.root / "usr/bin/sudo", "-n", "sh", "-c", shlex.join(words))


def session(user: str, folder: Path) -> type[Watched]:
    """Give the connector whose remote commands run as this user, on the Mac as it is."""

    class AsUser(LocalConnector):
        def run_shell_command(self, command: StringCommand, *rest: Any, **arguments: Any) -> Any:
            inside = QuoteString(command.get_raw_value())
            words = StringCommand("setsid --wait runuser -u", user, "-- /bin/sh -c", inside)
            return super().run_shell_command(words, *rest, **arguments)

    class Session(Watched, AsUser):
        def connect(self) -> None:
            self.root = folder / self.host.name
            self.key_folder = folder / ".keys" / self.host.name

    return Session


@contextmanager
def owned_mac(spec: str) -> Iterator[OwnedMac]:
    """Give such a Mac, in a folder that its user can enter (pytest's own are root's alone); USER is who that is."""
    folder = Path(tempfile.mkdtemp(prefix="macstate-lab-", dir="/tmp"))
    home = folder / "macs/macstudio/Users"
    try:
        folder.chmod(0o755)
        with local_user("-M", "-b", str(home)) as user, free_sudo(user, folder):
            laptop = Laptop(folder, connector=session(user, folder / "macs"))
            mac = OwnedMac(user, pwd.getpwnam(user).pw_uid, laptop, reachable_python(user))
            mac.make(spec.replace("USER", user))
            yield mac
    finally:
        remove(folder)


@contextmanager
def free_sudo(user: str, folder: Path) -> Iterator[None]:
    """Let the user become root without a password, and root the user; sudo's log goes to the folder."""
    sudoers = Path(f"/etc/sudoers.d/{user}")
    options = (
        f'env_keep += "MACSTATE_ROOT MACSTATE_AS PATH", !secure_path, !lecture, !syslog, logfile={folder}/sudo.log'
    )
    try:
        sudoers.write_text(
            f"Defaults:{user} {options}\nDefaults>{user} {options}\n{user} ALL=(ALL:ALL) NOPASSWD: ALL\n"
        )
        sudoers.chmod(0o440)
        yield
    finally:
        sudoers.unlink(missing_ok=True)
