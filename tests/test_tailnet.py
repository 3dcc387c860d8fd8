"""Who is in the tailnet and may be reached: what the laptop's own tailscaled says, and what a person reads of it."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from laptop import ROOT
from paramiko import AuthenticationException, BadHostKeyException, PKey, SSHException
from paramiko.auth_strategy import AuthFailure, AuthResult, NoneAuth, SourceResult

from macstate.errors import MacstateError
from macstate.kernel.change import Plan
from macstate.language.facts import Node
from macstate.language.mac import MacEntry
from macstate.review import guard
from macstate.transport.ssh import refusal, tailnet
from macstate.transport.ssh.auth import Login

RECORDED = json.loads((ROOT / "tests/recordings/tailscale/lab_status_json_from_peer.txt").read_text())
NAME = "matiass-mac-studio.tail174e9b.ts.net"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def status(**changed: Any) -> dict[str, Any]:
    """Give what the laptop's tailscaled was recorded to say, with the Mac changed."""
    found: dict[str, Any] = json.loads(json.dumps(RECORDED))
    next(iter(found["Peer"].values())).update(changed)
    return found


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    tailnet.status.cache_clear()
    yield
    tailnet.status.cache_clear()


def command(folder: Path, text: str) -> str:
    """Make a tailscale command that prints this, and give a PATH with nothing else but sh's own."""
    (folder / "tailscale").write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    (folder / "tailscale").chmod(0o755)
    return f"{folder}:/bin:/usr/bin"


@pytest.mark.parametrize("hostname", [NAME, NAME.upper(), f"{NAME}.", "matiass-mac-studio", "100.64.0.1"])
def test_a_mac_is_found_by_any_of_its_names(hostname: str) -> None:
    found = tailnet.peer(hostname, status())

    assert found.name == NAME
    assert [key.split()[0] for key in found.host_keys] == ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"]


def test_a_mac_that_was_registered_anew_beside_its_old_self_is_named() -> None:
    found = status(Online=False)
    [peer] = found["Peer"].values()
    new = NAME.replace(".", "-1.", 1)
    others = {"b": {"DNSName": f"x{new}.", "Online": True}, "c": {"DNSName": f"{new}.", "Online": True}}
    found["Peer"] = {"a": peer, **others}

    with pytest.raises(MacstateError, match=re.escape(f"{NAME} is offline; {new} is online: if that is the same Mac")):
        tailnet.peer(NAME, found)


@pytest.mark.parametrize(
    ("hostname", "changed", "line"),
    [
        ("matias-mac-studio.tail174e9b.ts.net", {}, f"is not in this laptop's tailnet; did you mean {NAME}?"),
        ("elsewhere.example.net", {}, "is not in this laptop's tailnet; `tailscale status` lists what is there"),
        ("macbook.tail174e9b.ts.net", {}, "is this machine itself"),
        (NAME, {"Online": False}, f"{NAME} is offline; is it on, awake"),
        (NAME, {"Online": False, "LastSeen": "2026-11-20T10:00:00Z"}, "offline, last seen 2026-11-20T10:00:00Z; is it"),
        (NAME, {"Expired": True}, f"the tailnet key of {NAME} has expired; type `sudo tailscale up` at its keyboard"),
        (NAME, {"sshHostKeys": None}, "does not offer Tailscale SSH; type `sudo tailscale set --ssh` at its keyboard"),
    ],
)
def test_a_mac_that_cannot_be_reached_is_told_in_one_line(hostname: str, changed: dict[str, Any], line: str) -> None:
    with pytest.raises(MacstateError) as error:
        tailnet.peer(hostname, status(**changed))

    assert line in error.value.message
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        ('{"BackendState": "NeedsLogin"}', "(tailscaled is in state NeedsLogin); type `tailscale up`"),
        (
            "The Tailscale GUI failed to start: (Tailscale.CLIError error 3.)",
            "says 'The Tailscale GUI failed to start:",
        ),
        ("", "says 'nothing'"),
        ("[]", "says '[]'"),
    ],
)
def test_a_laptop_outside_its_tailnet_is_told_in_one_line(
    printed: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", command(tmp_path, printed))

    with pytest.raises(MacstateError) as error:
        tailnet.status()

    assert line in error.value.message
    assert "\n" not in error.value.message


def test_a_laptop_without_tailscale_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MacstateError, match="there is no `tailscale` on this laptop"):
        tailnet.status()


def test_a_key_that_ends_soon_is_a_warning() -> None:
    found = status(KeyExpiry="2026-12-01T08:00:00Z")
    mac = tailnet.peer(NAME, found)

    assert [line.partition(", and then")[0] for line in tailnet.warnings(found, mac, NOW)] == [
        f"the tailnet key of {NAME} expires on 2026-12-01 (in 8 days)"
    ]
    assert list(tailnet.warnings(status(), tailnet.peer(NAME, status()), NOW)) == []
    far = status(KeyExpiry="2027-05-01T08:00:00Z")
    assert list(tailnet.warnings(far, tailnet.peer(NAME, far), NOW)) == []


def refused(*reasons: Exception) -> AuthFailure:
    """Give what paramiko raises when every way in was refused."""
    result = AuthResult(strategy=Login("me", print, list))
    result.extend(SourceResult(NoneAuth("me"), reason) for reason in reasons)
    return AuthFailure(result)


KEY = PKey.from_type_string("ssh-ed25519", b64decode(tailnet.peer(NAME, RECORDED).host_keys[2].split()[1]))
MISSING = "~/.ssh/no-such-key-of-macstate"


@pytest.mark.parametrize(
    ("error", "ssh", "line"),
    [
        (
            BadHostKeyException("h", KEY, KEY),
            "tailscale",
            f"{KEY.fingerprint}, which is not one that the tailnet knows for it",
        ),
        (BadHostKeyException("h", KEY, KEY), "openssh", "not the one in known_hosts: somebody may be intercepting"),
        (
            refused(AuthenticationException("tailnet policy says no.")),
            "tailscale",
            "let me in: tailnet policy says no; s",
        ),
        (refused(AuthenticationException("no")), "tailscale", f"{MISSING} does not exist either"),
        (AuthenticationException("no"), "openssh", f"type `ssh-copy-id me@studio`; {MISSING} does not exist either"),
        (SSHException("No authentication methods available"), "openssh", "type `ssh-copy-id me@studio`"),
        (
            SSHException("StrictPolicy: No host key for studio found in known_hosts"),
            "openssh",
            "type `ssh me@studio` once",
        ),
        (OSError(111, "Connection refused"), "openssh", "studio does not answer ([Errno 111] Connection refused)"),
        (TimeoutError(), "tailscale", "studio does not answer (TimeoutError)"),
        (EOFError(), "tailscale", "the connection ended before the login (EOFError); run again"),
    ],
)
def test_a_refused_login_is_one_line_with_its_remedy(error: Exception, ssh: str, line: str) -> None:
    mac = MacEntry.model_validate({"hostname": "studio", "user": "me", "via": ssh, "identity_file": MISSING})

    said = refusal.why(error, "studio", mac)

    assert line in said
    assert "\n" not in said


def test_userspace_networking_is_refused_until_it_is_meant() -> None:
    node = Node(name=NAME, userspace=True)

    with pytest.raises(MacstateError, match=r"tailscale: refused, .*every loopback port.*`--data allow=userspace`"):
        guard.check(Plan(), node, "")
    guard.check(Plan(), node, "userspace")
    guard.check(Plan(), Node(name=NAME), "")


@pytest.mark.parametrize("variant", ["Standalone", "App Store"])
def test_the_apps_have_no_ssh_server(variant: str) -> None:
    with pytest.raises(MacstateError, match=f"the {variant} build of Tailscale on this Mac has no SSH server"):
        Node(variant=variant).check_ssh()


def test_routes_want_certificates_and_a_login() -> None:
    with pytest.raises(MacstateError, match="turn on MagicDNS and HTTPS Certificates"):
        Node(name=NAME, capabilities=frozenset({"funnel"})).check_serve()
    with pytest.raises(MacstateError, match="tailscaled is in state NeedsLogin"):
        Node.read('{"BackendState": "NeedsLogin"}').check_serve()
    Node(name=NAME, capabilities=frozenset({"https"})).check_serve()
