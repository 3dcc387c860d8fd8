"""A launchd job as the four things it is: plist file, disable override, loaded job, running process."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from typing import Any, ClassVar, Self
from xml.parsers.expat import ExpatError

from macstate import launchctl
from macstate.resource import Outputs, Resource, each
from macstate.steps import Delete, Run, Step, Write

NO_DOMAIN = 112
SLOWEST_STOP = 60
"""Seconds a job may take to be gone; `bootout` answers long before that."""


class Launchd(Resource):
    """One job; its key is the service target: ``system/LABEL`` or ``gui/UID/LABEL``."""

    kind: ClassVar[str] = "launchd"
    reload: ClassVar[bool] = True
    silent: ClassVar[frozenset[str]] = Resource.silent | {"takes_in", "refresh"}
    probes: ClassVar[tuple[str, ...]] = ("launchctl print-disabled", "launchctl print", "stat", "cat")
    script: ClassVar[str] = """
jobs() { # DOMAIN FOLDER: its overrides, all plists in its folder, and the jobs the spec or the record names
  section "launchctl print-disabled $1" launchctl print-disabled "$1"
  section "stat $1" plists_in "$2"
  { listed label; recorded launchd | sed -n "s,^$1/,,p"; } | sort -u | while IFS= read -r label; do
    [ ! -e "$root$2/$label.plist" ] || section "cat $2/$label.plist" cat "$root$2/$label.plist"
    section "launchctl print $1/$label" launchctl print "$1/$label"
  done
}
jobs system /Library/LaunchDaemons
gui="gui/$uid"
if launchctl print "$gui" >/dev/null 2>&1; then
  jobs "$gui" "$home/Library/LaunchAgents"
else
  section "launchctl print $gui" launchctl print "$gui"
fi
"""
    absent: ClassVar[tuple[int, ...]] = (launchctl.NOT_LOADED,)
    help: ClassVar[dict[int, str]] = {
        NO_DOMAIN: "nobody is logged in at the Mac's screen, and a gui domain exists only then: log in there, "
        "or type `domain: system`",
    }

    path: str | None = None
    file: dict[str, Any] | None = None
    """The plist as it lies on disk; ``{}`` is known to be absent."""
    permissions: str | None = None
    """Owner (user number) and mode of the plist; launchd refuses one that others can write."""
    enabled: bool | None = None
    """No disable override. An override outlives the plist and wins over it."""
    loaded: dict[str, Any] | None = None
    """What launchd has taken in, as far as it shows it; ``{}`` is not loaded."""
    running: bool | None = None
    last_exit: str | None = None
    """How the process ended last time; found only."""
    takes_in: str | None = ""
    """A digest of the files that it reads when it starts or is told to; None where that is not known."""
    refresh: tuple[str, ...] = ()
    """The command that tells it to read them again; empty: it is started anew."""

    @property
    def last_words(self) -> str:
        """How the process ended last time."""
        return f"last exit: {self.last_exit}" if self.last_exit else ""

    def taken_in(self, recorded: str) -> bool:
        """Say whether it has read its files as they are wished; what cannot be known is not asked."""
        return self.takes_in is None or recorded == self.fingerprint

    @property
    def root(self) -> bool:
        """The system domain is root's, a gui domain its user's."""
        return self.key.startswith("system/")

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Put the four things together, job by job; a job of which nothing exists is not there."""
        overrides, jobs = dict(launchctl.overrides(outputs)), dict(launchctl.jobs(outputs))
        files: dict[str, tuple[str | None, str | None]] = dict(launchctl.plists(outputs))
        listed = {domain for domain, _ in each(outputs, "stat")}
        for key in sorted({*overrides, *jobs, *files}):
            domain = key.rpartition("/")[0]
            path, permissions = files.get(key, ("", "") if domain in listed else (None, None))
            text = outputs.get(f"cat {path}")
            file = {} if path == "" else None if text is None else _plist(text)
            job = jobs.get(key)
            if file == {} and not (job and job.loaded):
                continue
            yield cls(
                key=key,
                path=path,
                file=file,
                permissions=permissions,
                enabled=overrides.get(key, True if f"launchctl print-disabled {domain}" in outputs else None),
                loaded=job.loaded if job else None,
                running=job.state == "running" if job else None,
                last_exit=job.last_exit if job else None,
                unreadable=f"{path} cannot be read" if path and text is None and _private(permissions) else "",
            )

    def converge(self, was: Self | None) -> Iterator[Step]:
        """Write, enable, boot out and wait until it is gone (a hasty bootstrap fails with 5), bootstrap, kickstart."""
        domain = self.key.rpartition("/")[0]
        if self.refresh and not self.unlike(was):
            yield Run(self.refresh)
            return
        if {"file", "permissions"} & set(self.unlike(was)):
            content = plistlib.dumps(self.file or {}, sort_keys=True)
            yield Write(self.path or "", content, mode="0644", owner="root:wheel" if self.root else "")
        yield Run(("launchctl", "enable", self.key))
        if was is not None:
            yield from launchctl.bootout(self.key, SLOWEST_STOP)
        yield Run(("launchctl", "bootstrap", domain, self.path or ""))
        if self.running:  # over SSH launchd may hold back what RunAtLoad and KeepAlive ask for
            yield Run(("launchctl", "kickstart", self.key))

    def remove(self) -> Iterator[Step]:
        """Boot the job out, wait until it is gone, delete its plist."""
        yield from launchctl.bootout(self.key, SLOWEST_STOP)
        if self.path:
            yield Delete(self.path)


def _private(permissions: str | None) -> bool:
    return not int((permissions or "0 0").split()[1], 8) & 4


def _plist(text: str) -> dict[str, Any]:
    try:
        plist = plistlib.loads(text.encode("utf-8", "surrogateescape"))
    except (ValueError, ExpatError, OverflowError, IndexError):
        plist = None
    return plist if isinstance(plist, dict) and plist else {"": "not a property list"}
