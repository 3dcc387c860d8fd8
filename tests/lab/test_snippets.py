"""The guide that the Mac serves: every snippet of it is run where it says, and what stands in it follows the YAML."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml
from lab import build, reference, tinymodel
from lab.conftest import Lab
from lab.reference import SPECS, key
from lab.tailnet import listens
from lab.webproxy import proxy

pytestmark = pytest.mark.lab
Done = subprocess.CompletedProcess[str]
FENCE = re.compile(r"^```(\w+) (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = {
    "open vnc://": "it opens the Mac's screen in a window of another Mac",
    '{\n  "grants"': "the policy is pasted into the tailnet's admin console",
}
SSH = """\
#!/bin/sh
# what a laptop has by MagicDNS, and a person who types yes; OpenSSH looks for nobody's $HOME
exec /usr/bin/ssh -F "$HOME/.ssh/of-the-lab" "$@"
"""
SSH_CONFIG = """\
Include {home}/.ssh/config
Host *
    ProxyCommand {home}/bin/tailscale nc %h %p
    UserKnownHostsFile {home}/.ssh/known_hosts
    StrictHostKeyChecking accept-new
"""
EXPECTED = {
    "/v1/models": '"data"',
    "/vllm/v1/models": '"server": "vllm"',
    ":7860/": '"server": "a1111"',
    "/chat/completions": tinymodel.SENTENCE,
    "/vllm/v1/chat/completions": '"path": "/v1/chat/completions"',
    "OpenAI()": tinymodel.SENTENCE,
    "macstate status": "ollama",
    "ssh mmirvois@": "here is Darwin",
    "system/com.ollama.server": "TCP 127.0.0.1:{ollama} (LISTEN)",
    "system/macstate.vllm": "TCP 127.0.0.1:{vllm} (LISTEN)",
    "system/macstate.a1111": "TCP 127.0.0.1:7860 (LISTEN)",
    "tailscale status": "matiass-mac-studio ",
    "funnel status": "https://{host}:8443 (Funnel on)\n",
    "pmset -g custom": "AC Power:",
    "export OPENAI_BASE_URL": "\nVLLM_API_BASE=https://",
    "gateway.keys.agents": "\nOPENAI_API_KEY={key}\n",
}
"""What tells that a snippet has worked, by what stands in it; the last that fits."""


@pytest.fixture(scope="module")
def served(lab_session: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The reference spec as it is, laptop included, deployed once."""
    lab = lab_session
    reference.deployed(lab, "nginx", tmp_path_factory.mktemp("models"))
    lab.mac.install("one-more", "opt/homebrew/bin/mlx_lm.server")
    ssh = lab.home / "bin/ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    (lab.home / ".ssh/of-the-lab").write_text(SSH_CONFIG.format(home=lab.home))
    yield lab
    ssh.unlink()
    lab.spec = None


def guide(lab: Lab) -> str:
    """Fetch it from the Mac."""
    answer = lab.tailnet.get("/macstate/guide.md")
    assert answer.status == 200
    return answer.body


class Laptop:
    """Somebody at the laptop, who types what the guide says, from the top to the bottom."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.exports = ""

    def sh(self, script: str, *, public: bool = False) -> Done:
        """Run it in a terminal of a laptop in the tailnet, or of one that is in none."""
        environment = self.lab.environment()
        environment["PYTHONPATH"] += f":{build.packages()}"
        with proxy(self.lab.tailnet, public=public) as way:
            environment |= {"HTTPS_PROXY": way, "SSL_CERT_FILE": str(self.lab.tailnet.authorities)}
            return subprocess.run(
                ["/bin/sh", "-e"],
                input=self.exports + script,
                cwd=build.PROJECT.parent,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

    def run(self, language: str, where: str, body: str) -> Done:
        """Do what a snippet says."""
        if where == "mac":
            return self.sh(f"ssh macstudio sh -e <<'END'\n{body}END\n")
        assert where == "laptop"
        if "export " in body:
            self.exports += body
            return self.sh("env")
        if language == "python":
            return self.sh(f"{shlex.quote(sys.executable)} - <<'END'\n{body}END\n")
        if body.startswith("ssh "):
            # it says that a key is new here, and that a script is no terminal
            return self.sh(f"{body.rstrip()} 2> /dev/null <<'END'\necho here is $(uname)\nEND\n")
        return self.sh(body, public=":8443" in body)


def run_all(lab: Lab) -> None:
    """Run every snippet; each says what it should."""
    laptop = Laptop(lab)
    ports = {name: each["port"] for name, each in yaml.safe_load(str(lab.spec))["endpoints"].items()}
    ran, left_out = 0, set()
    for language, where, body in FENCE.findall(guide(lab)):
        if reason := [start for start in NOT_RUN if body.startswith(start)]:
            left_out |= set(reason)
            continue
        if where == "spec":
            assert_plans(lab, body)
            continue
        wanted = [wanted for part, wanted in EXPECTED.items() if part in body]
        assert wanted, f"nothing tells whether this worked:\n{body}"
        done = lab.tailnet.unless_cut(lambda: checked(laptop.run(language, where, body)))  # noqa: B023 - called at once
        assert wanted[-1].format(**ports, key=key(lab), host=lab.tailnet.name) in done.stdout, (body, done)
        if "launchctl print" in body:
            assert well(done.stdout), done
        ran += 1
    assert left_out == set(NOT_RUN)
    assert ran == 17


def checked(done: Done) -> Done:
    """Let it pass if it has worked, without a complaint."""
    assert (done.returncode, done.stderr) == (0, ""), done
    return done


def well(said: str) -> bool:
    """Read what an endpoint's health commands print, as the guide says."""
    return all(
        re.search(sign, said, re.MULTILINE) for sign in (r"^\tstate = running\n\tpid = \d+\n", "LISTEN", "^200$")
    )


def assert_plans(lab: Lab, body: str) -> None:
    """Check that what the guide would have added to the YAML is a plan."""
    document = yaml.safe_load(str(lab.spec))
    document["endpoints"] |= yaml.safe_load(body)["endpoints"]
    code, said = lab.type(
        "macstate", "plan", "inventory.py", "--data", "allow=userspace", spec=yaml.safe_dump(document, sort_keys=False)
    )
    assert code == 2, said
    assert "+ launchd/system/macstate.one-more" in said


def test_every_snippet_works_where_it_says(served: Lab) -> None:
    run_all(served)


def test_every_tailscale_command_that_the_guide_names_exists(served: Lab) -> None:
    text = guide(served) + served.tailnet.get("/llms.txt").body
    named = set(re.findall(r"\btailscale ((?:-?-?[a-z0-9]+ ?)+)", text))
    program = served.tailnet.laptop.binaries / "tailscale"

    assert {each.strip() for each in named} == {"status", "funnel status", "up", "ip -4"}
    for words in (*named, "funnel-status"):
        done = subprocess.run([program, *words.split(), "--help"], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (words in named), done


def test_the_health_commands_tell_when_it_is_not_well(served: Lab) -> None:
    (body,) = (body for _, where, body in FENCE.findall(guide(served)) if where == "mac" and "macstate.vllm" in body)
    served.mac.run("sudo launchctl bootout system/macstate.vllm")

    said = Laptop(served).sh(f"ssh macstudio sh <<'END'\n{body}END\n").stdout

    assert not re.search("state = running|LISTEN|^200$", said, re.MULTILINE)
    assert re.search("^000$", said, re.MULTILINE)
    code, told = served.deploy()
    assert code == 0, told


def test_ssh_by_the_macs_name_wants_no_word_and_trusts_the_tailnets_keys(served: Lab) -> None:
    known = served.home / ".ssh/known_hosts"
    known.unlink(missing_ok=True)

    done = Laptop(served).sh("ssh macstudio 'echo $USER on $(hostname)'")

    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.startswith("mmirvois on ")
    assert not known.exists()  # none was trusted because it was seen first


@pytest.mark.parametrize("shell", ["zsh", "bash"])
def test_a_new_terminal_says_nothing_and_has_all_of_it(served: Lab, shell: str) -> None:
    build.machine_has(shell)
    asked = "alias; echo $OPENAI_BASE_URL $OPENAI_API_BASE $VLLM_API_BASE $A1111_API_BASE"
    # a terminal of macOS is a login shell; bash reads .bashrc only where it is none
    script = f"{shell} -i{'l' if shell == 'zsh' else ''} -c {shlex.quote(asked)} 2>&1 | cat"

    told = Laptop(served).sh(f"script -qec {shlex.quote(script)} /dev/null").stdout.replace("\r", "")

    own = [line for line in told.splitlines() if not re.match(r"(alias )?(run-help|which-command)=", line)]
    host = f"https://{served.tailnet.name}"
    prefix = "alias " if shell == "bash" else ""
    assert own == [
        f"{prefix}macstudio='ssh macstudio'",
        f"{prefix}macstudio-gui='xdg-open vnc://mmirvois@{served.tailnet.name}'",
        f"{host}/v1 {host}/v1 {host}/vllm/v1 {host}:7860",
    ]


def test_changed_ports_are_followed_by_everything(served: Lab) -> None:
    """Nothing else in the YAML changes."""
    old = SPECS["nginx"]
    new = old.replace("port: 11434", "port: 11555").replace("port: 8000", "port: 8999")
    assert len(new.splitlines()) == len(old.splitlines())

    ours = served.home / ".config/macstate"
    before = {path.name: path.read_bytes() for path in ours.iterdir() if path.is_file()}
    served.spec = new
    code, said = served.deploy()

    assert code == 0, said
    assert [listens(port) for port in (11434, 8000, 11555, 8999)] == [False, False, True, True]
    pages = {path: served.tailnet.get(path).body for path in ("/macstate/", "/macstate/guide.md", "/llms.txt")}
    for path, text in pages.items():
        assert not re.search(r"(127\.0\.0\.1|iTCP):(11434|8000)\b", text), path
    for path in ("/macstate/", "/macstate/guide.md"):
        for port in (11555, 8999):
            assert f"127.0.0.1:{port}" in pages[path]
    root = served.mac.root
    texts = {path: content for path, content in served.files().items() if b"11434" in content}
    assert [path for path in texts if "journal" not in path and ".ollama/" not in path] == []
    assert " 11555;" in (root / "Library/macstate/etc/nginx.conf").read_text()
    # the laptop knows routes alone: its files stay as they are, and what they name is what listens there now
    assert {path.name: path.read_bytes() for path in ours.iterdir() if path.is_file()} == before
    asked = Laptop(served).sh('. ~/.config/macstate/shell.sh; curl -sSf "$VLLM_API_BASE/models"')
    assert json.loads(asked.stdout)["server"] == "vllm", asked
    run_all(served)
    code, said = served.deploy()
    assert (code, "No changes. macstudio matches the spec." in said) == (0, True), said


def test_the_laptops_part_goes_without_a_trace(served: Lab) -> None:
    own = served.home / ".zshrc"
    with own.open("a") as file:
        file.write("alias mine='ls'\n")
    code, said = served.deploy("--limit", "@local", spec=str(served.spec).partition("clients:")[0])

    assert code == 0, said
    assert own.read_text() == "alias mine='ls'\n"
    assert not (served.home / ".ssh/config").exists()
    left = [path for path in (served.home / ".config/macstate").rglob("*") if path.is_file()]
    assert [path.parts[-3] for path in left] == ["keys"]
