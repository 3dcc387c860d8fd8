"""The manners of the rehearsal Mac's tools, and the walls around it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from macstate.kernel.record import Record
from macstate.kernel.resource import Actual
from macstate.kinds import KINDS
from macstate.language.facts import Facts
from macstate.rehearsal.mac import birth, machine, ps, quick_json, rehearse, scenes, trouble
from macstate.review import health

NAME = "matiass-mac-studio.tail174e9b.ts.net"
TAILSCALED = "system/com.tailscale.tailscaled"
FIREWALL = '"$MACSTATE_ROOT"/usr/libexec/ApplicationFirewall/socketfilterfw'
PLIST = "/Library/LaunchDaemons/x.plist"
CUSTOM = "pmset -g >/dev/null; pmset -g custom"
X = """\
cat > "$MACSTATE_ROOT"/Library/LaunchDaemons/x.plist <<'END'
{"Label": "x", "ProgramArguments": ["/usr/local/bin/ollama", "serve"], "KeepAlive": true}
END
plutil -convert xml1 /Library/LaunchDaemons/x.plist
"""
SERVER = "http://127.0.0.1:11434"
PULL = f"curl -sN {SERVER}/api/pull -d"
FAST = "rehearse pull-rate 1000000000000"
STATE = "launchctl print system/x | grep -E '^.(state|runs) ='"
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
LOAD = "sudo launchctl bootstrap system /Library/LaunchDaemons/x.plist"
SOCKET = "curl -sS --unix-socket /var/run/tailscaled.socket"
API = "http://local-tailscaled.sock/localapi/v0/serve-config"

SLOW = {
    *("collections", "contextlib", "datetime", "enum", "functools", "json", "pathlib", "plistlib", "re", "signal"),
    *("subprocess", "typing"),
}
"""Modules of the standard library that cost a tool from 2 to 17 ms, where Python itself takes 11."""


class Done(NamedTuple):
    """What a command on the Mac left."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a fresh Mac in a folder with a blank."""
    folder = tmp_path / "a mac"
    birth.create(folder, user="mmirvois", dns_name=NAME, programs=["/usr/local/bin/ollama"])
    return folder


@pytest.fixture
def run(root: Path) -> Run:
    """Run a command on it, as its user over SSH."""

    def run(command: str, stdin: str = "") -> Done:
        environment = birth.environment(root)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=environment,
            cwd=environment["HOME"],
            capture_output=True,
            text=True,
            input=stdin,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def test_bootout_returns_early_then_36_and_a_hasty_bootstrap_5(run: Run) -> None:
    run(f"{X} rehearse stop-delay 1; {LOAD}")

    assert run("sudo launchctl bootout system/x") == (0, "", "")
    assert run("launchctl print system/x").code == 0
    assert run("sudo launchctl bootout system/x") == (36, "", "Boot-out failed: 36: Operation now in progress\n")
    assert run(LOAD) == (5, "", "Bootstrap failed: 5: Input/output error\n")
    time.sleep(1)
    assert run("launchctl print system/x").code == 113
    assert run("sudo launchctl bootout system/x").code == 3
    assert run(LOAD).code == 0


def test_bootout_wait_returns_when_the_job_is_gone(run: Run) -> None:
    run(f"{X} {LOAD}")

    assert run("sudo launchctl bootout --wait system/x").code == 0
    assert run("launchctl print system/x").code == 113


def test_an_override_outlives_its_plist(run: Run) -> None:
    run(f"{X} sudo launchctl disable system/x; rm {PLIST}")

    assert '\t\t"x" => disabled\n' in run("launchctl print-disabled system").out
    assert run(f"{X} {LOAD}") == (119, "", "Bootstrap failed: 119: Service is disabled\n")
    assert run(f"sudo launchctl enable system/x; {LOAD}").code == 0


def test_a_loaded_job_keeps_what_it_was_loaded_from(run: Run) -> None:
    run(f"{X} {LOAD}; plutil -replace ProgramArguments -json '[\"/usr/bin/true\"]' {PLIST}")

    assert "program = /usr/local/bin/ollama" in run("launchctl print system/x").out


@pytest.mark.parametrize(
    "spoil",
    [
        f"rm {PLIST}",
        f"sudo chown mmirvois {PLIST}",
        f"chmod 666 {PLIST}",
        f"plutil -remove Label {PLIST}",
        f'echo nonsense > "$MACSTATE_ROOT"{PLIST}',
    ],
)
def test_a_bad_plist_is_refused(run: Run, spoil: str) -> None:
    assert run(f"{X} {spoil}; {LOAD}") == (5, "", "Bootstrap failed: 5: Input/output error\n")


def test_an_agent_from_ssh_is_pended_until_kickstart(run: Run) -> None:
    agent = "~/Library/LaunchAgents/x.plist"
    run(f"rehearse login mmirvois; {X} cp {PLIST} {agent}; launchctl bootstrap gui/501 {agent}")

    assert "\truns = 0\n" in run("launchctl print gui/501/x").out
    assert run("launchctl kickstart gui/501/x").code == 0
    assert "\tstate = running\n" in run("launchctl print gui/501/x").out
    assert run("rehearse logout; launchctl print gui/501/x").code == 112


def test_two_servers_on_one_port_are_a_crash_loop(run: Run) -> None:
    run(f"rehearse listen 11434 Ollama; {X} {LOAD}")

    shown = run("launchctl print system/x").out
    assert "\tstate = spawn scheduled\n" in shown
    assert "\tlast exit code = 1\n" in shown


def test_a_crashed_job_stays_down_until_kickstart(run: Run) -> None:
    run(f"{X} {LOAD}; rehearse crash x")

    assert "\tpid = " not in run("launchctl print system/x").out
    assert run("curl -sS http://127.0.0.1:11434/api/version").code == 7
    run("sudo launchctl kickstart -k system/x")
    assert run("curl -sS http://127.0.0.1:11434/api/version").out == '{"version":"0.34.2"}'


def pulled(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_pull_tells_how_far_it_is_and_fills_the_disk(run: Run) -> None:
    run(f"{X} {LOAD}; rehearse pull-rate 20000000000; rehearse disk 10240000000")
    lines = pulled(run(f'{PULL} \'{{"model":"qwen2.5"}}\'').out)

    layers = [line for line in lines if "digest" in line]
    assert lines[0] == {"status": "pulling manifest"}
    assert [line["status"] for line in lines[-3:]] == ["verifying sha256 digest", "writing manifest", "success"]
    assert "completed" not in layers[0]
    assert layers[0]["status"] == f"pulling {layers[0]['digest'].removeprefix('sha256:')[:12]}"
    done = {line["digest"]: line["total"] for line in layers if line.get("completed") == line["total"]}
    manifest = json.loads(run("curl -s https://registry.ollama.ai/v2/library/qwen2.5/manifests/latest").out)
    assert done == {layer["digest"]: layer["size"] for layer in [*manifest["layers"], manifest["config"]]}
    assert sum(done.values()) == 4_700_000_000
    [model] = json.loads(run(f"curl -s {SERVER}/api/tags").out)["models"]
    assert (model["name"], model["size"]) == ("qwen2.5:latest", 4_700_000_000)
    header, row = run("df -Pk /Users").out.splitlines()
    assert header == "Filesystem   1024-blocks       Used Available Capacity  Mounted on"
    assert row.split() == ["/dev/disk3s5", "7812500000", "7807089844", "5410156", "100%", "/System/Volumes/Data"]
    assert run("df -Pk /nowhere") == (1, "", "df: /nowhere: No such file or directory\n")


def test_a_pull_that_was_cut_goes_on_where_it_was(run: Run) -> None:
    run(f"{X} {LOAD}; rehearse pull-drop 1")
    pull = f'{PULL} \'{{"model":"llama4:scout"}}\''

    assert pulled(run(pull).out)[-1] == {"error": "max retries exceeded: unexpected EOF"}
    run(f"rehearse pull-rate 1000000000; {pull} >/dev/null & sleep 0.4; kill $!")
    here = pulled(run(f"rehearse pull-rate 0; rehearse disk 2000000000; {pull}").out)
    assert 33_500_000_000 < here[1]["completed"] < 60_000_000_000
    assert here[-1]["error"].endswith("-partial: no space left on device")
    run(f"rehearse disk 70000000000; {pull} >/dev/null & sleep 0.1; sudo launchctl kickstart -k system/x; wait")
    assert '"name"' not in run(f"curl -s {SERVER}/api/tags").out
    assert pulled(run(f"{FAST}; {pull}").out)[-1] == {"status": "success"}


def test_what_the_library_has_not_fails_inside_a_pull(run: Run) -> None:
    run(f"{X} {LOAD}")
    url = "https://registry.ollama.ai/v2/library/qwen3/manifests/3b"

    for name in ("qwen25", "qwen3:3b"):
        answer = run(f'{PULL} \'{{"model":"{name}"}}\'')
        assert (answer.code, pulled(answer.out)[-1]) == (0, {"error": "pull model manifest: file does not exist"})
    assert run(f"curl -sL --max-time 20 -H 'Accept: a/b' -w '%{{http_code}}' {url}").out.endswith("}404")
    assert run("curl -sS https://example.com").err == "curl: (6) Could not resolve host: example.com\n"


def test_a_model_is_loaded_and_deleted(run: Run) -> None:
    run(f'{X} {LOAD}; {FAST}; {PULL} \'{{"model":"all-minilm"}}\'; rehearse load all-minilm 60')
    delete = f'curl -sS -X DELETE {SERVER}/api/delete -d \'{{"model":"all-minilm"}}\''

    [loaded] = json.loads(run(f"curl -s {SERVER}/api/ps").out)["models"]
    assert {"size", "size_vram", "expires_at", "context_length"} < set(loaded)
    assert "Hello." in run(f'curl -s {SERVER}/v1/chat/completions -d \'{{"model":"all-minilm"}}\'').out
    assert run(delete) == (0, "", "")
    assert run(delete).out == '{"error":"model \'all-minilm\' not found"}'
    assert run(f"curl -s {SERVER}/v1/models").out == '{"object":"list","data":null}'


def test_the_clock_may_be_wrong(run: Run) -> None:
    assert 495 < int(run("rehearse clock 500; date +%s").out) - time.time() < 505
    assert abs(int(run("rehearse clock 0; date +%s").out) - time.time()) < 5
    assert run("rehearse clock noon").err == "rehearse: not a number: clock noon; see rehearse --help\n"


def test_who_listens_as_netstat_and_ps_say(run: Run) -> None:
    app = "/Applications/Ollama.app/Contents/Resources/ollama"
    run(f"rehearse listen 11434 {app}; rehearse listen 3000 'Google Chrome for Testing' 0.0.0.0")

    shown = run("netstat -anv -p tcp").out.splitlines()
    assert shown[1].split()[-9:-7] == ["process:pid", "state"]
    sizes = "LISTEN                 0            0  131072  131072"
    rest = "00000000 00000800      1      0 000000"
    assert shown[2:] == [
        f"tcp4       0      0  127.0.0.1.11434        *.*                    {sizes}           ollama:5000002 "
        f"00100 00000006 00000000000c38ca {rest}",
        f"tcp4       0      0  *.3000                 *.*                    {sizes} Google Chrome fo:5000003 "
        f"00100 00000006 00000000000c38cb {rest}",
    ]
    made_up, own = run("ps -o pid=,pgid=,comm= -p 5000002,0; ps -o pid=,comm= -p $$,0").out.splitlines()
    assert made_up == f"5000002 5000002 {app}"
    assert own.split()[1].rpartition("/")[2] in {"sh", "dash", "bash"}
    assert re.fullmatch(r" +00:\d\d\n", run("ps -o etime= -p 5000002").out)
    assert run("ps -o rss= -p 5000002") == (1, "", "")


def test_the_penalty_box_is_left_by_loading_anew(run: Run) -> None:
    run(f"{X} {LOAD}; rehearse penalty x")

    assert run(f"sudo launchctl kickstart -k system/x & sleep 0.2; kill $!; wait $!; echo $?; {STATE}").out == (
        "143\n\tstate = spawn scheduled\n\truns = 1\n"
    )
    run(f"sudo launchctl bootout system/x; {LOAD}")
    assert run(STATE).out == "\tstate = running\n\truns = 1\n"


def test_what_login_items_switched_off_is_not_loaded(run: Run) -> None:
    refused = (5, "", "Bootstrap failed: 5: Input/output error\n")

    assert run(f"{X} rehearse disallow x; sudo launchctl enable system/x; {LOAD}") == refused
    assert run("sfltool dumpbtm").code == 1
    shown = run("sudo sfltool dumpbtm").out
    assert (
        "          Disposition: [enabled, disallowed, notified] (0x9)\n           Identifier: 16.x\n"
        "                  URL: file:///Library/LaunchDaemons/x.plist\n"
    ) in shown
    assert shown.count("[enabled, allowed, notified] (0xb)") == 1
    assert run(f"rehearse allow x; {LOAD}").code == 0


def test_a_crash_loop_goes_on_until_it_is_mended(run: Run) -> None:
    run(f"{X} plutil -insert ThrottleInterval -float 0.4 {PLIST}; rehearse crash-loop x; {LOAD}")

    assert run(STATE).out == "\tstate = spawn scheduled\n\truns = 1\n"
    time.sleep(0.4)
    assert run(STATE).out == "\tstate = spawn scheduled\n\truns = 2\n"
    assert run(f"rehearse mend x; {STATE}").out == "\tstate = running\n\truns = 3\n"


def test_one_label_may_be_loaded_in_two_domains(run: Run) -> None:
    agent = "~/Library/LaunchAgents/x.plist"
    run(f"rehearse login mmirvois; {X} cp {PLIST} {agent}; {LOAD}")

    assert run(f"launchctl bootstrap gui/501 {agent}; launchctl print gui/501/x && launchctl print system/x").code == 0


def test_the_old_guide_leaves_agents_and_a_public_route(run: Run) -> None:
    run("rehearse old-guide")

    assert "\tstate = running\n" in run("launchctl print gui/501/com.ollama.server").out
    assert "\trun interval = 300 seconds\n" in run("launchctl print gui/501/com.ollama.watchdog").out
    assert "(Funnel on)\n|-- / proxy http://127.0.0.1:11434\n" in run("tailscale serve status").out
    assert '"SleepDisabled" = Yes' in run("ioreg -r -c IOPMrootDomain -d 1").out
    assert ": /usr/local/bin/ollama\n" in run(f"{FIREWALL} --listapps").out
    assert run("launchctl print system/com.apple.screensharing; curl -fs 127.0.0.1:11434/api/tags").code == 0


def test_homebrews_services_listen(run: Run) -> None:
    run("rehearse brew-service ollama; rehearse brew-service nginx homebrew.mxcl")

    assert "OLLAMA_KV_CACHE_TYPE => q8_0\n" in run("launchctl print gui/501/sh.brew.ollama").out
    assert "\tstate = running\n" in run("launchctl print gui/501/homebrew.mxcl.nginx").out
    assert run("curl -fs http://127.0.0.1:8080 && curl -fs http://127.0.0.1:11434").code == 0


def test_what_is_uninstalled_stays_away(run: Run, root: Path) -> None:
    run("rehearse uninstall /usr/local/bin/ollama; rehearse uninstall /opt/vllm")
    birth.refresh(root, programs=["/usr/local/bin/ollama", "/opt/vllm"], python=sys.executable)

    assert run("ls /usr/local/bin/ollama /opt/vllm").out == ""


def test_every_knob_is_in_the_help(run: Run) -> None:
    shown = run("rehearse --help").out

    knobs = {*trouble.KNOBS, *scenes.KNOBS, *rehearse.KNOBS, *rehearse.SWITCHES, "old-guide"}
    assert [knob for knob in sorted(knobs) if f" {knob} " not in shown.replace("\n", " ")] == []


def test_pmset_lags_behind_its_writes_once(run: Run) -> None:
    run("sudo pmset -c sleep 0")

    assert " sleep                1\n" in run("pmset -g custom").out
    assert " sleep                0\n" in run("pmset -g custom").out


def test_disablesleep_fails_with_exit_0(run: Run) -> None:
    assert run("pmset disablesleep 1") == (0, "'pmset' must be run as root...\n", "")
    assert "SleepDisabled" not in run("ioreg -r -c IOPMrootDomain -d 1").out

    assert run("sudo pmset -c disablesleep 1; pmset -g").code == 0
    assert run("pmset -g").out.startswith("System-wide power settings:\n SleepDisabled\t\t1\nCurrently in use:\n")
    assert '"SleepDisabled" = Yes' in run("ioreg -r -c IOPMrootDomain -d 1").out


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("pmset -c sleep", (1, "Usage: pmset <options>\nSee pmset(1) for details: 'man pmset'\n", "")),
        ("pmset -c sleep -1", (1, "Usage: pmset <options>\nSee pmset(1) for details: 'man pmset'\n", "")),
        (f"sudo pmset -b sleep 5; {CUSTOM} | grep -c ' sleep  *1$'", (0, "1\n", "")),
        (
            f"sudo pmset -c displaysleep 010 womp 7; {CUSTOM} | grep -cE '(displaysleep  *8|womp  *1)$'",
            (0, "2\n", ""),
        ),
        (f"sudo pmset -c powernap 1; {CUSTOM} | grep -c SleepServices", (0, "1\n", "")),
        (f"rehearse ups on; {CUSTOM} | grep Power:", (0, "AC Power:\nUPS Power:\n", "")),
    ],
)
def test_pmset_arguments(run: Run, command: str, answer: tuple[int, str, str]) -> None:
    assert run(command) == answer


@pytest.mark.parametrize(
    "command",
    [
        "pmset -c sleep 0",
        f"launchctl bootout {TAILSCALED}",
        "launchctl enable system/x",
        f"launchctl kickstart -k {TAILSCALED}",
        "tailscale serve --bg 8080",
        "tailscale set --ssh=true",
        "tailscale serve reset",
        "sysctl iogpu.wired_limit_mb=1",
        f"{FIREWALL} --setglobalstate on",
        "chown root /Users/mmirvois",
        "systemsetup -getremotelogin",
        "scutil --set HostName x",
    ],
)
def test_root_is_asked_for_and_nothing_changes(run: Run, root: Path, command: str) -> None:
    before = (root / ".mac/state.json").read_text()

    assert run(command).code == 1
    assert (root / ".mac/state.json").read_text() == before


def test_everybody_reads_the_time_zone_and_root_sets_it(run: Run) -> None:
    assert run("readlink /etc/localtime").out == "/var/db/timezone/zoneinfo/America/Los_Angeles\n"
    assert run("systemsetup -settimezone Europe/Paris").code == 1
    assert run("sudo systemsetup -gettimezone").out == "Time Zone: America/Los_Angeles\n"

    done = run("sudo systemsetup -settimezone Europe/Paris")

    assert (done.code, done.out) == (0, "Set TimeZone: Europe/Paris\n")
    assert re.search(r"### Error:-99 File:\S+InternetServices\.m Line:395\n$", done.err)
    assert run("readlink /etc/localtime; sudo systemsetup -gettimezone").out == (
        "/var/db/timezone/zoneinfo/Europe/Paris\nTime Zone: Europe/Paris\n"
    )


def test_the_firewall_follows_links_and_knows_block_all(run: Run) -> None:
    run("ln -s /usr/local/bin/ollama /opt/homebrew/bin/ollama")
    run(f"sudo {FIREWALL} --add /opt/homebrew/bin/ollama --setglobalstate on --setblockall on")

    assert "10 : /usr/local/bin/ollama\n" in run(f"{FIREWALL} --listapps").out
    assert "(State = 2)" in run(f"{FIREWALL} --getglobalstate").out


def test_set_raw_drops_unknown_fields_in_silence(run: Run) -> None:
    run("sudo tailscale serve --bg 8080")

    assert run("sudo tailscale serve set-raw", '{"Foo": 1}').code == 0
    assert run("tailscale serve status --json").out == "{}\n"


def test_a_pipe_from_status_to_set_raw_does_not_block(run: Run) -> None:
    run("sudo tailscale serve --bg 8080")

    assert run("tailscale serve status --json | sudo tailscale serve set-raw").code == 0
    assert "8080" in run("tailscale serve status --json").out


def test_a_route_that_is_not_there_cannot_be_removed(run: Run) -> None:
    assert run("sudo tailscale serve --https=443 off").code == 1
    run("sudo tailscale serve --bg 8080; sudo tailscale serve --bg --set-path=/x 9000")
    assert run("sudo tailscale serve --https=443 --set-path=/x/ off").code == 1  # its other spelling (lab)
    assert run("sudo tailscale serve --https=443 --set-path=/x off").code == 0
    assert '"/x"' not in run("tailscale serve status --json").out
    assert run("sudo tailscale serve --https=443 off; tailscale serve status --json").out == "{}\n"


def test_the_local_api_refuses_a_stale_etag(run: Run) -> None:
    head = run(f"{SOCKET} -D - -o /dev/null {API}").out
    etag = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("Etag"))
    post = f"{SOCKET} -f -H 'If-Match: {etag}' -X POST --data-binary @- {API}"
    config = json.dumps({"TCP": {"443": {"HTTPS": True}}})

    assert run(post, config).code == 22
    assert run(f"sudo {post}", config) == (0, "", "")
    assert run(f"sudo {post}", config) == (22, "", "curl: (22) The requested URL returned error: 412\n")
    assert run(f"rehearse tailscale stop; {SOCKET} {API}").code == 7


def test_without_its_job_tailscaled_does_not_answer(run: Run) -> None:
    run(f"sudo launchctl bootout --wait {TAILSCALED}")

    assert run("tailscale status").code == 1


@pytest.mark.parametrize(
    ("stdin", "code", "err"),
    [
        ("secret\nrest\n", 0, ""),
        ("wrong\nsecret\nrest\n", 0, "Sorry, try again.\n"),
        ("a\nb\nc\n", 1, "Sorry, try again.\nSorry, try again.\nsudo: 3 incorrect password attempts\n"),
        ("", 1, "sudo: no password was provided\nsudo: a password is required\n"),
    ],
)
def test_sudo_reads_its_password_and_no_more(run: Run, stdin: str, code: int, err: str) -> None:
    run("rehearse sudo-password secret")

    assert run("sudo -n true") == (1, "", "sudo: a password is required\n")
    assert run("sudo -S -k -p '' sh -c 'cat; id -u'", stdin) == (code, "" if code else "rest\n0\n", err)


def test_sudo_names_what_it_cannot_find(run: Run) -> None:
    assert run("sudo no-such-tool") == (1, "", "sudo: no-such-tool: command not found\n")
    assert run("sudo -u mmirvois id -u").out == "501\n"
    home = run("sh -c 'echo $HOME'").out
    assert run("sudo sh -c 'echo $HOME'").out == home  # as a Mac's own sudoers have it
    assert run("sudo -H sh -c 'echo $HOME'").out.endswith("/var/root\n")
    assert run("sudo -H sudo -H -u mmirvois sh -c 'echo $HOME'").out == home
    assert run("sudo /usr/bin/id -un").out == "root\n"


def test_a_tool_that_is_not_simulated_is_not_found(run: Run) -> None:
    assert run("systemctl").code == 127
    assert run("sudo systemctl").err == "sudo: systemctl: command not found\n"


def test_the_laptops_own_tools_are_never_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cat", "grep", "launchctl", "pmset", "python3", "sh", "sudo", "tailscale"):
        (tools / name).write_text(f"#!/bin/sh\necho {name} >> '{tmp_path}/called'\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    birth.create(tmp_path / "mac", user="mmirvois", dns_name=NAME, programs=[])
    environment = birth.environment(tmp_path / "mac")

    commands = "echo x > file; cat file; grep x file; sudo sh -c 'pmset -g'; launchctl list; tailscale status"
    subprocess.run(
        ["/bin/sh", "-c", commands], env=environment, cwd=environment["HOME"], check=True, capture_output=True
    )

    assert not (tmp_path / "called").exists()


def test_an_errand_is_done_at_once(run: Run) -> None:
    run(f"{X} plutil -remove KeepAlive {PLIST}; plutil -insert StartInterval -integer 300 {PLIST}; {LOAD}")

    assert "\truns = 0\n" in run("launchctl print system/x").out
    run("sudo launchctl kickstart system/x")
    shown = run("launchctl print system/x").out
    assert "\tstate = not running\n" in shown
    assert "\tlast exit code = 0\n" in shown
    assert "\trun interval = 300 seconds\n" in shown


def test_the_environment_holds_nothing_of_the_laptop(root: Path) -> None:
    environment = birth.environment(root)

    assert all(folder.startswith(f"{root}/") for folder in environment["PATH"].split(":"))
    assert all(environment[name].startswith(f"{root}/") for name in ("HOME", "TMPDIR"))


def test_paths_lead_into_the_folder(run: Run, root: Path, tmp_path: Path) -> None:
    run("mkdir -p /opt/x/y; echo hello | tee /opt/x/file; cp /opt/x/file /opt/x/y/copy; ln -s /opt/x/file /opt/x/link")

    assert (root / "opt/x/y/copy").read_text() == "hello\n"
    assert run("cat /opt/x/link; grep -c /hell /opt/x/file; sed 's/h/j/' /opt/x/file").out == "hello\n0\njello\n"
    assert run("realpath /opt/x/link /etc").out == "/opt/x/file\n/private/etc\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a mac"]


def test_in_a_copy_of_the_mac_an_owner_is_not_lost_to_a_file_that_has_the_old_ones_number(root: Path, run: Run) -> None:
    run("touch /opt/a; sudo chown mmirvois:staff /opt/a")
    old, copy = root / "opt/a", root / "opt/copy"
    os.link(old, root / "opt/b")  # b has its number
    shutil.copy2(old, copy)
    copy.replace(old)
    os.utime(root / "opt/b", (1, 1))

    said = run("sudo chown root:wheel /opt/b; stat -f '%Su' /opt/a /opt/b")

    assert said.out == "mmirvois\nroot\n"


def test_owners_go_with_a_file_that_is_renamed(run: Run) -> None:
    run("touch /opt/a; sudo chown mmirvois:staff /opt/a; mv /opt/a /opt/b; touch /opt/a")

    assert run("stat -f '%Su:%Sg %u:%g %Lp %z %N' /opt/b").out == "mmirvois:staff 501:20 644 0 /opt/b\n"
    assert run("stat -f %Su /opt/a ~ /Library /dev/console").out == "root\nmmirvois\nroot\nroot\n"
    assert run("rehearse login mmirvois; stat -f %Su /dev/console").out == "mmirvois\n"


def test_the_plist_that_tailscaled_wrote_is_read_by_root_alone(run: Run) -> None:
    plist = "/Library/LaunchDaemons/com.tailscale.tailscaled.plist"

    assert run(f"stat -f '%Lp %Su' {plist}").out == "700 root\n"
    assert run(f"cat {plist}") == (1, "", f"cat: {plist}: Permission denied\n")
    assert run(f"plutil -lint {plist}").code == 1
    assert run(f"sudo plutil -lint {plist}").out == f"{plist}: OK\n"


def test_scripts_are_posix(root: Path) -> None:
    scripts = [path for folder in birth.PATH for path in sorted(Path(f"{root}{folder}").iterdir()) if path.is_file()]

    done = subprocess.run([SHELLCHECK, *scripts], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_calls_are_noted(run: Run, root: Path) -> None:
    run("sudo pmset -c sleep 0")

    calls = [json.loads(line) for line in (root / ".mac/calls").read_text().splitlines()]
    assert [call[1:] for call in calls] == [
        [False, ["sudo", "pmset", "-c", "sleep", "0"]],
        [True, ["pmset", "-c", "sleep", "0"]],
    ]


def test_refresh_is_idempotent_and_respects_removals(root: Path) -> None:
    (root / "usr/local/bin/ollama").unlink()
    (root / "usr/bin/pmset").write_text("old")
    kept = (root / "usr/bin/stat").stat().st_mtime_ns

    birth.refresh(root, programs=["/usr/local/bin/ollama", "/opt/homebrew/bin/nginx"], python=sys.executable)

    assert not (root / "usr/local/bin/ollama").exists()
    assert (root / "opt/homebrew/bin/nginx").exists()
    assert (root / "usr/bin/pmset").read_text().startswith("#!/bin/sh\n")
    assert (root / "usr/bin/stat").stat().st_mtime_ns == kept


def test_a_killed_birth_leaves_no_half_mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(birth, "refresh", killed)
    with pytest.raises(KeyboardInterrupt):
        birth.create(tmp_path / "mac", user="mmirvois", dns_name=NAME, programs=[])
    assert not (tmp_path / "mac").exists()

    monkeypatch.undo()
    (tmp_path / "mac").mkdir()
    birth.create(tmp_path / "mac", user="mmirvois", dns_name=NAME, programs=[])
    assert (tmp_path / "mac/.mac/state.json").exists()


def test_many_at_once_lose_nothing(run: Run) -> None:
    run("for n in 1 2 3 4 5 6 7 8; do sudo launchctl disable system/n$n & done; wait")

    assert run("launchctl print-disabled system | grep -c '\"n.\" => disabled'").out == "8\n"


def test_a_tool_needs_the_standard_library_alone() -> None:
    folder = Path(machine.__file__).parent
    imported = {
        line.split()[1].partition(".")[0]
        for file in folder.glob("*.py")
        for line in file.read_text().splitlines()
        if line.strip().startswith(("import ", "from ")) and not line.strip().startswith("from .")
    }

    assert imported <= set(sys.stdlib_module_names) | {"__future__"}


@pytest.mark.parametrize(
    "command",
    [
        "uname -s",
        "id -u",
        "sysctl -n hw.memsize",
        "scutil --get ComputerName",
        "socketfilterfw --getglobalstate",
        "sudo -n true",
        "pmset -g custom",
        "pmset -g assertions",
        "stat -f %Su:%Lp /Library",
        f"launchctl print {TAILSCALED}",
        "launchctl print-disabled system",
    ],
)
def test_what_is_called_often_loads_nothing_slow(root: Path, command: str) -> None:
    words = [sys.executable, "-I", "-S", "-X", "importtime", str(Path(machine.__file__).with_name("__main__.py"))]
    done = subprocess.run(
        [*words, *command.split()], env=birth.environment(root), check=True, capture_output=True, text=True
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}

    assert "mac.tools" in loaded
    assert not loaded & SLOW


@pytest.mark.parametrize(
    "value",
    [{}, {"a": [1, -0.5, 1e300, 10**30, True, None, {"b": {}}], "é \U0001f600\n": '"\\'}, [float("inf")], "\ud800"],
)
def test_the_state_is_read_and_written_as_by_the_json_package(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(value)
    for _ in ("by its C functions", "by the package itself"):
        assert quick_json.dumps(value) == text
        assert quick_json.loads(f"{text}\n") == quick_json.loads(text) == value
        for damaged in (text[:-1], f"{text},", f"{text}{text}", "", "[" * 100_000):
            with pytest.raises((json.JSONDecodeError, RecursionError)) as own:
                json.loads(damaged)
            with pytest.raises(own.type, match=re.escape(str(own.value))):
                quick_json.loads(damaged)
        monkeypatch.setitem(sys.modules, "_json", None)


def test_a_start_is_quick(root: Path) -> None:
    environment = {**birth.environment(root), "PATH": os.environ["PATH"]}
    started = time.monotonic()
    for _ in range(5):
        subprocess.run([root / "usr/bin/sw_vers"], env=environment, check=True, capture_output=True)
    assert time.monotonic() - started < 2.5


@pytest.mark.skipif(sys.platform != "linux", reason="only this ps tells the seconds too")
def test_the_age_of_a_process_is_told_and_read_as_the_real_ps_tells_it() -> None:
    said = subprocess.run(["ps", "-A", "-o", "etimes=,etime="], capture_output=True, text=True, check=True).stdout
    ages = {told: int(seconds) for seconds, told in map(str.split, said.splitlines())}
    assert ages
    for told, seconds in ages.items():
        assert ps.clock(time.time() - seconds - 0.5) == told
        assert health.running("x", Actual(Facts(), {}, Record(), kinds=KINDS, answers={"age x": told})) == seconds
