"""Who keeps a Mac, and how each is run: macstate, a plain deploy of pyinfra's, a playbook of Ansible's."""

from __future__ import annotations

import grp
import json
import pwd
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import build
from laptop import REFERENCE
from loopback import HERE, HOST, ROOT, Loopback, Mac

from macstate import spec as specs

ANSIBLE = "ansible-core==2.19.14"  # the newest that runs on Python 3.11
PEERS = ("pyinfra", "ansible")
KEEP_ALIVE = ("30m", "45m")
"""What the one value that changes is in turns; the reference spec has the first."""
JOBS = ("com.ollama.server", "com.ollama.server.watchdog", "macstate.a1111", "macstate.vllm", "macstate.gateway")
NAME = specs.parse(REFERENCE, "macs.yml").macs[HOST].hostname
UNCHANGED = r"Grand total +\d+ +- +- +\d+"
"""What pyinfra prints where each operation has found nothing to do."""


def installed(peer: str) -> Path:
    """Return the folder with a peer's packages; pyinfra's are of the versions that macstate runs on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {"ansible": [ANSIBLE], "pyinfra": project["tool"]["uv"]["constraint-dependencies"]}[peer]
    words = [sys.executable, "-m", "uv", "pip", "install", "-q", "--compile-bytecode", *packages, "--target"]
    recipe = f"{sys.version_info[:2]} compiled {packages}"
    return build.kept(peer, recipe, lambda folder: subprocess.run([*words, str(folder)], check=True))


@dataclass
class Keepers:
    """The Macs, and what is run against them."""

    loop: Loopback
    about: dict[str, Any] = field(default_factory=dict)
    """What the peers know of the Mac."""
    keep_alive: str = KEEP_ALIVE[0]
    """What the Mac that is changed has now."""
    # not the project's own Python: pyinfra loads the connectors that it finds there, and macstate's are such
    bare: str = str(Path(sys.executable).resolve())

    def write_spec(self, name: str, endpoints: int = 0, keep_alive: str = KEEP_ALIVE[0]) -> str:
        """Write the reference spec for these Macs, perhaps with that many other endpoints; return its text."""
        text = REFERENCE.partition("clients:")[0]  # those are files of the laptop
        if endpoints:
            lines = (
                f"  e{n}: {{engine: openai, command: [/opt/homebrew/bin/e{n}], port: {9000 + n}, serve: /e{n}}}\n"
                for n in range(endpoints)
            )
            text = text.partition("endpoints:")[0] + "endpoints:\n" + "".join(lines)
        text = text.replace("user: mmirvois", f"user: {self.loop.user}\n    via: openssh")
        text = text.replace("/Users/mmirvois", f"/Users/{self.loop.user}").replace("~/.ssh/macstudio", "~/.ssh/key")
        text = text.replace(f"KEEP_ALIVE: {KEEP_ALIVE[0]}", f"KEEP_ALIVE: {keep_alive}")
        (self.loop.folder / f"{name}.yml").write_text(text)
        return text

    def converged(self, name: str, endpoints: int = 0) -> Mac:
        """Return a Mac that macstate has made what a spec says."""
        mac = self.loop.make(name, self.write_spec(name, endpoints))
        self.loop.choose(mac)
        self.macstate(name, said="verified")
        mac.settle()
        self.macstate(name)
        return mac

    def write_peers(self, source: Mac) -> None:
        """Write what the peers need to keep a Mac as macstate has made this one."""
        ours, daemons = source.root / "Library/macstate", source.root / "Library/LaunchDaemons"
        for peer in PEERS:
            folder = self.loop.folder / peer
            shutil.copytree(HERE / peer, folder)
            for name in ("files", "templates"):
                (folder / name).mkdir()
            for file in [ours / "etc/gateway.keys", *(ours / "bin").iterdir(), *(ours / "guide").iterdir()]:
                shutil.copy(file, folder / "files")
            for file in [ours / "etc/nginx.conf", *(daemons / f"{job}.plist" for job in JOBS)]:
                text = file.read_text().replace(f"/Users/{self.loop.user}", "{{ home }}")
                text = text.replace(f">{KEEP_ALIVE[0]}<", ">{{ keep_alive }}<")
                (folder / f"templates/{file.name}.j2").write_text(text)
        shutil.copy(self.loop.home / ".ssh/config", self.loop.folder / "ansible/ssh_config")
        account = pwd.getpwnam(self.loop.user)
        self.about = {
            "home": f"/Users/{self.loop.user}",
            "user": self.loop.user,
            "tailnet_name": NAME,
            "roots": {"owner": account.pw_name, "group": grp.getgrgid(account.pw_gid).gr_name},  # a Mac's: root, wheel
            "power": {"sleep": "0", "displaysleep": "15", "womp": "1", "autorestart": "1"},
            "allowed": ["/usr/local/bin/ollama"],
            "jobs": JOBS,
            "routes": routes(json.loads(self.on(source, "tailscale serve status --json"))),
            "models": [line.split()[0] for line in self.on(source, "ollama list").splitlines()[1:]],
        }

    def on(self, mac: Mac, command: str) -> str:
        """Return what a command prints on a Mac."""
        variables = [f"{name}={value}" for name, value in mac.environment.items()]
        words = ["runuser", "-u", self.loop.user, "--", "env", "-i", *variables, "sh", "-c", command]
        return subprocess.run(words, cwd="/", capture_output=True, text=True, check=True).stdout

    def tell(self, mac: Mac, keep_alive: str = KEEP_ALIVE[0]) -> None:
        """Tell the peers which Mac it is, and the one value that changes."""
        text = json.dumps({**self.about, "root": str(mac.root), "keep_alive": keep_alive})
        for peer in PEERS:
            (self.loop.folder / peer / "about.json").write_text(text)

    def change(self) -> None:
        """Wish for the value that the Mac has not."""
        self.keep_alive = next(value for value in KEEP_ALIVE if value != self.keep_alive)
        self.tell(self.loop.macs["changed"], self.keep_alive)

    def anew(self) -> None:
        """Make a new Mac."""
        if "new" in self.loop.macs:
            self.loop.macs["new"].settle()
        self.tell(self.loop.copy(self.loop.macs["kept"], "new"))

    def quicken(self, mac: Mac, runs: list[Callable[[], float]]) -> None:
        """Let a Mac's tools answer at once what they answer to these runs now."""
        mac.quicken(self.loop.answer)
        self.loop.choose(mac)
        with mac.recording():
            for run in runs:
                run()
        mac.check()

    def ssh(self) -> float:
        """Return the seconds of OpenSSH's client."""
        return self.loop.type("ssh", "-F", self.loop.home / ".ssh/config", HOST, "true")[0]

    def macstate(self, spec: str, said: str = "No changes") -> float:
        """Return the seconds of a run of macstate's."""
        file = str(self.loop.folder / f"{spec}.yml")
        seconds, text = self.loop.type("pyinfra", "inventory.py", "deploy.py", "-y", MACSTATE_SPEC=file)
        assert said in text, text
        return seconds

    def pyinfra(self, *words: str, said: str = UNCHANGED) -> float:
        """Return the seconds of a run of pyinfra without macstate."""
        folder, path = self.loop.folder / "pyinfra", str(installed("pyinfra"))
        words = words or ("inventory.py", "deploy.py")
        seconds, text = self.loop.type(self.bare, "-m", "pyinfra", "-y", *words, cwd=folder, PYTHONPATH=path)
        assert re.search(said, text), text
        return seconds

    def ansible(self, said: str = "changed=0 .* failed=0") -> float:
        """Return the seconds of a run of Ansible's; none finds a connection that an earlier one has left open."""
        folder, path = self.loop.folder / "ansible", str(installed("ansible"))
        words = [self.bare, "-m", "ansible", "playbook", "playbook.yml"]
        seconds, text = self.loop.type(*words, cwd=folder, PYTHONPATH=path)
        for socket in (folder / "control").iterdir():
            words = ["ssh", "-F", "ssh_config", "-o", f"ControlPath={socket}", "-O", "exit", HOST]
            subprocess.run(words, cwd=folder, capture_output=True, check=False)
        assert re.search(said, text), text
        time.sleep(0.2)  # its connection ends
        return seconds


def routes(served: dict[str, Any]) -> list[dict[str, str]]:
    """Return the routes of a Serve document."""
    return [
        {
            "word": "funnel" if served.get("AllowFunnel", {}).get(door) else "serve",
            "port": door.rpartition(":")[2],
            "path": path,
            "target": handler["Proxy"],
        }
        for door, web in served["Web"].items()
        for path, handler in web["Handlers"].items()
    ]
