"""`sw_vers`, `uname`, `hostname`, `scutil`, `sysctl` and `logger`: facts about the machine."""

from __future__ import annotations

import sys
import time

from .machine import Failure, Mac, err, out


def main(mac: Mac, tool: str, words: list[str]) -> int:
    """Play the tool."""
    plays = {
        "sw_vers": _sw_vers,
        "uname": _uname,
        "hostname": _hostname,
        "scutil": _scutil,
        "sysctl": _sysctl,
        "logger": _logger,
    }
    return plays[tool](mac, words)


def _sw_vers(mac: Mac, words: list[str]) -> int:
    version = mac.state["version"]
    wanted = words[0].lstrip("-").lower() if words else ""
    if not wanted:
        for name, value in version.items():
            out(f"{name}:\t\t{value}")
        return 0
    found = [value for name, value in version.items() if name.lower() == wanted]
    if not found:
        raise Failure(1, "Usage: sw_vers [--help|--productName|--productVersion|--productVersionExtra|--buildVersion]")
    out(found[0])
    return 0


def _uname(mac: Mac, words: list[str]) -> int:
    release = mac.state["sysctl"]["kern.osrelease"]
    version = f"Darwin Kernel Version {release}: root:xnu/RELEASE_ARM64_T6031"
    values = {"s": "Darwin", "n": mac.state["dns_name"], "r": release, "v": version, "m": "arm64", "p": "arm"}
    letters = "".join(word.lstrip("-") for word in words) or "s"
    letters = "snrvm" if "a" in letters else letters
    out(" ".join(value for letter, value in values.items() if letter in letters))
    return 0


def _hostname(mac: Mac, words: list[str]) -> int:
    name = str(mac.state["names"].get("HostName", mac.state["dns_name"]))
    out(name.partition(".")[0] if "-s" in words else name)
    return 0


def _scutil(mac: Mac, words: list[str]) -> int:
    verb, name, *value = [*words, "", ""][: max(len(words), 2)]
    if verb not in {"--get", "--set"} or name not in {"HostName", "ComputerName", "LocalHostName"}:
        raise Failure(64, "usage: scutil --get pref\n       scutil --set pref [newval]")
    if verb == "--get":
        if name not in mac.state["names"]:
            raise Failure(1, f"{name}: not set")
        out(mac.state["names"][name])
    elif not mac.as_root:
        raise Failure(1, "SCPreferencesCommitChanges() failed: Permission denied")  # no recording
    else:
        mac.state["names"][name] = (value or sys.stdin.read().splitlines())[0]
    return 0


def _value(mac: Mac, name: str) -> str | None:
    if name == "kern.boottime":
        born = mac.state["born"]
        return f"{{ sec = {born}, usec = 918881 }} {time.ctime(born)}"
    found: str | None = mac.state["sysctl"].get(name)
    return found


def _sysctl(mac: Mac, words: list[str]) -> int:
    code = 0
    bare = any(word.startswith("-") and "n" in word for word in words)
    for word in [word for word in words if not word.startswith("-")]:
        name, equals, new = word.partition("=")
        value = _value(mac, name)
        if value is None:
            err(f"sysctl: unknown oid '{name}'")
            code = 1
        elif not equals:
            out(value if bare else f"{name}: {value}")
        elif name in mac.state["sysctl_read_only"] or name.startswith(("hw.", "machdep.")):
            err(f"sysctl: oid '{name}' is read only")
            code = 1
        elif not mac.as_root:
            err(f"sysctl: {name}={new}: Operation not permitted")  # no recording
            code = 1
        else:
            mac.state["sysctl"][name] = new
            out(new if bare else f"{name}: {value} -> {new}")
    return code


def _logger(_mac: Mac, _words: list[str]) -> int:
    return 0
