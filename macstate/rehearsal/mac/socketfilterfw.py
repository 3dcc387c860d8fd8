"""`socketfilterfw`: the application firewall; reading does not need root (measured), everything else does."""

from __future__ import annotations

from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STATES = (
    "Firewall is disabled. (State = 0)",
    "Firewall is enabled. (State = 1)",
    "Firewall is blocking all non-essential incoming connections. (State = 2)",
)
USAGE = "usage: socketfilterfw --getglobalstate --setglobalstate on | off …"
WITH_VALUE = ("set", "add", "remove", "blockapp", "unblockapp", "getappblocked")


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Carry out the options one after the other."""
    rest = iter(words)
    if not words:
        raise Failure(1, USAGE, stdout=True)
    for word in rest:
        option = word.removeprefix("--")
        value = next(rest, "") if option.startswith(WITH_VALUE) else ""
        out(_answer(mac, mac.state["firewall"], option, value))
    return 0


def _answer(mac: Mac, firewall: dict[str, Any], option: str, value: str) -> str:
    if option.startswith("get") or option == "listapps":
        return _read(mac, firewall, option, value)
    if not mac.as_root:
        raise Failure(1, "Must be root to change settings.", stdout=True)  # no recording
    if option in {"add", "remove", "blockapp", "unblockapp"}:
        return _rule(mac, firewall, option, value)
    names = {
        "setglobalstate": ("global", "Firewall is {}. (State = {})"),
        "setblockall": ("block_all", "Firewall has block all state set to {}."),
        "setstealthmode": ("stealth", "Stealth mode {}"),
        "setallowsigned": ("signed", "Built-in signed software is {}"),
        "setallowsignedapp": ("signed_app", "Downloaded signed software is {}"),
    }
    if option not in names or value not in {"on", "off"}:
        raise Failure(1, USAGE, stdout=True)
    name, text = names[option]
    firewall[name] = value == "on"
    return text.format(
        "enabled" if value == "on" else "disabled", int(value == "on")
    )  # no recordings but the reading's


def _read(mac: Mac, firewall: dict[str, Any], option: str, value: str) -> str:
    answers = {
        "getglobalstate": STATES[2 if firewall["block_all"] and firewall["global"] else int(firewall["global"])],
        "getblockall": f"Firewall has block all state set to {'enabled' if firewall['block_all'] else 'disabled'}.",
        "getstealthmode": f"Firewall stealth mode is {'on' if firewall['stealth'] else 'off'}",
        "getallowsigned": (
            f"Automatically allow built-in signed software {'ENABLED' if firewall['signed'] else 'DISABLED'}.\n"
            f"Automatically allow downloaded signed software {'ENABLED' if firewall['signed_app'] else 'DISABLED'}."
        ),
        "listapps": _list(firewall["apps"]),
        # "permitted" also for applications without a rule (measured)
        "getappblocked": f"Incoming connection to {value} is "
        + ("blocked." if firewall["apps"].get(mac.real(value)) == "Block" else "permitted."),
    }
    if option not in answers:
        raise Failure(1, USAGE, stdout=True)
    return answers[option]


def _list(apps: dict[str, str]) -> str:
    lines = [f"Total number of apps = {len(apps)}"]
    for number, (path, rule) in enumerate(apps.items(), start=1):
        lines += [f"{number} : {path}", f"             ({rule} incoming connections)"]
    return "\n".join(lines)


def _rule(mac: Mac, firewall: dict[str, Any], option: str, value: str) -> str:
    apps = firewall["apps"]
    path = mac.real(value)  # for a symbolic link, its target
    if option == "add":
        if not mac.file(path).exists():
            return "The file path you specified does not exist"
        apps.setdefault(path, "Allow")
        return f"Application at path ( {value} ) added to firewall"  # no recording
    if path not in apps:
        return "The application is not part of the firewall"
    if option == "remove":
        del apps[path]
        return f"Application at path ( {value} ) removed from firewall"  # no recording
    apps[path] = "Block" if option == "blockapp" else "Allow"
    word = "blocked" if option == "blockapp" else "permitted"
    return f"Incoming connection to the application is {word}"  # no recording
