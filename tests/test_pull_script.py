"""The script that has Ollama pull, and its neighbours, where no real server is needed: before a `curl` that is told."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from macstate.kernel import scripts
from macstate.kinds import model

CURL = """#!/bin/sh
echo "$*" >>"$HOME/asked"
for url; do :; done
case $url in
  http://127.0.0.1:*) name=tags ;;
  *) name=manifest ;;
esac
[ -f "$HOME/$name" ] || exit 28
cat "$HOME/$name"
"""
DATE = """#!/bin/sh
echo x >>"$HOME/looks"
echo $(($(wc -l <"$HOME/looks") * 6))
"""
"""A clock that goes on by six seconds with each look."""
MANIFEST = json.dumps({"layers": [{"digest": f"sha256:{64 * 'a'}", "size": 1000}]})
VERSION = hashlib.sha256(MANIFEST.encode()).hexdigest()


class Mac:
    """A home, and the tools in front of the real ones; no rehearsal: the root is this machine's own."""

    def __init__(self, home: Path, shell: Path = Path("/bin")) -> None:
        self.home, self.shell = home, shell
        (home / "bin").mkdir()
        self.tool("curl", CURL)
        self.serves()

    def tool(self, name: str, text: str) -> None:
        (self.home / "bin" / name).write_text(text)
        (self.home / "bin" / name).chmod(0o755)

    def serves(self, *models: str) -> None:
        """Say what the server lists, as ``NAME DIGEST``."""
        pairs = (model.split() for model in models)
        listed = [{"name": name, "model": name, "digest": digest} for name, digest in pairs]
        (self.home / "tags").write_text(json.dumps({"models": listed}, separators=(",", ":")))

    def has(self, manifest: str, code: int = 200) -> None:
        """Say what the registry has."""
        (self.home / "manifest").write_text(f"{manifest}\n{code}")

    def sh(self, script: str, *words: str) -> tuple[int, str]:
        """Run a script."""
        environment = {"PATH": f"{self.home}/bin:{self.shell}:{os.environ['PATH']}", "HOME": str(self.home)}
        command = [str(self.shell / "sh"), "-c", script, "sh", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout + done.stderr

    def pull(self, *words: str) -> tuple[int, str]:
        return self.sh(model.program(), *words)

    @property
    def queue(self) -> list[list[str]]:
        files = self.home.glob(".local/state/macstate/pulls/*/*.pull")
        return [file.read_text().rstrip("\n").split("\t") for file in files]


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


@pytest.fixture
def each_mac(tmp_path: Path, shell: Path) -> Mac:
    """One by one, under every shell."""
    return Mac(tmp_path, shell)


def function(script: str, name: str) -> str:
    """Give one function of a script."""
    found = re.search(rf"^{name}\(\) {{.*?^}}$", scripts.whole(script), re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize(
    "folder", ["models", "~/models", "/nowhere-at-all/models", "/nowhere-at-all", "/", "", "/usr/x"]
)
def test_the_disk_below_any_folder_is_found(mac: Mac, folder: str) -> None:
    code, said = mac.sh(f'root=\n{function("probe_mac.sh", "room")}\nroom "$1"', folder)
    assert (code, len(said.splitlines())) == (0, 2)

    huge = json.dumps({"layers": [{"digest": f"sha256:{64 * 'a'}", "size": 10**14}]})
    mac.has(huge)
    code, said = mac.pull("ollama", "1", folder, "big:1")
    assert code == 1
    assert said.startswith("big:1: needs 100000.0 GB, and only ")
    assert said.endswith(f" can be had below {folder}\n")


def test_a_server_that_accepts_and_hangs_holds_nobody_for_long(mac: Mac) -> None:
    (mac.home / "tags").unlink()
    mac.tool("date", DATE)
    mac.tool("sleep", "#!/bin/sh\n")
    assert mac.pull("ollama", "11434", "/x", "big:1") == (
        1,
        "big:1: the server on port 11434 does not answer; see its log\n",
    )
    asked = (mac.home / "asked").read_text().splitlines()
    assert set(asked) == {"-qfsS --noproxy * --max-time 5 http://127.0.0.1:11434/api/tags"}
    assert 9 <= len(asked) <= 11  # a minute, with six seconds for each


@pytest.mark.parametrize(
    ("name", "pin", "here", "outdated"),
    [
        ("x:1", 12 * "0", "", True),
        ("x:1", 12 * "0", f"x:1 {64 * '5'}", True),
        ("x:1", VERSION[:12], "", False),
        ("x:1", VERSION, f"x:1 {64 * '5'}", False),
        ("example.com/me/x:1", 12 * "0", "", False),  # what becomes of its manifest is not known yet
        ("example.com/me/x:1", 12 * "0", f"example.com/me/x:1 {64 * '5'}", False),
        ("example.com/me/x:1", 12 * "0", f"example.com/me/x:1 {VERSION}", True),
    ],
)
def test_a_pin_that_no_pull_can_bring_is_told(mac: Mac, name: str, pin: str, here: str, outdated: bool) -> None:
    mac.serves(*[here] if here else [])
    mac.has(MANIFEST)
    mac.tool("df", "#!/bin/sh\necho x\necho x 1 1 0 1%\n")  # a pull would not fit, and is not begun

    code, said = mac.pull("ollama", "1", "/", name, pin)

    why = f"the library has another version now: pin {VERSION[:12]}, or take the pin out"
    assert code == 1
    if outdated:
        assert said == f"{name}: {why}\n"
        assert [line[2:3] + line[6:] for line in mac.queue] == [["failed", why]]
    else:
        assert said.startswith(f"{name}: needs ")
        assert mac.queue == []


def test_without_a_pin_any_version_will_do(each_mac: Mac) -> None:
    mac = each_mac
    mac.serves(f"x:1 {64 * '5'}")
    mac.has(MANIFEST)
    assert mac.pull("ollama", "1", "/", "x:1") == (0, "")
    assert "manifests" not in (mac.home / "asked").read_text()


def test_what_waits_already_is_not_counted_twice(each_mac: Mac) -> None:
    queue = each_mac.home / ".local/state/macstate/pulls/ollama"
    queue.mkdir(parents=True)
    for name in ("big:latest", "other:1"):
        (queue / f"{name}.pull").write_text(f"{name}\t{4 * 10**9}\twaiting\t1\t0\t1\t\n")
    each_mac.has(json.dumps({"layers": [{"digest": f"sha256:{64 * 'a'}", "size": 4 * 10**9}]}))
    each_mac.tool("df", "#!/bin/sh\necho x\necho x 1 1 10000000 1%\n")

    assert each_mac.pull("ollama", "1", "/", "big") == (1, "big: needs 4.0 GB, and only 0.9 GB can be had below /\n")


def test_a_worker_that_never_said_since_when_it_runs_is_none(each_mac: Mac) -> None:
    queue = each_mac.home / ".local/state/macstate/pulls/ollama"
    queue.mkdir(parents=True)
    (queue / "worker").symlink_to("999999999\t")
    each_mac.has(MANIFEST)
    each_mac.tool("sleep", "#!/bin/sh\n")

    assert each_mac.pull("ollama", "1", "/", "x:1") == (0, "")
    assert not (queue / "worker").is_symlink()


def test_what_is_set_aside_takes_no_others_name(mac: Mac) -> None:
    taken = "roots=; folder=; newline='\n'; taken='\nlaunchd/system/a\n'"
    functions = [
        function("apply.sh", "may_take"),
        *(function("apply_files.sh", each) for each in ("part", "alone", "aside")),
    ]
    script = "\n".join(
        (
            "set -eu",
            "root=$HOME at=/Library/LaunchDaemons/a.plist",
            taken,
            *functions,
            "aside launchd/system/a $at; aside launchd/system/a /Library/LaunchAgents/a.plist",
        )
    )
    folder = mac.home / "Library/LaunchDaemons"
    folder.mkdir(parents=True)
    for text in ("one", "two", "three"):
        (folder / "a.plist").write_text(text)
        assert mac.sh(script) == (0, "")
    kept = {file.name: file.read_text() for file in folder.glob("a.plist*")}
    assert kept == {
        "a.plist.before-macstate": "one",
        "a.plist.before-macstate.2": "two",
        "a.plist.before-macstate.3": "three",
    }
