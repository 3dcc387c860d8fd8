"""Parts of a new Mac's state: its power profile, its firewall's list, its tailnet preferences."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

AC_POWER = {
    "Sleep On Power Button": 1,
    "autorestartatconnect": 0,
    "lowpowermode": 0,
    "standby": 0,
    "ttyskeepawake": 1,
    "powernap": 1,
    "displaysleep": 10,
    "womp": 1,
    "networkoversleep": 0,
    "sleep": 1,
    "tcpkeepalive": 1,
    "autorestart": 0,
    "disksleep": 10,
}
"""The keys of a Mac Studio on 26.5.2 (measured), with Apple silicon's defaults (IOPMEnergyPrefs.c)."""

UPS_POWER = {**AC_POWER, "displaysleep": 2, "womp": 0}
"""A UPS adds its own profile, with `sleep 1` (recorded by system_profiler)."""

FIREWALL = {
    "/usr/libexec/sshd-session": "Block",
    "/usr/libexec/sshd-auth": "Block",
    "/usr/libexec/remoted": "Allow",
    "/usr/bin/python3": "Allow",
    "/usr/bin/ruby": "Allow",
    "/usr/sbin/cupsd": "Allow",
    "/usr/libexec/sharingd": "Allow",
    "/usr/libexec/sshd-keygen-wrapper": "Allow",
    "/usr/sbin/smbd": "Allow",
}
"""The list of a new macOS 26 (recorded)."""

CAPS = (
    "debug-disable-upnp",
    "funnel",
    "https",
    "https://tailscale.com/cap/file-sharing",
    "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000",
    "https://tailscale.com/cap/ssh",
)


def preferences(name: str) -> dict[str, Any]:
    """Return the preferences of a node that has just logged in, in the order of `tailscale debug prefs`."""
    return {
        "ControlURL": "https://controlplane.tailscale.com",
        "RouteAll": False,
        "ExitNodeID": "",
        "ExitNodeIP": "",
        "InternalExitNodePrior": "",
        "ExitNodeAllowLANAccess": False,
        "CorpDNS": True,
        "RunSSH": False,
        "RunWebClient": False,
        "WantRunning": True,
        "LoggedOut": False,
        "ShieldsUp": False,
        "AdvertiseTags": None,
        "Hostname": name,
        "NotepadURLs": False,
        "AdvertiseRoutes": None,
        "AdvertiseServices": None,
        "Sync": None,
        "NoSNAT": False,
        "NoStatefulFiltering": True,
        "NetfilterMode": 0,
        "AutoUpdate": {"Check": True, "Apply": None},
        "AppConnector": {"Advertise": False},
        "PostureChecking": False,
        "NetfilterKind": "",
        "RemoteConfig": False,
        "DriveShares": None,
        "OperatorUser": "",
        "Config": {
            "PrivateNodeKey": "privkey:" + 64 * "0",
            "OldPrivateNodeKey": "privkey:" + 64 * "0",
            "UserProfile": {
                "ID": 123,
                "LoginName": "user-123@fake-control.example.net",
                "DisplayName": "User 123",
                "ProfilePicURL": "https://tailscale.com/static/images/marketing/team-carney.jpg",
            },
            "NetworkLockKey": "nlpriv:" + 128 * "0",
            "NodeID": "TESTCTRL00000001",
        },
    }
