"""`tailscale status --json`: every field that was seen for the nodes of the test control server."""

from __future__ import annotations

from .tailnet import IPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .machine import Mac

DEPRECATED = "HTTPS://TAILSCALE.COM/s/DEPRECATED-NODE-CAPS#see-https://github.com/tailscale/tailscale/issues/11508"
PEER_IPS = ("100.64.0.2", "fd7a:115c:a1e0:ab12:4843:cd96:6240:2")
PEER_OLD_CAPS = [
    "https",
    "funnel",
    "https://tailscale.com/cap/file-sharing",
    "https://tailscale.com/cap/funnel-ports?ports=8080,443",
]
PEER_CAPS = [
    "funnel",
    "https",
    "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000",
    "https://tailscale.com/cap/ssh",
]
NEVER = "0001-01-01T00:00:00Z"


def status(mac: Mac, backend: str, *, peers: bool) -> dict[str, Any]:
    """Return the whole status."""
    name = mac.state["dns_name"]
    suffix = name.partition(".")[2]
    running = backend == "Running"
    peer = _node(2, f"macbook.{suffix}", PEER_IPS, PEER_CAPS)
    peer |= {"Addrs": None, "CurAddr": "127.0.0.1:45960", "RxBytes": 2036, "TxBytes": 3188, "Active": True}
    peer |= {"Capabilities": PEER_OLD_CAPS, "InMagicSock": True, "InEngine": True}
    shown = _node(1, name, IPS, mac.state["tailscale"]["caps"] if running else [])
    return {
        "Version": "1.102.5",
        "TUN": True,
        "BackendState": backend,
        "HaveNodeKey": running,
        "AuthURL": "",
        "TailscaleIPs": list(IPS) if running else None,
        "Self": shown if running else {**shown, "DNSName": "", "TailscaleIPs": None, "Online": False},
        "Health": [] if running else ["You are logged out."],
        "MagicDNSSuffix": suffix if running else "",
        "CurrentTailnet": {"Name": "fake-control.example.net", "MagicDNSSuffix": suffix, "MagicDNSEnabled": True},
        "CertDomains": [name] if running else None,
        "ExtraRecords": None,
        "Peer": {peer["PublicKey"]: peer} if peers and running else None,
        "User": {
            "123": {
                "ID": 123,
                "LoginName": "user-123@fake-control.example.net",
                "DisplayName": "User 123",
                "ProfilePicURL": "https://tailscale.com/static/images/marketing/team-carney.jpg",
            },
        },
        "ClientVersion": None,
    }


def _node(number: int, name: str, ips: tuple[str, str], caps: list[str]) -> dict[str, Any]:
    lists = {"Capabilities": [DEPRECATED, *caps], "CapMap": dict.fromkeys(caps)} if caps else {}
    return {
        "ID": f"TESTCTRL{number:08}",
        "NodeID": number,
        "PublicKey": f"nodekey:{number:064x}",
        "HostName": name.partition(".")[0],
        "DNSName": f"{name}.",  # with a dot at the end
        "OS": "macOS",
        "UserID": 123,
        "TailscaleIPs": list(ips),
        "AllowedIPs": [f"{ips[0]}/32", f"{ips[1]}/128"],
        "Addrs": ["127.0.0.1:54372", "192.0.2.2:54372"],
        "CurAddr": "",
        "Relay": "test",
        "PeerRelay": "",
        "RxBytes": 0,
        "TxBytes": 0,
        "Created": NEVER,
        "LastWrite": NEVER,
        "LastSeen": NEVER,
        "LastHandshake": NEVER,
        "Online": True,
        "ExitNode": False,
        "ExitNodeOption": False,
        "Active": False,
        "PeerAPIURL": [f"http://{ips[0]}:58436", f"http://[{ips[1]}]:58436"],
        "TaildropTarget": 0,
        "NoFileSharingReason": "",
        **lists,
        "InNetworkMap": True,
        "InMagicSock": False,
        "InEngine": False,
    }
