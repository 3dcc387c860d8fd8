"""Rehearsal Macs behind a real sshd on loopback, and a laptop with a home of its own.

A Mac's tools can be made to answer at once: each is a Python program, which takes longer than the tool on a Mac, and so
would hide what the way to the Mac costs. What they answer is recorded anew each time.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from delay import Delayed
from lab.machine import local_user, reachable_python, remove
from lab.sshd import keygen, sshd

import macstate.rehearsal.mac
from macstate.rehearsal import connector
from macstate.rehearsal.mac import birth, launchers
from macstate.spec import parse

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent / "peers"
TOOLS = Path(macstate.rehearsal.mac.__file__).parent
HOST = "macstudio"
"""What the laptop's SSH calls the Mac, whichever of the Macs it leads to just now."""
FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec", "usr/libexec/ApplicationFirewall", "usr/local/bin")
"""Where a Mac has its tools."""
ITS_OWN = {"readlink"}
"""Helpers whose answer differs on the machine that this runs on: recorded like a tool."""
NEVER = {"rehearse"}
"""What no Mac has."""
DAEMON = "Library/LaunchDaemons/com.tailscale.tailscaled.plist"
MAKE = """\
import json, sys
from pathlib import Path
tools, root, user, name, programs, ports = sys.argv[1:]
sys.path.insert(0, tools)
from mac import birth
birth.create(Path(root), user=user, dns_name=name, programs=json.loads(programs))
birth.refresh(Path(root), programs=json.loads(programs), python=sys.executable, ports=json.loads(ports))
"""
SESSION = """\
#!/bin/sh
. {session}
cd "$HOME"
exec $METER /bin/sh "$@"
"""
"""The user's login shell: it makes a session one of the Mac that was chosen last."""
CLIENT = """\
Host {host} {name}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {home}/.ssh/key
  IdentitiesOnly yes
  UserKnownHostsFile {home}/.ssh/known_hosts
"""


class LackingError(Exception):
    """This machine lacks something; the text says what."""


@dataclass
class Mac:
    """One rehearsal Mac."""

    root: Path
    user: str

    @property
    def answers(self) -> Path:
        """Where recorded answers lie."""
        return self.root / ".mac/answers"

    @property
    def environment(self) -> dict[str, str]:
        """What a session's commands find in their environment."""
        return birth.environment(self.root)

    def tools(self) -> Iterator[Path]:
        """Yield every tool and program."""
        named = json.loads((self.root / ".mac/state.json").read_text())["installed"]
        programs = {self.root / path.lstrip("/") for path in named}
        folders = (self.root / folder for folder in FOLDERS)
        yield from sorted({*programs, *(file for folder in folders for file in folder.iterdir() if file.is_file())})

    def quicken(self, answer: Path) -> None:
        """Put the program that answers at once in the place of every simulated tool, and real helpers in theirs."""
        (self.root / ".mac/tools").mkdir()
        self.answers.mkdir()
        for file in self.tools():
            real = shutil.which(file.name, path=launchers.LAPTOP)
            if file.name in NEVER or file.read_bytes()[:2] != b"#!":
                continue
            if "__main__.py" in file.read_text() or file.name in ITS_OWN:
                file.rename(self.root / ".mac/tools" / file.name)
                shutil.copy(answer, file)
            elif real and "exec" in file.read_text():
                file.unlink()
                file.symlink_to(real)
        give(self.root / ".mac", self.user)
        give(self.root / DAEMON, "root")  # as on a Mac, where it has mode 0700: the simulated tools only pretend

    def sums(self, answer: Path) -> None:
        """Let shasum print a path as it was typed: the simulated one leaves this folder out, pyinfra wants it."""
        shutil.copy(answer, self.root / "usr/bin/shasum")

    def settle(self) -> None:
        """Wait until all models are there."""
        while list(self.root.glob("Users/*/.local/state/macstate/pulls/*/*")):
            time.sleep(0.1)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep what the tools answer, for as long as this lasts."""
        note = self.answers / "record"
        note.touch()
        yield
        note.unlink()

    def check(self) -> None:
        """Check that no tool was asked what it has not been asked before."""
        unknown = self.answers / "unknown"
        assert not unknown.exists(), f"no answer was recorded for: {unknown.read_text()}"


def give(place: Path, user: str) -> None:
    """Give a folder, and all in it, to a user."""
    subprocess.run(["chown", "-R", "-h", f"{user}:", place], check=True)


@dataclass
class Loopback:
    """The Macs, the way to them, and the laptop."""

    folder: Path
    user: str
    line: Delayed
    answer: Path
    python: str
    macs: dict[str, Mac] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The laptop's home folder."""
        return self.folder / "home"

    @property
    def counted(self) -> Path:
        """Where sessions that are counted leave their figures."""
        return self.folder / "counted"

    def environment(self, **more: str) -> dict[str, str]:
        """Return the laptop's environment."""
        return {
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYINFRA_PROGRESS": "off",
            **more,
        }

    def type(self, *words: str | Path, cwd: Path = ROOT, **more: str) -> tuple[float, str]:
        """Run a command on the laptop; return the seconds it took, and what it printed.

        Raises:
            AssertionError: it failed.
        """
        begun = time.perf_counter()
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
        assert done.returncode == 0, f"{shlex.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}"
        return seconds, done.stdout

    def make(self, name: str, spec: str) -> Mac:
        """Make a new Mac for a spec."""
        mac = self.macs[name] = Mac(self.folder / "macs" / name, self.user)
        read = parse(spec, "macs.yml")
        entries, dns = read.for_host(HOST).entries, read.macs[HOST].hostname
        known = (json.dumps(each(entries)) for each in (connector.programs, connector.ports))
        words = (self.python, "-I", "-c", MAKE, self.folder / "tools", mac.root, self.user, dns, *known)
        subprocess.run(["runuser", "-u", self.user, "--", *map(str, words)], cwd="/", check=True)
        return mac

    def copy(self, mac: Mac, name: str) -> Mac:
        """Make one Mac what another one is."""
        copied = self.macs[name] = Mac(self.folder / "macs" / name, self.user)
        if copied.root.exists():
            remove(copied.root)
        subprocess.run(["cp", "-a", mac.root, copied.root], check=True)
        return copied

    def choose(self, mac: Mac, count: str = "") -> None:
        """Let new sessions be sessions of this Mac; with ``count`` they tell their `bytes`, or `programs` too."""
        shutil.rmtree(self.counted, ignore_errors=True)
        self.counted.mkdir()
        give(self.counted, self.user)
        meter = [self.python, "-IS", str(self.folder / "meter.py"), str(self.counted), count] if count else []
        lines = [f"export {name}={shlex.quote(value)}" for name, value in mac.environment.items()]
        draft = self.folder / "session.new"
        draft.write_text("\n".join([*lines, "unset MAIL LANG", f"METER={shlex.quote(shlex.join(meter))}", ""]))
        draft.chmod(0o644)
        draft.rename(self.folder / "session")


def compiled(folder: Path) -> Path:
    """Return the program that answers at once."""
    program = folder / "answer"
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", program, HERE / "answer.c"], check=True)
    return program


def lacking(programs: Sequence[str]) -> None:
    """Check that this machine has what is needed.

    Raises:
        LackingError: it has not.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise LackingError("this adds a local user while it runs: run it as root, on Linux")
    missing = [each for each in programs if not shutil.which(each)]
    if missing:
        raise LackingError(f"this machine has no {', '.join(missing)}")


@contextmanager
def loopback(names: Sequence[str]) -> Iterator[Loopback]:
    """Yield a laptop and the way to Macs; ``names`` are what the specs call them. Nothing is left behind."""
    folder = Path(tempfile.mkdtemp(prefix="macstate-peers-", dir="/tmp"))  # the user must get there
    try:
        folder.chmod(0o755)
        answer, shell = compiled(folder), folder / "shell"
        shell.write_text(SESSION.format(session=folder / "session"))
        shell.chmod(0o755)
        shutil.copy(ROOT / "benchmarks/meter.py", folder)
        (folder / "session").write_text("METER=\n")
        ssh = folder / "home/.ssh"
        ssh.mkdir(parents=True, mode=0o700)
        public = keygen(ssh / "key")
        with (
            local_user("-M", "-d", str(folder / "macs"), "-s", str(shell)) as user,
            sshd(folder / "sshd", user, public) as server,
        ):
            line = Delayed(server.port)
            python = reachable_python(user)
            shutil.copytree(TOOLS, folder / "tools/mac", ignore=shutil.ignore_patterns("__pycache__"))
            subprocess.run([python, "-I", "-m", "compileall", "-q", folder / "tools"], check=True)
            (folder / "macs").mkdir()
            give(folder / "macs", user)
            names = (HOST, *names)
            known = f"[127.0.0.1]:{line.near} {server.host_key}"
            (ssh / "known_hosts").write_text(known + "".join(f"{name} {server.host_key}" for name in names))
            texts = {"host": HOST, "name": " ".join(names[1:]), "port": line.near, "user": user}
            (ssh / "config").write_text(CLIENT.format(home=folder / "home", **texts))
            try:
                yield Loopback(folder, user, line, answer, python)
            finally:
                line.close()
    finally:
        remove(folder)
