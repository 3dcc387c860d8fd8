"""Over real Tailscale SSH: a real server is stopped by hand, stays so, and is started and restarted."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from lab.conftest import Lab
from lab.tailnet import wait_for
from lab.test_tailscale_ssh import CONVERGED, SMALL, VERIFIED

pytestmark = pytest.mark.lab
SPEC = SMALL.replace("serve: /one", "serve: /one, watchdog: {every: 2s}")
AGAIN = "`macstate start one` or the next apply starts them again"
PLIST = "/Library/LaunchDaemons/macstate.one.plist"


def process(lab: Lab) -> str:
    """Give the server's process, from launchd; empty: none."""
    found = re.search(r"^\tpid = (\d+)$", lab.mac.run("launchctl print system/macstate.one"), re.MULTILINE)
    return found[1] if found else ""


def by_hand(lab: Lab, *words: str) -> tuple[int, str]:
    """Type one of the commands, which is a look and one change, over the wire; the Mac is the inventory's own."""
    before = lab.commands()
    code, said = lab.type("macstate", *words, spec=SPEC)
    assert lab.commands() == before + 2, said
    return code, said


def test_a_real_server_is_stopped_and_started(lab: Lab) -> None:
    lab.mac.install("one", "opt/homebrew/bin/one")
    code, said = lab.deploy(spec=SPEC)
    assert code == 0, said
    assert lab.tailnet.get("/one").status == 200
    pid = process(lab)
    assert Path(f"/proc/{pid}").exists()

    assert by_hand(lab, "stop", "one") == (0, f"stopped one and its watchdog; {AGAIN}\n")
    assert not Path(f"/proc/{pid}").exists()
    refused = lab.mac.run(f"sudo launchctl bootstrap system {PLIST}")  # as at a boot
    assert "119: Service is disabled" in refused
    time.sleep(5)  # longer than the watchdog's interval
    assert (process(lab), lab.tailnet.get("/one").status) == ("", 502)
    code, said = lab.type("macstate", "status", "macstudio", spec=SPEC)
    assert (code, bool(re.search(r"^one +stopped", said, re.MULTILINE))) == (1, True), said

    assert by_hand(lab, "start", "macstudio", "one") == (0, "started one and its watchdog\n")
    wait_for(lambda: lab.tailnet.get("/one").status == 200, "the server")
    pid = process(lab)
    assert by_hand(lab, "restart", "one") == (0, "restarted one\n")
    wait_for(lambda: lab.tailnet.get("/one").status == 200, "the server")
    assert (process(lab) not in {"", pid}, Path(f"/proc/{pid}").exists()) == (True, False)
    code, said = lab.type("macstate", "plan", "--data", "allow=userspace", spec=SPEC)
    assert (code, CONVERGED in said) == (0, True), said
    code, said = lab.type("macstate", "log", spec=SPEC)
    assert said.count("one.watchdog\n") == 3, said  # made, stopped, started

    assert by_hand(lab, "stop", "one")[0] == 0
    code, said = lab.deploy(spec=SPEC)
    assert (code, VERIFIED in said, "stopped by `macstate stop`" in said) == (0, True, True), said
    wait_for(lambda: lab.tailnet.get("/one").status == 200, "the server")
