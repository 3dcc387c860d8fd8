"""One lab for all of its tests: a tailnet of real daemons, a Mac in it, and a laptop."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab import build
from lab.labmac import USER, LabMac
from lab.machine import remove
from lab.sshd import keygen, sshd
from lab.tailnet import DOMAIN, Forwarder, Tailnet, wait_for

ROOT = Path(__file__).parents[2]
HOST = "studio.local"
"""The Mac in its own network."""


@dataclass
class Lab:
    """A person with a laptop and a Mac."""

    folder: Path
    tailnet: Tailnet
    mac: LabMac
    forwarder: Forwarder
    routes: tuple[Forwarder, ...]
    """The HTTPS ports on which routes lie."""
    seconds: float
    """How long the lab took to start."""
    elsewhere: str = ""
    """Further names that the laptop can resolve."""
    spec: str | None = None
    """What the laptop's spec is, where it is not the product's own."""
    more: dict[str, str] = field(default_factory=dict)
    """Further variables of the laptop."""

    @property
    def home(self) -> Path:
        """The laptop's home folder."""
        return self.folder / "home"

    def environment(self, spec: str | None = None) -> dict[str, str]:
        """Give the laptop's environment: nothing but what a laptop in the tailnet has."""
        routes = (f"{self.tailnet.name}:{each.far_port}={each.port}" for each in self.routes)
        own = {name: os.environ[name] for name in ("LANG", "TERM") if name in os.environ}
        own |= {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONPATH": str(Path(__file__).parent / "magicdns"),
            "LAB_MAGICDNS": " ".join((f"{self.tailnet.name}={self.forwarder.port}", *routes, self.elsewhere)),
            "SSL_CERT_FILE": str(self.tailnet.authorities),
            "PYINFRA_PROGRESS": "off",
        }
        own |= self.more
        spec = spec or self.spec
        if spec is not None:
            (self.folder / "spec.yml").write_text(spec)
            own["MACSTATE_SPEC"] = str(self.folder / "spec.yml")
        return own

    def type(self, *words: str, spec: str | None = None, timeout: float = 120) -> tuple[int, str]:
        """Type a command on the laptop, in a fresh clone's folder; give its exit status and all that was printed."""
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=self.environment(spec),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
            start_new_session=True,
        )
        return done.returncode, done.stdout

    def deploy(self, *options: str, spec: str | None = None, allow: str = "") -> tuple[int, str]:
        """Do the main job. The lab's tailscaled has no network device, which has to be allowed."""
        named = ("--data", f"allow=userspace,{allow}") if "--data" not in options else ()
        return self.type("pyinfra", "inventory.py", "deploy.py", "-y", *named, *options, spec=spec)

    def commands(self) -> int:
        """Count the remote commands that the Mac's tailscaled has logged."""
        return self.tailnet.processes.log(self.tailnet.mac.name).count("starting non-pty command")

    def command(self, number: int) -> Callable[[], bool]:
        """Give what says whether the Mac has begun the n-th remote command from now on."""
        due = self.commands() + number
        return lambda: self.commands() >= due

    def change(self, resource: str) -> Callable[[], bool]:
        """Give what says whether the Mac has begun to change something, by the record: all before it has been told."""

        def begun() -> bool:
            with suppress(OSError):  # it is being written anew
                records = "".join(file.read_text() for file in self.mac.root.rglob("macstate/owned"))
                return bool(re.search(rf"(?m)^(pending|set)\t{re.escape(resource)}\t", records))
            return False

        return begun

    @contextmanager
    def once(self, reached: Callable[[], bool], do: Callable[[], object]) -> Iterator[None]:
        """Do something as soon as a point is reached."""

        def watch() -> None:
            wait_for(reached, "the point in the run", 60)
            do()

        watcher = threading.Thread(target=watch)
        watcher.start()
        yield
        watcher.join()

    def files(self, *, logs: bool = False) -> dict[str, bytes]:
        """Give every file of the Mac, but for the tools' own notes, and for logs: being asked is logged."""
        left_out = {".mac"} if logs else {".mac", "Logs"}
        files = (path for path in self.mac.root.rglob("*") if path.is_file() and not path.is_symlink())
        return {str(path): path.read_bytes() for path in files if not left_out & set(path.parts)}

    def served(self) -> dict[str, Any]:
        """Give the Serve document as it is."""
        found: dict[str, Any] = json.loads(self.tailnet.mac.tailscale("serve", "status", "--json"))
        return found


def leftovers(folder: Path) -> list[str]:
    """List what the lab should not leave behind: processes, its user, its folder."""
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    users = [line for line in Path("/etc/passwd").read_text().splitlines() if line.startswith(f"{USER}:")]
    return [command for command in commands if str(folder) in command] + users + [str(folder)] * folder.exists()


@pytest.fixture(scope="session")
def lab_session() -> Iterator[Lab]:
    """The lab, started once."""
    assert os.geteuid() == 0, "the lab adds a local user: run it as root, or leave out --lab and CI=true"
    binaries = build.binaries()
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="macstate-lab-", dir="/tmp"))
    folder.chmod(0o755)
    mac = LabMac(folder / "mac", f"matiass-mac-studio.{DOMAIN}")
    mac.folder.mkdir()
    tailnet = Tailnet(folder / "tailnet", binaries, mac.socket)
    tailnet.folder.mkdir()
    try:
        mac.make(binaries)
        tailnet.start()
        forwarder = Forwarder(tailnet.laptop, tailnet.name)
        routes = tuple(Forwarder(tailnet.laptop, tailnet.name, port) for port in (443, 8443, 10000, 7860))
        lab = Lab(folder, tailnet, mac, forwarder, routes, time.monotonic() - begun)
        (lab.home / "bin").mkdir(parents=True)
        tailscale = lab.home / "bin/tailscale"
        tailscale.write_text(f'#!/bin/sh\nexec {binaries}/tailscale --socket={tailnet.laptop.door} "$@"\n')
        tailscale.chmod(0o755)
        yield lab
        for each in (forwarder, *routes):
            each.die()
    finally:
        if mac.root.exists():
            mac.run("rehearse run-jobs off")
        tailnet.processes.stop_all()
        mac.remove_user()
        remove(folder)
    assert leftovers(folder) == []


@pytest.fixture
def lab(lab_session: Lab) -> Lab:
    """The lab with a new Mac."""
    return fresh(lab_session)


def fresh(lab: Lab) -> Lab:
    """Make the Mac new: nothing served, SSH on and allowed; and the laptop as if macstate had never run."""
    lab.mac.reset()
    lab.tailnet.mac.tailscale("serve", "reset")
    lab.tailnet.mac.tailscale("set", "--ssh")
    lab.tailnet.console("ssh", policy="accept")
    wait_for(lab.tailnet.is_up, "the tailnet")
    lab.elsewhere = ""
    for name in (".ssh", ".config", ".zshrc", ".bashrc"):
        subprocess.run(["rm", "-rf", lab.home / name], check=True)
    (lab.home / ".ssh").mkdir()
    return lab


@pytest.fixture
def remote_login(lab: Lab) -> Iterator[Lab]:
    """A laptop whose key the Mac knows, and that knows the Mac's."""
    lab.tailnet.mac.tailscale("set", "--ssh=false")
    folder = lab.mac.folder / "sshd"
    shutil.rmtree(folder, ignore_errors=True)
    with sshd(folder, USER, keygen(lab.home / ".ssh/studio")) as server:
        (lab.home / ".ssh/known_hosts").write_text(f"{HOST} {server.host_key}")
        lab.elsewhere = f"{HOST}={server.port}"
        yield lab
