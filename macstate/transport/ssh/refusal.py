"""Explain why a login failed, in one line that says what helps."""

from __future__ import annotations

import socket
from pathlib import Path

from paramiko import AuthenticationException, BadHostKeyException, SSHException
from paramiko.auth_strategy import AuthFailure

from macstate.language.mac import MacEntry

BETWEEN = "somebody may be intercepting the connection; nothing was sent"


def why(error: Exception, name: str, mac: MacEntry) -> str:
    """Return one line about an error of paramiko or the network on the way to ``name``, a Mac of the spec."""
    if isinstance(error, BadHostKeyException):
        return _host_key(f"{name} shows the host key {error.key.fingerprint}", name, pinned=mac.login == "tailscale")
    if isinstance(error, AuthenticationException) or "No authentication methods" in str(error):  # paramiko had no key
        return _login(error, name, mac)
    if isinstance(error, SSHException) and "known_hosts" in str(error):
        return f"the host key of {name} is not known; type `ssh {mac.user}@{name}` once, and compare it"
    if isinstance(error, socket.gaierror):
        return f"{name} cannot be resolved; is MagicDNS on (`tailscale up --accept-dns`), and `hostname` right?"
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError):
        return f"{name} does not answer ({said}); is it awake, and does its SSH server run?"
    return f"the connection ended before the login ({said}); run again"


def _host_key(shown: str, name: str, *, pinned: bool) -> str:
    if pinned:
        anew = "if the Mac was just set up again, retry in a minute"
        return f"{shown}, which is not one that the tailnet knows for it: {BETWEEN}; {anew}"
    return f"{shown}, not the one in known_hosts: {BETWEEN}; if it was set up again, type `ssh-keygen -R {name}`"


def _login(error: Exception, name: str, mac: MacEntry) -> str:
    file = mac.identity_file
    missing = f"; {file} does not exist either" if file and not Path(file).expanduser().is_file() else ""
    if isinstance(error, AuthFailure):  # raised by the strategy that tries "none" first
        said = str(error.result[0].result).strip().rstrip(".")
        rule = f"one must accept this laptop's owner, this Mac, and the user {mac.user}"
        remedy = f"see the `ssh` rules of the tailnet's policy: {rule}{missing}"
        return f"Tailscale SSH does not let {mac.user} in: {said}; {remedy}"
    return f"{name} accepts no key of this laptop for {mac.user}; type `ssh-copy-id {mac.user}@{name}`{missing}"
