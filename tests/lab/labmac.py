"""The lab's Mac: a rehearsal Mac of a local user, whose launchd runs jobs for real, in a real tailnet."""

from __future__ import annotations

import json
import pwd
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from lab import build
from lab.machine import reachable_python, remove
from laptop import REFERENCE

import macstate.rehearsal.mac

USER = "mmirvois"
MARK = "macstate lab"
TOOLS = Path(macstate.rehearsal.mac.__file__).parent
BACKEND = """\
#!{python} -IS
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        told = {{"server": {name!r}, "path": self.path, "headers": dict(self.headers)}}
        if self.path == "/api/tags":
            names = [model if ":" in model else model + ":latest" for model in {models!r}]
            told["models"] = [{{"name": name, "digest": 64 * "0", "size": 1}} for name in names]
        if self.path == "/v1/models":
            told["data"] = [{{"id": model}} for model in {models!r}]
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

port = sys.argv[sys.argv.index("--port") + 1] if "--port" in sys.argv else os.environ["OLLAMA_HOST"].rpartition(":")[2]
ThreadingHTTPServer(("127.0.0.1", int(port)), Answer).serve_forever()
"""
PROGRAMS = {
    "ollama": "usr/local/bin/ollama",
    "vllm": f"Users/{USER}/vllm/bin/vllm",
    "a1111": f"Users/{USER}/stable-diffusion-webui/webui.sh",
}
"""What the reference spec takes to be installed."""
MODELS = {name: list(each.get("models", ())) for name, each in yaml.safe_load(REFERENCE)["endpoints"].items()}
"""What it declares, by endpoint."""
MAKE = """\
import json, sys
from pathlib import Path
tools, root, user, name = sys.argv[1:]
sys.path.insert(0, tools)
from mac import birth
birth.create(Path(root), user=user, dns_name=name, programs=[])
print(json.dumps(birth.environment(Path(root))))
"""
INSIDE = """\
#!/bin/sh
for word; do
  shift
  case $word in "$MACSTATE_ROOT"/*) ;; {paths}) word=$MACSTATE_ROOT$word ;; esac
  set -- "$@" "$word"
done
exec {program} "$@"
"""
"""A real program whose paths lie below the Mac's own /."""


@dataclass
class LabMac:
    """A folder, and the user it belongs to."""

    folder: Path
    dns_name: str

    @property
    def root(self) -> Path:
        """The Mac's own /."""
        return self.folder / "macstudio"

    @property
    def socket(self) -> Path:
        """Where its tailscaled listens; the Mac's /var/run/tailscaled.socket leads here."""
        return self.folder / "tailscaled.socket"

    @property
    def shell(self) -> Path:
        """The user's login shell: it makes the session one of the Mac."""
        return self.folder / "shell"

    def make(self, binaries: Path) -> None:
        """Make the user and the Mac."""
        self.add_user()
        self.python = reachable_python(USER)
        shutil.copytree(TOOLS, self.folder / "tools/mac", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(binaries / "tailscale", self.folder / "tailscale")
        shutil.chown(self.folder, USER)
        arguments = (self.folder / "tools", self.root, USER, self.dns_name)
        said = self.as_user(self.python, "-I", "-c", MAKE, *map(str, arguments))
        self.environment: dict[str, str] = json.loads(said)
        kept = 'SSH_CLIENT="$SSH_CLIENT" SSH_CONNECTION="$SSH_CONNECTION"'
        words = shlex.join(f"{name}={value}" for name, value in self.environment.items() if name != "SSH_CONNECTION")
        home = shlex.quote(self.environment["HOME"])
        self.shell.write_text(f'#!/bin/sh\ncd {home}\nexec env -i {words} {kept} /bin/sh "$@"\n')
        self.shell.chmod(0o755)
        real = shlex.quote(str(self.folder / "tailscale"))
        self.put("usr/local/bin/tailscale", f'#!/bin/sh\nexec {real} --socket={self.socket} "$@"\n')
        self.put("usr/bin/curl", INSIDE.format(paths="/var/run/*", program=shutil.which("curl")))
        for name, found in (("nginx", build.nginx()), ("caddy", build.caddy())):
            self.install_real(f"opt/homebrew/bin/{name}", found)
        for name, place in PROGRAMS.items():
            self.install(name, place)
        listens = self.root / "private/var/run/tailscaled.socket"
        listens.unlink()
        listens.symlink_to(self.socket)
        self.run("rehearse run-jobs on")
        subprocess.run(["cp", "-a", self.root, self.folder / "fresh"], check=True)

    def install(self, name: str, place: str) -> None:
        """Install a small model server, which answers with its name and what it was asked."""
        self.put(place, BACKEND.format(python=self.python, name=name, models=MODELS.get(name, [])))

    def install_real(self, place: str, program: Path) -> None:
        """Install a real program of this machine, where the user can read it."""
        copied = self.folder / program.name
        if not copied.exists():
            shutil.copy(program, copied)
        self.put(place, INSIDE.format(paths="/*", program=copied))

    def put(self, place: str, text: str) -> None:
        """Write a program of the Mac's."""
        file = self.root / place
        file.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        for path in (file, *file.parents):
            if path == self.root:
                break
            shutil.chown(path, USER, USER)

    def reset(self) -> None:
        """Make the Mac new; its programs have ended before."""
        if self.root.exists():
            self.run("rehearse run-jobs off")
            remove(self.root)
        subprocess.run(["cp", "-a", self.folder / "fresh", self.root], check=True)

    def add_user(self) -> None:
        """Add the local user; one that an earlier, killed lab has left is taken away first."""
        self.remove_user()
        words = ["-M", "-d", str(self.root / "Users" / USER), "-s", str(self.shell), "-c", MARK, USER]
        subprocess.run(["useradd", *words], check=True)

    def remove_user(self) -> None:
        """Take the user away, if it is the lab's."""
        try:
            found = pwd.getpwnam(USER)
        except KeyError:
            return
        assert found.pw_gecos == MARK, f"this machine has a user {USER} of its own: the lab will not touch it"
        subprocess.run(["pkill", "-KILL", "-u", USER], check=False)
        subprocess.run(["userdel", "-f", USER], check=True, capture_output=True)

    def as_user(self, *words: str) -> str:
        """Run a program of this machine as the user."""
        command = ["runuser", "-u", USER, "--", *words]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done)
        return done.stdout

    def run(self, command: str) -> str:
        """Do something on the Mac by hand."""
        words = ["runuser", "-u", USER, "--", str(self.shell), "-c", command]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout + done.stderr
