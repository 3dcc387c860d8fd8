"""The first run: Tailscale SSH is turned on through the Mac's Remote Login, which is a real sshd here."""

from __future__ import annotations

import pytest
from lab.conftest import HOST, Lab
from lab.labmac import USER
from lab.sshd import keygen
from lab.tailnet import wait_for

pytestmark = pytest.mark.lab
SPEC = f"""
macs: {{macstudio: {{hostname: {HOST}, user: {USER}, ssh: openssh, identity_file: ~/.ssh/studio}}}}
power: {{ac: {{sleep: 0}}}}
tailscale: {{ssh: true}}
"""


def test_tailscale_ssh_is_turned_on_through_remote_login(remote_login: Lab) -> None:
    code, said = remote_login.deploy(spec=SPEC)

    assert code == 0, said
    assert "verified: nothing is left to change" in said
    assert '"RunSSH": true' in remote_login.tailnet.mac.tailscale("debug", "prefs")
    wait_for(remote_login.tailnet.is_up, "the Mac's host keys in the tailnet")
    over_tailscale = SPEC.replace(HOST, remote_login.tailnet.name).replace("ssh: openssh, ", "")
    code, said = remote_login.deploy(spec=over_tailscale)
    assert (code, "No changes. macstudio matches the spec." in said) == (0, True), said


def test_a_host_key_that_is_not_known_is_refused(remote_login: Lab) -> None:
    (remote_login.home / ".ssh/known_hosts").unlink()

    code, said = remote_login.deploy(spec=SPEC)

    assert code == 1
    assert f"macstudio: the host key of {HOST} is not known; type `ssh {USER}@{HOST}` once, and compare it" in said
    assert not (remote_login.home / ".ssh/known_hosts").exists()


def test_another_host_key_is_refused(remote_login: Lab) -> None:
    (remote_login.home / ".ssh/known_hosts").write_text(f"{HOST} {keygen(remote_login.home / '.ssh/other')}")

    code, said = remote_login.deploy(spec=SPEC)

    assert code == 1
    assert "not the one in known_hosts: somebody may be intercepting the connection; nothing was sent" in said


def test_a_key_that_the_mac_does_not_know_is_told(remote_login: Lab) -> None:
    (remote_login.home / ".ssh/studio").unlink()

    code, said = remote_login.deploy(spec=SPEC)

    assert code == 1
    assert f"type `ssh-copy-id {USER}@{HOST}`; ~/.ssh/studio does not exist either" in said
    assert "Traceback" not in said
