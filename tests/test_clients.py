"""The laptop's side: what `clients:` writes into somebody's home, through the product's own inventory and deploy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from laptop import ROOT, open_to_others, snapshot

SPEC = """
macs:
  macstudio: {hostname: studio.tail1.ts.net, user: anna, identity_file: ~/.ssh/a key}
  mini: {hostname: mini.tail1.ts.net, user: bert, endpoints: [coder]}
gateway: {server: nginx, keys: {agents: generate, phone: "cmd:printf %s phone-key-of-the-tests"}}
endpoints:
  ollama:
    engine: ollama
    command: [/usr/local/bin/ollama, serve]
    port: 11434
    serve: /
    funnel: {https: 8443}
    models: {qwen3:32b: "Qwen 3, 32-B"}
  coder: {engine: openai, command: [/opt/a], port: 8001, serve: /coder, models: {org/coder: ''}}
  pic-tures: {engine: rest, command: [/opt/b], port: 8002, serve: {https: 7860}}
clients:
  local: {}
"""
BASH = {"PATH": "/usr/bin:/bin", "TERM": "dumb"}
HOST = "Host macstudio other\n  User me\nHost *\n  ForwardAgent no\n"


class Home:
    """A person's home on a laptop that is in no tailnet, unless a test says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.tools = folder / "tools"
        for path in (self.folder, self.tools):
            path.mkdir()

    def run(self, text: str, *more: str) -> subprocess.CompletedProcess[str]:
        spec = self.folder.with_name("macs.yml")
        spec.write_text(text)
        command = [
            str(Path(sys.executable).with_name("pyinfra")),
            "inventory.py",
            "deploy.py",
            "--limit",
            "@local",
            "-y",
        ]
        return self._call([*command, *more], spec)

    def plan(self, *more: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("macstate")), "plan", "inventory.py", "--limit", "@local"]
        return self._call([*command, *more], self.folder.with_name("macs.yml"))

    def _call(self, command: list[str], spec: Path) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(self.folder), "MACSTATE_SPEC": str(spec), "PATH": f"{self.tools}:/usr/bin:/bin"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def shell(self, script: str, **more: str) -> str:
        """Give what an interactive bash says, errors too."""
        words = ["bash", "--norc", "-c", f'shopt -s expand_aliases; . "$HOME/.bashrc"; {script}']
        environment = {**BASH, "HOME": str(self.folder), **more}
        done = subprocess.run(words, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True, check=True)
        return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.slow
def test_all_of_it_comes_and_goes_and_leaves_a_persons_own_lines_byte_for_byte(home: Home) -> None:
    home.file(".zshrc", "export A=1\n# no newline at the end")
    home.file("dotfiles/bashrc", "alias l='ls'\n\n").chmod(0o640)
    (home.folder / ".bashrc").symlink_to("dotfiles/bashrc")
    home.file(".ssh/config", "Host other\n  User me\n").chmod(0o600)
    before = snapshot(home.folder)

    first = home.run(SPEC)

    assert first.returncode == 0, first.stdout + first.stderr
    assert "Plan: 6 to add, 0 to change, 0 to remove." in first.stdout
    assert (home.folder / ".bashrc").is_symlink()
    assert (home.folder / "dotfiles/bashrc").stat().st_mode & 0o777 == 0o640
    assert (home.folder / ".ssh/config").stat().st_mode & 0o777 == 0o600
    assert (home.folder / ".zshrc").read_bytes().endswith(b"export A=1\n# no newline at the end")
    applied = snapshot(home.folder)
    again = home.run(SPEC)
    assert "No changes. @local matches the spec." in again.stdout
    assert snapshot(home.folder) == applied
    assert home.plan().returncode == 0

    gone = home.run(SPEC.partition("clients:")[0])

    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert snapshot(home.folder) == before
    assert "@local" not in home.run(SPEC.partition("clients:")[0]).stdout  # it is no host any more


@pytest.mark.slow
def test_files_that_were_not_there_go_again(home: Home) -> None:
    home.run(SPEC)
    added = home.file(".zshrc", (home.folder / ".zshrc").read_text() + "alias mine=ls\n")

    home.run(SPEC.partition("clients:")[0])

    assert not (home.folder / ".bashrc").exists()
    assert not (home.folder / ".ssh/config").exists()
    assert added.read_text() == "alias mine=ls\n"


def test_a_shell_gets_aliases_and_variables_without_a_word(home: Home) -> None:
    home.run(SPEC)

    told = home.shell("alias; env | grep -E '_API_|OPENAI'").splitlines()

    assert sorted(told) == [
        "CODER_API_BASE=https://studio.tail1.ts.net/coder/v1",
        "MINI_API_KEY=unused",
        "MINI_CODER_API_BASE=https://mini.tail1.ts.net/coder/v1",
        "OPENAI_API_BASE=https://studio.tail1.ts.net/v1",
        "OPENAI_API_KEY=unused",
        "OPENAI_BASE_URL=https://studio.tail1.ts.net/v1",
        "PIC_TURES_API_BASE=https://studio.tail1.ts.net:7860",
        "alias macstudio-gui='xdg-open vnc://anna@studio.tail1.ts.net'",
        "alias macstudio='ssh macstudio'",
        "alias mini-gui='xdg-open vnc://bert@mini.tail1.ts.net'",
        "alias mini='ssh mini'",
    ]
    dotenv = dict(
        line.split("=", 1) for line in (home.folder / ".config/macstate/models.env").read_text().splitlines()[1:]
    )
    assert dotenv["OPENAI_BASE_URL"] == "https://studio.tail1.ts.net/v1"
    assert dotenv["OPENAI_API_KEY"] == "unused"


@pytest.mark.slow
def test_a_key_is_fetched_and_stands_nowhere(home: Home) -> None:
    home.run(SPEC.replace("local: {}", "local: {via: funnel, key: phone}"))

    assert home.shell('echo "$OPENAI_BASE_URL $OPENAI_API_KEY"') == (
        "https://studio.tail1.ts.net:8443/v1 phone-key-of-the-tests\n"
    )
    assert home.shell('echo "${CODER_API_BASE-none}"') == "none\n"  # the internet does not reach it
    texts = [path.read_text() for path in (home.folder / ".config/macstate").iterdir() if path.is_file()]
    assert not any("unused" in text for text in texts)

    home.run(SPEC.replace("local: {}", "local: {via: funnel}"))
    assert home.shell('echo "key: $OPENAI_API_KEY"') == "key: \n"  # not made yet, and nobody complains
    assert (
        home.shell('echo "$OPENAI_API_KEY ${macstate_key-}"', OPENAI_API_KEY="mine") == "mine \n"
    )  # and nobody loses it
    kept = home.file(".config/macstate/keys/macstudio/gateway.keys.agents", "the-generated-key\n")
    assert home.shell('echo "key: $OPENAI_API_KEY"') == "key: the-generated-key\n"
    assert kept.read_text().strip() not in "".join(
        path.read_text() for path in home.folder.rglob("*") if path.is_file() and path != kept
    )


def test_what_a_person_has_already_is_told_and_stays(home: Home) -> None:
    home.file(".ssh/config", HOST)
    home.file(".bashrc", "export OPENAI_API_BASE=https://old.example\nalias l=ls\n")

    done = home.run(SPEC)

    assert f"{home.folder}/.ssh/config:1 already has a Host macstudio of your own" in done.stderr
    assert f"{home.folder}/.bashrc:1 sets OPENAI_API_BASE, and that wins" in done.stderr
    assert (home.folder / ".ssh/config").read_text().endswith(HOST)
    ours = (home.folder / ".config/macstate/ssh_config").read_text()
    assert "Host macstudio" not in ours
    assert "Host mini" in ours
    assert home.shell('echo "$OPENAI_API_BASE"') == "https://old.example\n"
    assert "No changes. @local" in home.run(SPEC).stdout


def test_a_foreign_file_in_the_way_is_refused(home: Home) -> None:
    own = home.file(".config/io.datasette.llm/extra-openai-models.yaml", "- model_id: mine\n")
    text = SPEC.replace("local: {}", "local: {tools: [llm]}")

    if sys.platform == "darwin":
        own = home.file("Library/Application Support/io.datasette.llm/extra-openai-models.yaml", own.read_text())
    refused = home.run(text)

    assert refused.returncode == 1
    assert "allow=takeover" in refused.stderr
    assert own.read_text() == "- model_id: mine\n"
    assert not (home.folder / ".zshrc").exists()
    assert home.run(text, "--data", "allow=takeover").returncode == 0


@pytest.mark.slow
def test_host_keys_are_pinned_while_the_tailnet_shows_them_and_stay_when_it_does_not(home: Home) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDP9vLx0xUq7Yp1yTr3Yw0y7PvKx0J6YkM3o3n1rUlD"
    status = {
        "BackendState": "Running",
        "Self": {"DNSName": "laptop.tail1.ts.net."},
        "Peer": {"k": {"DNSName": "studio.tail1.ts.net.", "Online": False, "sshHostKeys": [key]}},
    }
    tool = home.tools / "tailscale"
    tool.write_text(f"#!/bin/sh\necho '{json.dumps(status)}'\n")
    tool.chmod(0o755)

    home.run(SPEC)

    pinned = home.folder / ".config/macstate/known_hosts.macstudio"
    assert pinned.read_text() == f"studio.tail1.ts.net {key}\n"
    assert f'UserKnownHostsFile "{pinned}"' in (home.folder / ".config/macstate/ssh_config").read_text()
    tool.unlink()
    assert "No changes. @local" in home.run(SPEC).stdout
    assert pinned.exists()


def test_tools_get_what_they_read(home: Home) -> None:
    done = home.run(SPEC.replace("local: {}", "local: {tools: [llm, opencode, continue, open-webui]}"))
    assert done.returncode == 0, done.stderr
    ours = home.folder / ".config/macstate"
    llm = yaml.safe_load(next(home.folder.rglob("extra-openai-models.yaml")).read_text())
    blocks = yaml.safe_load((home.folder / ".continue/models/macstate.yaml").read_text())
    opencode = json.loads((ours / "opencode.json").read_text())
    webui = (ours / "open-webui.env").read_text()

    assert [each["model_id"] for each in llm] == ["qwen3:32b", "org/coder", "org/coder"]
    assert llm[0]["api_base"] == "https://studio.tail1.ts.net/v1"
    assert [each["apiBase"] for each in blocks["models"]][1] == "https://studio.tail1.ts.net/coder/v1"
    assert opencode["provider"]["macstudio-ollama"]["models"] == {"qwen3:32b": {"name": "Qwen 3, 32-B"}}
    assert home.shell('echo "$OPENCODE_CONFIG"').strip() == str(ours / "opencode.json")
    assert "https://studio.tail1.ts.net/v1;https://studio.tail1.ts.net/coder/v1" in webui


def test_open_webui_gets_a_key_for_each_url_that_wants_one(home: Home) -> None:
    home.run(
        SPEC.replace("port: 8001,", "port: 8001, require_key: true,").replace(
            "local: {}", "local: {tools: [open-webui]}"
        )
    )
    lines = (home.folder / ".config/macstate/open-webui.env").read_text().splitlines()

    urls = "studio.tail1.ts.net/v1;https://studio.tail1.ts.net/coder/v1;https://mini.tail1.ts.net/coder/v1"
    assert lines[1] == f"OPENAI_API_BASE_URLS=https://{urls}"
    assert lines[2].endswith('--env OPENAI_API_KEYS="unused;$OPENAI_API_KEY;$MINI_API_KEY"')


@pytest.mark.slow
def test_a_changed_port_changes_the_laptop_in_one_run(home: Home) -> None:
    home.run(SPEC)
    done = home.run(SPEC.replace("7860", "7861"))

    assert "Plan: 0 to add, 2 to change, 0 to remove." in done.stdout
    left = [path for path in home.folder.rglob("*") if path.is_file() and "7860" in path.read_text()]
    assert not [path for path in left if "journal" not in path.name]


@pytest.mark.slow
def test_the_rest_of_a_run_is_not_looked_at(home: Home) -> None:
    home.run(SPEC)
    (home.folder / ".zshrc").unlink()

    only = home.run(SPEC, "--data", "only=endpoints.ollama")

    assert "No changes. @local" in only.stdout
    assert "~ line" not in only.stdout
    assert "+ line" in home.run(SPEC, "--data", "only=clients").stdout


@pytest.mark.lab
def test_ssh_reads_it(home: Home) -> None:
    home.file(".ssh/config", "Host other\n  User me\n")
    home.run(SPEC)
    words = ["ssh", "-F", str(home.folder / ".ssh/config"), "-T", "-G", "macstudio"]

    read = subprocess.run(words, capture_output=True, text=True, check=True, env={**BASH, "HOME": str(home.folder)})

    assert read.stderr == ""
    told = dict(line.split(" ", 1) for line in read.stdout.splitlines())
    assert (told["hostname"], told["user"]) == ("studio.tail1.ts.net", "anna")
    assert told["identityfile"] == "~/.ssh/a key"
    assert "known_hosts.macstudio" in told["userknownhostsfile"]


HELD = "a-token-of-the-tests-for-a-vault"


@pytest.mark.slow
def test_what_a_command_for_a_key_holds_is_nobody_elses(home: Home) -> None:
    """The text of a `cmd:` may hold a token; the laptop's shells have to run it."""
    text = SPEC.replace("cmd:printf %s phone-key-of-the-tests", f"cmd:vault read {HELD}")
    text = text.replace("local: {}", "local: {via: funnel, key: phone, tools: [llm, opencode, continue, open-webui]}")
    plan = home.folder / "plan.json"
    plan.write_text("an older plan, which everybody may read")

    home.folder.with_name("macs.yml").write_text(text)
    saved = home.plan("--out", str(plan))
    done = home.run(text)

    assert (saved.returncode, done.returncode) == (2, 0), saved.stderr + done.stderr
    holders = [name for name, content in snapshot(home.folder).items() if HELD.encode() in content]
    assert {".config/macstate/shell.sh", "plan.json"} <= set(holders)
    assert open_to_others(home.folder, HELD) == []
    home.folder.joinpath("plan.json").chmod(0o644)
    assert open_to_others(home.folder, HELD) == [plan]  # it can be found
