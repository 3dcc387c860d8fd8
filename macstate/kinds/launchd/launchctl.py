"""Parse what `launchctl` prints, and boot jobs out and in.

Apple does not promise the layout, so only lines that were seen on every release are read.
"""

from __future__ import annotations

import json
import plistlib
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from macstate.kernel.outputs import Outputs, runs_of
from macstate.kernel.steps import Run, Step, Wait
from macstate.printable import LINES, printable

ADDED = re.compile(r"XPC_SERVICE_NAME|OSLogRateLimit|SUDO_\w+")
"""What launchd itself adds to a job's environment."""
SHOWN = {"WorkingDirectory": "working directory", "StandardOutPath": "stdout path", "StandardErrorPath": "stderr path"}
"""Plist keys, and the lines of `launchctl print` that show them."""
NOT_FOUND = re.compile(r"(Bad request\.\n)?Could not find service ")


NOT_LOADED = 113
"""The exit status of `launchctl print` for a job that is not loaded."""


REFUSED = "Bootstrap failed: 5"
DISALLOWED = (
    "launchd refuses it (Bootstrap failed: 5), most often because it is switched off in System Settings > General > "
    "Login Items & Extensions; allow it there, then run again"
)
KICK = 20
"""Seconds for `launchctl kickstart`."""
TIMED_OUT = 124
SLOWEST_STOP = 60
"""Seconds that a job may take to be gone; `bootout` answers long before that."""


def bootout(target: str, seconds: int = SLOWEST_STOP) -> Iterator[Step]:
    """Boot a job out, and wait until it is gone, since `bootout` answers long before that."""
    yield Run(("launchctl", "bootout", target), accept=(0, 3, 36))  # 3: was not loaded, 36: is stopping
    yield Wait(("launchctl", "print", target), status=NOT_LOADED, seconds=seconds)


def bootstrap(target: str, path: str, *, kick: bool) -> Iterator[Step]:
    """Load a job, and start it with ``kick``, since over SSH launchd may hold back RunAtLoad and KeepAlive."""
    domain, _, label = target.rpartition("/")
    yield Run(("launchctl", "bootstrap", domain, path), refusal=(REFUSED, f"{label}: {DISALLOWED}"))
    if kick:  # it hangs on a job in the penalty box; whether the job runs is checked afterwards
        yield Run(("launchctl", "kickstart", target), accept=(0, TIMED_OUT), seconds=KICK)


@dataclass(frozen=True)
class Printed:
    """One job as `launchctl print` shows it."""

    loaded: dict[str, Any]
    """What launchd has loaded; empty if the job is not loaded."""
    state: str = ""
    last_exit: str | None = None
    pid: int | None = None
    runs: int = 0
    """How often it was started since it was loaded."""


def as_printed(plist: dict[str, Any], path: str) -> dict[str, Any]:
    """Return how `launchctl print` would show a job that was loaded from this plist."""
    shown = {line: plist[key] for key, line in SHOWN.items() if key in plist}
    if "StartInterval" in plist:
        shown["run interval"] = f"{plist['StartInterval']} seconds"
    return {
        "path": path,
        "program": plist["ProgramArguments"][0],
        "arguments": list(plist["ProgramArguments"]),
        "environment": dict(plist.get("EnvironmentVariables", {})),
        "keepalive": plist.get("KeepAlive") is True,
        "runatload": bool(plist.get("RunAtLoad")),
        **shown,
    }


def jobs(outputs: Outputs) -> Iterator[tuple[str, Printed]]:
    """Yield (target, job) of every `launchctl print TARGET`."""
    for argument, text in runs_of(outputs, "launchctl print"):
        if re.match(r".+ = \{\n", text):
            yield _job(argument, text)
        elif NOT_FOUND.match(text) or (not text and re.fullmatch(r"system/.+|gui/\d+/.+", argument)):
            yield argument, Printed({})


def _job(target: str, text: str) -> tuple[str, Printed]:
    # exactly one TAB, and the first line of each name: nested blocks have a `state` of their own
    lines = dict(reversed(re.findall(r"^\t(\S[^=\n]*?) = ([^{\n].*)$", text, re.MULTILINE)))
    blocks = dict(re.findall(r"^\t(arguments|environment) = \{\n((?:\t\t.*\n)*)", text, re.MULTILINE))
    environment = re.findall(r"^\t\t(.+?) => (.*)$", blocks.get("environment", ""), re.MULTILINE)
    properties = lines.get("properties", "").split(" | ")
    if "/" not in target:  # up to macOS 10.15 the header lacks the domain
        target = f"{lines.get('domain', 'system').rpartition('.')[2]}/{target}"
    loaded = {
        **{name: lines[name] for name in ("path", "program", "run interval", *SHOWN.values()) if name in lines},
        "arguments": re.findall(r"^\t\t(.*)$", blocks.get("arguments", ""), re.MULTILINE),
        "environment": {name: value for name, value in environment if not ADDED.fullmatch(name)},
        **{name: name in properties for name in ("keepalive", "runatload")},
    }
    pid = int(lines["pid"]) if re.fullmatch("[0-9]{1,18}", lines.get("pid", "")) else None
    runs = int(lines["runs"]) if re.fullmatch("[0-9]{1,18}", lines.get("runs", "")) else 0
    return target, Printed(loaded, lines.get("state", ""), lines.get("last exit code"), pid, runs)


def overrides(outputs: Outputs) -> Iterator[tuple[str, bool]]:
    """Yield (target, enabled) of `launchctl print-disabled DOMAIN`. Up to macOS 12 ``true`` means disabled."""
    for domain, text in runs_of(outputs, "launchctl print-disabled"):
        for label, word in re.findall(r'^\t+"(.+)" => (\w+)$', text, re.MULTILINE):
            yield f"{domain or 'system'}/{label}", word in {"enabled", "false"}


def services(outputs: Outputs) -> Iterator[tuple[str, Printed]]:
    """Yield (target, job) of each job that `launchctl print DOMAIN` lists, which shows only whether it runs."""
    for domain, text in runs_of(outputs, "launchctl print"):
        for pid, label in re.findall(r"^\s+(\d{1,18})\s+\S+\s+(\S.*)$", text, re.MULTILINE):
            if domain == "system" or re.fullmatch(r"gui/\d+", domain):
                state = "running" if int(pid) else "not running"
                yield f"{domain}/{label}", Printed({"label": label}, state, None, int(pid) or None)


def plists(outputs: Outputs) -> Iterator[tuple[str, str, str]]:
    """Yield (domain, path, owner and mode) of each plist that `stat` of the plist folders shows."""
    for domain, text in runs_of(outputs, "stat"):
        for permissions, path in re.findall(r"^(\d+ [0-7]{1,4}) (/.+)$", text, re.MULTILINE):
            yield domain, path, permissions


def private(permissions: str | None) -> bool:
    """Return whether a file with this owner and mode cannot be read by everybody."""
    return not int((permissions or "0 0").split()[1], 8) & 4


def plist(text: str) -> dict[str, Any]:
    """Return a plist as JSON can express it; if the text is no plist, or nests without end, a mapping that says so."""
    try:
        found = plistlib.loads(text.encode("utf-8", "surrogateescape"))
        found = json.loads(json.dumps(found, default=_text), parse_constant=str)
    except Exception:  # noqa: BLE001 - expat's, plistlib's own, and others: <date>x</date> is an AttributeError
        found = None
    return found if isinstance(found, dict) and found else {"": "not a property list"}


def _text(value: object) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


def xml(plist: dict[str, Any]) -> str:
    """Return a plist as XML; characters that XML cannot express, as a binary plist may hold, are escaped."""
    return plistlib.dumps(_writable(plist), sort_keys=True).decode()


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_writable(key): _writable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_writable(each) for each in value]
    return printable(value, LINES) if isinstance(value, str) else value
