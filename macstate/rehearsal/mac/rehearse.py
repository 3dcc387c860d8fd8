"""`rehearse`: the knobs of a rehearsal Mac, for changes that no tool of a Mac can make."""

from __future__ import annotations

from . import disk, fresh_parts, launchd, real, scenes, tailnet, trouble
from .machine import Failure, Mac, out
from .rehearse_help import HELP


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Turn one knob."""
    knob, *rest = words or ["--help"]
    if knob in {"--help", "-h", "help"}:
        out(HELP.rstrip())
    elif knob == "tailscale":
        _tailscale(mac, rest)
    elif knob in SWITCHES and rest in (["on"], ["off"]):
        mac.state[SWITCHES[knob]] = rest == ["on"]
    elif knob == "old-guide":
        scenes.old_guide(mac, rest)
    elif knob in KNOBS and rest:
        try:
            KNOBS[knob](mac, rest)
        except ValueError:
            raise Failure(64, f"rehearse: not a number: {' '.join(words)}; see rehearse --help") from None
    elif knob == "logout":
        _login(mac, [])
    elif knob == "holders":
        mac.state["power"]["holders"] = []
    else:
        raise Failure(64, f"rehearse: no such knob: {' '.join(words)}; see rehearse --help")
    return 0


def _login(mac: Mac, words: list[str]) -> None:
    mac.state["console"] = words[0] if words else None
    if not words:  # the session's jobs end with the session
        for target in [target for target in launchd.settle(mac) if target.startswith("gui/")]:
            jobs = launchd.settle(mac)
            if jobs.get(target, {}).get("supervisor"):
                launchd.unload(mac, jobs[target])
            else:
                jobs.pop(target, None)


def _crash(mac: Mac, words: list[str]) -> None:
    jobs = [job for job in launchd.settle(mac).values() if job["label"] == words[0] and job["pid"] is not None]
    if not jobs:
        raise Failure(1, f"rehearse: {words[0]} is not running")
    for job in jobs:
        real.crash(mac, job) if job.get("supervisor") else launchd.crash(job)


def _stop_delay(mac: Mac, words: list[str]) -> None:
    mac.state["launchd"]["stop_delay"] = float(words[0])


def _listen(mac: Mac, words: list[str]) -> None:
    port, name = [*words, "program"][:2]
    host = words[2] if words[2:] else "127.0.0.1"
    mac.state["listeners"].append([launchd.next_pid(mac), name, host, int(port)])


def _unlisten(mac: Mac, words: list[str]) -> None:
    mac.state["listeners"] = [row for row in mac.state["listeners"] if row[3] != int(words[0])]


def _sudo_password(mac: Mac, words: list[str]) -> None:
    mac.state["sudo_password"] = None if words[0] == "none" else words[0]


def _holders(mac: Mac, words: list[str]) -> None:
    mac.state["power"]["holders"] = words


def _ups(mac: Mac, words: list[str]) -> None:
    profiles = mac.state["power"]["profiles"]
    profiles.pop("UPS Power", None)
    if words[0] == "on":
        profiles["UPS Power"] = dict(fresh_parts.UPS_POWER)


def _version(mac: Mac, words: list[str]) -> None:
    mac.state["version"].update(ProductVersion=words[0], BuildVersion=words[1])


def _autologin(mac: Mac, words: list[str]) -> None:
    mac.state["autologin"] = None if words[0] == "off" else words[0]


def _sysctl(mac: Mac, words: list[str]) -> None:
    mac.state["sysctl"][words[0]] = words[1]
    if words[2:] == ["read-only"]:
        mac.state["sysctl_read_only"].append(words[0])


def _forget_override(mac: Mac, words: list[str]) -> None:
    launchd.overrides(mac, "system").pop(words[0], None)


def _tailscale(mac: Mac, words: list[str]) -> None:
    tailscale = mac.state["tailscale"]
    match words:
        case ["start" | "stop"]:
            tailscale["stopped"] = words == ["stop"]
        case ["login" | "logout"]:
            tailscale["prefs"]["LoggedOut"] = words == ["logout"]
        case ["variant", ("oss" | "macsys" | "appstore") as variant]:
            tailscale["variant"] = variant
            tailnet.install(mac, variant)
        case ["rename", name]:
            mac.state["dns_name"] = f"{name}.{mac.state['dns_name'].partition('.')[2]}"
        case ["caps", *caps]:
            tailscale["caps"] = caps
        case _:
            raise Failure(64, "rehearse: see rehearse --help")


SWITCHES = {"pmset-refuse": "pmset_refuses", "filevault": "filevault", "full-disk-access": "full_disk_access"}
KNOBS = {
    "login": _login,
    "run-jobs": real.switch,
    "crash": _crash,
    "stop-delay": _stop_delay,
    "listen": _listen,
    "unlisten": _unlisten,
    "sudo-password": _sudo_password,
    "holders": _holders,
    "ups": _ups,
    "version": _version,
    "autologin": _autologin,
    "sysctl": _sysctl,
    "forget-override": _forget_override,
    **disk.KNOBS,
    **scenes.KNOBS,
    **trouble.KNOBS,
}
