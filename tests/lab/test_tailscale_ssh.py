"""Over real Tailscale SSH, onto a real tailnet: logging in, what is refused, and what is left after a cut."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from lab.conftest import Lab
from lab.tailnet import DOMAIN, Forwarder, wait_for

from macstate.kinds import KINDS

pytestmark = pytest.mark.lab
VERIFIED = "verified: nothing is left to change"
CONVERGED = "No changes. macstudio matches the spec."
LOST = "the connection was lost; run again: it goes on where it stopped"
SMALL = f"""
macs: {{macstudio: {{hostname: matiass-mac-studio.{DOMAIN}, user: mmirvois}}}}
power: {{ac: {{sleep: 0}}}}
endpoints: {{one: {{engine: rest, command: [/opt/homebrew/bin/one, --port, "{{port}}"], port: 8101, serve: /one}}}}
"""


ONE = {"Handlers": {"/one": {"Proxy": "http://127.0.0.1:8101"}}}


def refused(lab: Lab, *options: str, spec: str | None = None) -> str:
    """Run the main job, which must fail without a change; give the lines that tell why."""
    before, served, commands = lab.files(), lab.served(), lab.commands()
    code, said = lab.deploy(*options, spec=spec)
    assert code == 1, said
    assert "Traceback" not in said
    assert lab.files() == before
    assert lab.served() == served
    assert lab.commands() == commands
    return said


def only(said: str, mac: str = "macstudio") -> str:
    """Give the one line that tells what is wrong with this Mac."""
    told = [line for line in said.splitlines() if line.startswith((f"{mac}: ", f"    [{mac}] "))]
    (line,) = (line for line in told if not line.endswith("] Connected"))
    return line


def test_the_lab_starts_quickly(lab: Lab) -> None:
    assert lab.seconds < 15


def test_stock_pyinfra_cannot_log_in(lab: Lab) -> None:
    """Kept so that we notice when it no longer is so."""
    code, said = lab.type("pyinfra", lab.tailnet.name, "--user", "mmirvois", "exec", "--", "true")

    assert code == 1
    assert "No authentication methods available" in said, said


def test_the_main_job_with_the_products_own_files(lab: Lab) -> None:
    """An empty ~/.ssh, no agent; then again: one remote command, counted in tailscaled's own log."""
    assert list((lab.home / ".ssh").iterdir()) == []
    code, said = lab.deploy()
    assert code == 0, said
    assert VERIFIED in said

    before = lab.commands()
    code, said = lab.deploy()

    assert code == 0, said
    assert CONVERGED in said
    assert lab.commands() == before + 1
    assert [file.name for file in (lab.home / ".ssh").iterdir()] == ["config"]  # `clients` wrote it; no key is there
    code, said = lab.type("macstate", "plan", "inventory.py", "--data", "allow=userspace")
    assert (code, CONVERGED in said) == (0, True), said


def test_userspace_networking_is_refused(lab: Lab) -> None:
    code, said = lab.deploy("--data", "lock_wait=60")

    assert code == 1
    assert "macstudio: tailscale: refused, its tailscaled has userspace networking" in said


def test_another_host_key_is_refused(remote_login: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real SSH server stands where the Mac is expected; no tailscaled, for all of a machine may have its one key."""
    remote_login.tailnet.mac.tailscale("set", "--ssh")
    wait_for(remote_login.tailnet.is_up, "the Mac's host keys in the tailnet")
    port = int(remote_login.elsewhere.rpartition("=")[2])
    monkeypatch.setattr(remote_login, "forwarder", SimpleNamespace(port=port))

    said = refused(remote_login)

    assert "which is not one that the tailnet knows for it: somebody may be intercepting" in only(said)


@pytest.mark.parametrize("policy", ["refuse", "none"])
def test_a_policy_without_ssh_is_told(lab: Lab, policy: str) -> None:
    lab.tailnet.console("ssh", policy=policy)
    time.sleep(0.5)  # until the Mac's tailscaled has heard of it

    line = only(refused(lab))

    assert "tailnet policy does not permit you to SSH to this node; see the `ssh` rules" in line
    assert "~/.ssh/macstudio does not exist either" in line


def test_check_mode_shows_the_url_and_waits(lab: Lab) -> None:
    lab.mac.install("one", "opt/homebrew/bin/one")
    lab.tailnet.console("ssh", policy="check")
    time.sleep(0.5)
    visit = threading.Thread(target=lab.tailnet.console, args=("ssh",), kwargs={"policy": "visited"})
    visit.start()

    begun = time.monotonic()
    code, said = lab.type("macstate", "plan", "inventory.py", "--data", "allow=userspace", spec=SMALL)
    visit.join()

    assert code == 2, said
    assert said.count("visit: https://login.example.net/a/lab-check (waiting 5 minutes for that)") == 1
    assert time.monotonic() - begun > 3


def test_a_mac_without_ssh_is_told(lab: Lab) -> None:
    lab.tailnet.mac.tailscale("set", "--ssh=false")
    time.sleep(0.5)

    line = only(refused(lab))

    assert "does not offer Tailscale SSH; type `sudo tailscale set --ssh` at its keyboard" in line


def test_a_node_that_is_logged_out_is_told(lab: Lab) -> None:
    """Another Mac, so that this one stays in the tailnet."""
    guest = lab.tailnet.node("guest", lab.folder / "guest.sock")
    daemon = lab.tailnet.daemon(guest)
    lab.tailnet.log_in(guest, "--ssh")
    forwarder = Forwarder(lab.tailnet.laptop, f"guest.{DOMAIN}")
    lab.elsewhere = f"guest.{DOMAIN}={forwarder.port}"
    try:
        guest.tailscale("logout")
        time.sleep(0.5)
        said = refused(lab, spec=SMALL.replace("matiass-mac-studio", "guest"))
    finally:
        forwarder.die()
        lab.tailnet.processes.stop(daemon)

    assert only(said)


def test_a_laptop_that_left_its_tailnet_is_told(lab: Lab) -> None:
    lab.tailnet.laptop.tailscale("down", "--accept-risk=lose-ssh")
    try:
        said = refused(lab)
    finally:
        lab.tailnet.laptop.tailscale("up")

    assert "this laptop is not in its tailnet (tailscaled is in state Stopped); type `tailscale up`" in said


def test_of_two_macs_one_is_dead_and_the_other_converges(lab: Lab) -> None:
    lab.mac.install("one", "opt/homebrew/bin/one")
    two = SMALL.replace("macs: {", f"macs: {{dead: {{hostname: dead-mac.{DOMAIN}, user: mmirvois}}, ")

    code, said = lab.deploy(spec=two)

    assert code == 1
    assert VERIFIED in said
    assert f"dead-mac.{DOMAIN} is not in this laptop's tailnet" in only(said, "dead")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("point", "said"),
    [
        (1, "cannot read the Mac: its answer is cut off (the connection was lost); run again"),
        ("power/ac", f"~ power/ac: {LOST}"),
        ("launchd/system/macstate.one", f"+ launchd/system/macstate.one: {LOST}"),
        ("serve/443/one", f"+ serve/443/one: {LOST}"),
        (3, "verify: cannot read the Mac: its answer is cut off (the connection was lost); run again"),
    ],
    ids=["probe", "power", "launchd", "serve", "verify"],
)
def test_the_connection_is_cut(lab: Lab, point: int | str, said: str) -> None:
    """The run ends in one line; what it had sent finishes or not, and the next run converges."""
    lab.mac.install("one", "opt/homebrew/bin/one")
    begun = time.monotonic()

    reached = lab.command(point) if isinstance(point, int) else lab.change(point)
    with lab.once(reached, lab.forwarder.hang_up):
        code, output = lab.deploy(spec=SMALL)

    assert code == 1, output
    assert said in output
    assert "Traceback" not in output
    assert time.monotonic() - begun < 30
    wait_for(lambda: not (lab.mac.root / "private/var/db/macstate/lock").exists(), "what was sent is done", 30)
    assert lab.served() in ({}, {"TCP": {"443": {"HTTPS": True}}, "Web": {f"{lab.tailnet.name}:443": ONE}})
    code, output = lab.deploy(spec=SMALL)
    assert code == 0, output
    assert VERIFIED in output or CONVERGED in output
    assert lab.tailnet.get("/one").status == 200


def test_turning_tailscale_ssh_off_needs_its_override_and_comes_last(lab: Lab) -> None:
    lab.mac.install("one", "opt/homebrew/bin/one")
    off = SMALL + "tailscale: {ssh: false}\n"
    code, said = lab.deploy(spec=off)
    assert code == 1
    assert "tailscale/prefs: refused, it turns off the Tailscale SSH" in only(said)
    assert '"RunSSH": true' in lab.tailnet.mac.tailscale("debug", "prefs")

    lab.deploy("--data", "allow=userspace,cut-ssh", spec=off)

    assert '"RunSSH": false' in lab.tailnet.mac.tailscale("debug", "prefs")
    record = (lab.mac.root / "private/var/db/macstate/owned").read_text().splitlines()
    assert record[-1] == "set\ttailscale/prefs\tssh"  # its script outlived the session
    kinds = [kind.kind for kind in KINDS if not kind.laptop]
    assert kinds[kinds.index("tailscale") + 1 :] == ["model", "alias"]  # which nothing hangs on
