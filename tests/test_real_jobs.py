"""`rehearse run-jobs on`: the rehearsal's launchd starts programs, keeps them alive, and ends them."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

from macstate.rehearsal.mac import birth, keepalive, processes

SERVER = """\
import http.server, json, os, resource, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        found = {"pid": os.getpid(), "words": sys.argv, "cwd": os.getcwd(), "environment": dict(os.environ),
                 "descriptors": len(os.listdir("/dev/fd")), "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0]}
        self.wfile.write(json.dumps(found).encode())
    def log_message(self, *words):
        print("asked", flush=True)
print("begun", file=sys.stderr, flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""
STUBBORN = """\
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["/bin/sleep", "60"])
print(child.pid, flush=True)
time.sleep(60)
"""
SLEEP = "import time\ntime.sleep(60)\n"
LOG = "/Library/Logs/x.log"


class Machine:
    """A rehearsal Mac with the daemon x."""

    def __init__(self, root: Path) -> None:
        self.root = root
        birth.create(root, user="rehearsed", dns_name="studio.tail1.ts.net", programs=[])
        self.run("rehearse run-jobs on")

    def run(self, command: str) -> tuple[int, str]:
        """Run a command on it, and give its status and all that it says, until its pipes are closed."""
        environment = birth.environment(self.root)
        words = ["/bin/sh", "-c", f"exec 2>&1; {command}"]
        done = subprocess.run(words, env=environment, cwd=self.root, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    def load(self, program: str | None, *words: str, **plist: Any) -> tuple[int, str]:
        """Install a program and load its job."""
        if program is not None:
            self.install(program)
        place = "/Library/LaunchDaemons/x.plist"
        whole = {"Label": "x", "ProgramArguments": ["/opt/homebrew/bin/x", *words], "StandardOutPath": LOG, **plist}
        Path(f"{self.root}{place}").write_bytes(plistlib.dumps(whole))
        return self.run(f"sudo launchctl bootstrap system {place}")

    def install(self, program: str) -> None:
        """Put a program in place."""
        file = self.root / "opt/homebrew/bin/x"
        file.write_text(f"#!{sys.executable} -IS\n{program}")
        file.chmod(0o755)

    @property
    def job(self) -> dict[str, Any]:
        """What the Mac remembers of x."""
        jobs = json.loads((self.root / ".mac/state.json").read_text())["launchd"]["jobs"]
        found: dict[str, Any] = jobs.get("system/x", {})
        return found

    @property
    def log(self) -> str:
        """What x said."""
        file = Path(f"{self.root}{LOG}")
        return file.read_text() if file.exists() else ""

    def printed(self, name: str) -> str | None:
        """Give a line of `launchctl print`."""
        line = re.search(rf"^\t{name} = (.*)$", self.run("launchctl print system/x")[1], re.MULTILINE)
        return line[1] if line else None


def until(condition: Callable[[], Any], seconds: float = 10) -> bool:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not (so := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(so)


def is_alive(pid: int) -> bool:
    return processes.began(pid) != ""


@pytest.fixture
def mac(tmp_path: Path) -> Iterator[Machine]:
    """A fresh Mac, whose jobs really run; none of them is left."""
    machine = Machine(tmp_path / "a mac")
    yield machine
    if machine.root.exists():
        was = machine.job
        machine.run("rehearse run-jobs off")
        assert not machine.job.get("supervisor")
        assert not (was.get("pid") and is_alive(was["pid"]))


def test_a_daemon_serves_and_its_caller_goes_on(mac: Machine) -> None:
    port = str(free_port())
    began = time.monotonic()
    loaded = mac.load(
        SERVER,
        "--port",
        port,
        RunAtLoad=True,
        KeepAlive=True,
        WorkingDirectory="/Users/rehearsed",
        UserName="rehearsed",
        StandardErrorPath="/Library/Logs/x.err",
        EnvironmentVariables={"A": "/b", "PATH": f"/opt/homebrew/bin:{mac.root}/usr/bin", "HOME": "/Users/rehearsed"},
        SoftResourceLimits={"NumberOfFiles": 300},
    )
    assert loaded == (0, "")
    assert time.monotonic() - began < 6  # it never ends by itself
    errors = Path(f"{mac.root}/Library/Logs/x.err")
    assert until(lambda: errors.exists() and "begun" in errors.read_text())
    root = str(mac.root)
    seen = {}

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=2) as answer:
                seen.update(json.load(answer))
        except OSError:
            return False
        return True

    assert until(answers)
    environment = seen.pop("environment")
    environment.pop("__CF_USER_TEXT_ENCODING", None)  # macOS adds it to every program that uses its frameworks
    assert environment == {
        "A": "/b",
        "HOME": f"{root}/Users/rehearsed",
        "LOGNAME": "rehearsed",
        "MACSTATE_ROOT": root,
        "PATH": f"{root}/opt/homebrew/bin:{root}/usr/bin",
        "SHELL": "/bin/zsh",
        "TMPDIR": f"{root}/tmp",  # noqa: S108 - the Mac's
        "USER": "rehearsed",
        **({"LC_CTYPE": "C.UTF-8"} if sys.platform == "linux" else {}),  # Python's own doing
    }
    assert seen == {
        "pid": mac.job["pid"],
        "words": [f"{root}/opt/homebrew/bin/x", "--port", port],
        "cwd": f"{root}/Users/rehearsed",
        "descriptors": 6,  # three, the listener, the connection, and the folder being listed
        "files": 300,
    }
    assert until(lambda: mac.log == "asked\n")
    assert mac.run(f"sudo lsof -nP -iTCP:{port} -sTCP:LISTEN -t") == (0, f"{seen['pid']}\n")
    assert mac.run("sudo launchctl kickstart -p system/x") == (0, f"service spawned with pid: {seen['pid']}\n")
    assert mac.job["since"] == processes.began(seen["pid"])
    assert processes.is_same(**mac.job["supervisor"])
    assert os.getsid(mac.job["supervisor"]["pid"]) != os.getsid(0)


def test_root_without_a_user_name(mac: Machine) -> None:
    mac.load("import os\nprint(*(f'{k}={v}' for k, v in os.environ.items()), sep='\\n')\n", RunAtLoad=True)

    assert until(lambda: mac.log and mac.job["pid"] is None)
    assert {f"HOME={mac.root}/var/root", "USER=root", "MACSTATE_AS=root", f"PATH={mac.root}/usr/bin:"} <= {
        line[: line.find(":") + 1] if line.startswith("PATH") else line for line in mac.log.splitlines()
    }
    assert (mac.printed("state"), mac.printed("last exit code"), mac.printed("runs")) == ("not running", "0", "1")
    assert mac.job["supervisor"] is None


def test_keep_alive_waits_for_its_throttle_and_kickstart_does_not(mac: Machine) -> None:
    mac.load("import sys, time\nprint(time.time(), flush=True)\nsys.exit(3)\n", KeepAlive=True, ThrottleInterval=1.5)

    assert until(lambda: mac.job["last_exit"] == "3")
    assert mac.printed("state") == "spawn scheduled"
    assert mac.run("sudo launchctl kickstart system/x")[0] == 0
    assert until(lambda: len(mac.log.splitlines()) >= 3)
    first, second, third = map(float, mac.log.splitlines()[:3])
    assert second - first < 1.4 < third - second


def test_a_crash_is_restarted_and_a_restart_is_a_new_process(mac: Machine) -> None:
    mac.load(SLEEP, KeepAlive={"SuccessfulExit": False}, ThrottleInterval=0)
    first = mac.job["pid"]

    mac.run("rehearse crash x")
    assert until(lambda: mac.job["pid"] not in {first, None})
    assert mac.printed("last terminating signal") == "Killed: 9"
    assert mac.printed("last exit code") is None
    second = mac.job["pid"]
    code, said = mac.run("sudo launchctl kickstart -k -p system/x")
    third = mac.job["pid"]
    assert (code, said) == (0, f"service spawned with pid: {third}\n")
    assert third != second
    assert mac.run("sudo launchctl kill SIGTERM system/x")[0] == 0
    assert until(lambda: mac.job["pid"] not in {third, None})
    assert mac.job["signal"] == "Terminated: 15"
    assert not any(is_alive(pid) for pid in (first, second, third))


@pytest.mark.parametrize(
    ("keep_alive", "code", "again"),
    [
        (True, 0, True),
        (False, 1, False),
        ({"SuccessfulExit": False}, 0, False),
        ({"SuccessfulExit": False}, 1, True),
        ({"SuccessfulExit": False}, -signal.SIGKILL, True),
        ({"SuccessfulExit": True}, 0, True),
        ({"SuccessfulExit": True}, 1, False),
        ({"Crashed": True}, -signal.SIGSEGV, True),
        ({"Crashed": True}, -signal.SIGTERM, False),
        ({"Crashed": True}, 1, False),
        ({"Crashed": False}, 1, True),
        ({"SuccessfulExit": True, "Crashed": True}, -signal.SIGABRT, True),
    ],
)
def test_what_keep_alive_says(keep_alive: Any, code: int, again: bool) -> None:
    assert keepalive.wants_again({"plist": {"KeepAlive": keep_alive}}, code) is again


def test_it_stays_down_after_a_success_when_only_failures_are_restarted(mac: Machine) -> None:
    mac.load("", KeepAlive={"SuccessfulExit": False}, ThrottleInterval=0)

    assert until(lambda: mac.job["supervisor"] is None)
    assert (mac.job["runs"], mac.job["state"], mac.job["last_exit"]) == (1, "not running", "0")


def test_an_interval_runs_again_and_again_but_never_two_at_once(mac: Machine) -> None:
    program = "import time\nprint('in', flush=True)\ntime.sleep(0.8)\nprint('out', flush=True)\n"
    mac.load(program, StartInterval=0.6)

    assert (mac.job["runs"], mac.job["state"]) == (0, "not running")
    assert until(lambda: mac.log.split() == ["in", "out", "in"])


def test_bootout_returns_early_and_kills_what_does_not_end(mac: Machine) -> None:
    mac.load(STUBBORN, KeepAlive=True, ExitTimeOut=1.5)
    assert until(lambda: mac.log)
    program, child = mac.job["pid"], int(mac.log)

    assert mac.run("sudo launchctl bootout system/x") == (0, "")
    assert mac.run("sudo launchctl bootout system/x") == (36, "Boot-out failed: 36: Operation now in progress\n")
    assert mac.load(None) == (5, "Bootstrap failed: 5: Input/output error\n")
    assert mac.run("sudo launchctl kickstart -k system/x")[0] == 37
    assert is_alive(program)
    assert until(lambda: not mac.job)
    assert mac.run("launchctl print system/x")[0] == 113
    assert not is_alive(program)
    assert until(lambda: not is_alive(child))
    assert mac.run("sudo launchctl bootout system/x")[0] == 3


def test_what_is_missing_is_ex_config_until_it_is_there(mac: Machine) -> None:
    mac.load(None, KeepAlive=True, ThrottleInterval=1)

    assert (mac.printed("state"), mac.printed("last exit code")) == ("spawn scheduled", "78: EX_CONFIG")
    mac.install(SLEEP)
    assert until(lambda: mac.job["state"] == "running")
    assert mac.run("sudo launchctl bootout --wait system/x; launchctl print system/x")[0] == 113
    mac.load(None, RunAtLoad=True, StandardErrorPath="/nowhere/x.err")
    assert (mac.job["state"], mac.job["last_exit"]) == ("spawn scheduled", "78: EX_CONFIG")


def test_a_job_whose_supervisor_died_does_not_run(mac: Machine) -> None:
    mac.load(SLEEP, KeepAlive=True)
    program, supervisor = mac.job["pid"], mac.job["supervisor"]
    os.kill(supervisor["pid"], signal.SIGKILL)
    assert until(lambda: not is_alive(supervisor["pid"]))

    assert mac.printed("state") == "not running"
    assert mac.printed("pid") is None
    assert until(lambda: not is_alive(program))
    assert mac.run("sudo launchctl kickstart system/x")[0] == 0
    assert mac.printed("state") == "running"


def test_off_leaves_no_process_and_every_job(mac: Machine) -> None:
    mac.load(STUBBORN, KeepAlive=True)
    assert until(lambda: mac.log)
    pids = [mac.job["pid"], mac.job["supervisor"]["pid"]]

    assert mac.run("rehearse run-jobs off") == (0, "")
    assert not any(is_alive(pid) for pid in pids)
    assert until(lambda: not is_alive(int(mac.log)))
    assert mac.printed("state") == "not running"
    mac.run("sudo launchctl kickstart system/x")
    assert mac.job["pid"] > 5_000_000
    assert mac.run("rehearse run-jobs maybe")[0] == 64


def test_an_agent_goes_with_its_session(mac: Machine) -> None:
    mac.install(SLEEP)
    agent = f"{mac.root}/Users/rehearsed/Library/LaunchAgents/y.plist"
    plist = {"Label": "y", "ProgramArguments": ["/opt/homebrew/bin/x"], "KeepAlive": True, "ThrottleInterval": 0}
    Path(agent).write_bytes(plistlib.dumps(plist))

    def shown() -> str:
        return mac.run("launchctl print gui/501/y")[1]

    mac.run("rehearse login rehearsed; launchctl bootstrap gui/501 ~/Library/LaunchAgents/y.plist")
    assert "pended nondemand spawn" in shown()
    mac.run("launchctl kickstart gui/501/y")
    assert "\tstate = running\n" in shown()
    mac.run("rehearse crash y")
    assert "pended nondemand spawn" in shown()
    said = mac.run("launchctl kickstart -p gui/501/y; rehearse logout")[1]
    pid = int(said.rpartition(" ")[2])
    assert until(lambda: not is_alive(pid))


def test_a_deleted_mac_takes_its_programs_along(mac: Machine, tmp_path: Path) -> None:
    mac.load(SLEEP, KeepAlive=True)
    program = mac.job["pid"]
    shutil.copytree(mac.root, tmp_path / "copy", symlinks=True)
    copy = subprocess.run(
        [mac.root / "bin/launchctl", "print", "system/x"],
        env={**birth.environment(tmp_path / "copy")},
        text=True,
        capture_output=True,
        check=True,
    )
    assert "\tstate = not running\n" in copy.stdout  # the processes are the other's
    assert is_alive(program)
    shutil.rmtree(mac.root)

    assert until(lambda: not is_alive(program))


def test_an_older_mac_knows_nothing_of_it(mac: Machine) -> None:
    file = mac.root / ".mac/state.json"
    state = json.loads(file.read_text())
    del state["launchd"]["real"]
    file.write_text(json.dumps(state))

    assert mac.load(SLEEP, RunAtLoad=True)[0] == 0
    assert mac.job["pid"] > 5_000_000
