"""`systemsetup`, `fdesetup` and `system_profiler SPPowerDataType`."""

from __future__ import annotations

from . import launchd, time_zone
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SSH = "/System/Library/LaunchDaemons/ssh.plist"


def main(mac: Mac, tool: str, words: list[str]) -> int:
    """Play the tool."""
    return {"systemsetup": _systemsetup, "fdesetup": _fdesetup, "system_profiler": _profiler}[tool](mac, words)


def _systemsetup(mac: Mac, words: list[str]) -> int:
    option, value = ([*words, "", ""])[:2]
    if not mac.as_root:  # even for reading
        raise Failure(1, "You need administrator access to run this tool... exiting!", stdout=True)
    if option in {"-gettimezone", "-settimezone"}:
        out(time_zone.play(mac, option, value))
        return 0
    power = mac.state["power"]["profiles"]["AC Power"]
    overrides = launchd.overrides(mac, "system")
    if option == "-setremotelogin" and not mac.state["full_disk_access"]:
        raise Failure(
            1, "setremotelogin: Turning Remote Login on or off requires Full Disk Access privileges.", stdout=True
        )
    if option == "-setremotelogin":
        overrides["com.openssh.sshd"] = "enabled" if value == "on" else "disabled"
    elif option == "-setrestartpowerfailure":
        power["autorestart"] = int(value == "on")
    answers = {
        "-getremotelogin": f"Remote Login: {'Off' if overrides.get('com.openssh.sshd') == 'disabled' else 'On'}",
        "-getrestartpowerfailure": f"Restart After Power Failure: {'On' if power['autorestart'] else 'Off'}",
        "-setrestartpowerfailure": f"setrestartpowerfailure: {value.capitalize()}",  # no recording
        "-getremoteappleevents": "Remote Apple Events: Off",
        "-getcomputername": f"Computer Name: {mac.state['names']['ComputerName']}",
        "-setremotelogin": f"setremotelogin: {value.capitalize()}",  # no recording
    }
    if option not in answers:
        raise Failure(1, "Usage: systemsetup -help", stdout=True)
    out(answers[option])
    return 0


def _fdesetup(mac: Mac, words: list[str]) -> int:
    if words == ["status"]:
        out(f"FileVault is {'On' if mac.state['filevault'] else 'Off'}.")
    elif words == ["supportsauthrestart"]:
        out("true")  # as on a Mac Studio
    elif words == ["isactive"]:
        out(str(mac.state["filevault"]).lower())
    else:
        raise Failure(11, "Error: FileVault could not be changed in a rehearsal.")  # a real Mac needs a person for it
    return 0


def _profiler(mac: Mac, words: list[str]) -> int:
    if "SPPowerDataType" in words:
        for line in ("Power:\n", *_power(mac)):
            out(line)
    return 0


def _power(mac: Mac) -> Iterator[str]:
    yield "    System Power Settings:\n"
    profiles = mac.state["power"]["profiles"]
    for name, profile in profiles.items():
        yield f"      {name}:"
        yield f"          System Sleep Timer (Minutes): {profile['sleep']}"
        yield f"          Disk Sleep Timer (Minutes): {profile['disksleep']}"
        yield f"          Display Sleep Timer (Minutes): {profile['displaysleep']}"
        yield f"          Sleep on Power Button: {_word(profile['Sleep On Power Button'])}"
        yield f"          Automatic Restart on Power Loss: {_word(profile['autorestart'])}"
        yield f"          Wake on LAN: {_word(profile['womp'])}"
        yield f"          Automatic Restart On Power Connect: {profile['autorestartatconnect']}"
        if name == "AC Power":
            yield "          Current Power Source: Yes"
        yield f"          Low Power Mode: {_word(profile['lowpowermode'])}"
        yield f"          Prioritize Network Reachability Over Sleep: {_word(profile['networkoversleep'])}"
    yield "\n    Hardware Configuration:\n"
    yield f"      UPS Installed: {_word(int('UPS Power' in profiles))}"
    yield "\n    AC Charger Information:\n"
    yield "      Family: 0x0000"


def _word(value: int) -> str:
    return "Yes" if value else "No"
