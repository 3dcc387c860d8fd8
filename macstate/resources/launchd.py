"""A launchd job as the four things it is: plist file, disable override, loaded job, running process."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from macstate import scripts
from macstate.outputs import Outputs, each
from macstate.resource import Resource
from macstate.resources import launchctl, launchd_conflicts
from macstate.steps import Aside, Delete, Prove, Run, Step, Write

if TYPE_CHECKING:
    from macstate.found import Found

NO_DOMAIN = 112


class Launchd(Resource):
    """One job; its key is the service target: ``system/LABEL`` or ``gui/UID/LABEL``."""

    kind: ClassVar[str] = "launchd"
    reload: ClassVar[bool] = True
    implied_by: ClassVar[dict[str, str]] = {"loaded": "file"}
    not_compared: ClassVar[frozenset[str]] = Resource.not_compared | {
        "config_digest",
        "files",
        "refresh",
        "proof",
        "pid",
        "ports",
    }
    probes: ClassVar[tuple[str, ...]] = ("launchctl print-disabled", "launchctl print", "stat", "cat")
    script: ClassVar[str] = scripts.bare("launchd.sh")
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
    config_digest: str = ""
    """A digest of the files that it reads when it starts or is told to."""
    files: tuple[str, ...] = ()
    """The ids of these files; wished only."""
    pid: int | None = None
    """Its process; found only."""
    ports: tuple[int, ...] = ()
    """The loopback ports that it needs; wished only."""
    refresh: tuple[str, ...] = ()
    """The command that tells it to read them again; empty: it is started anew."""
    proof: tuple[str, ...] = ()
    """The words of ``Prove``, by which is seen that it has taken them in; empty: nothing shows that."""

    @property
    def late(self) -> bool:
        """Whether it reads its files again when it is told to: a port that another job has is not tried twice then."""
        return bool(self.refresh)

    @property
    def reads(self) -> tuple[str, ...]:
        """Its files."""
        return self.files

    @property
    def label(self) -> str:
        """Its name in its domain."""
        return self.key.rpartition("/")[2]

    @property
    def last_failure(self) -> str:
        """How the process ended last time."""
        return f"last exit: {self.last_exit}" if self.last_exit else ""

    def as_text(self, field: str) -> str | None:
        """Give the plist as readable XML."""
        plist = launchctl.xml(self.file) if field == "file" and self.file else None
        return "\n".join(plist.expandtabs(2).splitlines()[3:-1]) if plist else None

    def interrupts(self, was: Self | None) -> str:
        """Tell of requests that end with the process."""
        if was is None or not was.running or (self.refresh and not self.unlike(was)):
            return ""
        return f"{self.label} {'stops' if was is self else 'restarts'}: its running requests end"

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
            file = {} if path == "" else None if text is None else launchctl.plist(text)
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
                pid=job.pid if job else None,
                unreadable=f"{path} cannot be read" if path and text is None and launchctl.private(permissions) else "",
            )

    def converge(self, was: Self | None) -> Iterator[Step]:
        """Have it read its files again, or write, enable, boot out and wait, bootstrap, kickstart; and see that proven.

        A hasty bootstrap fails with 5.
        """
        if self.refresh and not self.unlike(was):
            yield Run(self.refresh)
        else:
            yield from self._started(was)
        if self.proof:
            yield Prove(*self.proof)

    def _started(self, was: Self | None) -> Iterator[Step]:
        if {"file", "permissions"} & set(self.unlike(was)):
            content = plistlib.dumps(self.file or {}, sort_keys=True)
            yield Write(self.path or "", content, mode="0644", owner="root:wheel" if self.root else "")
        yield Run(("launchctl", "enable", self.key))
        if was is not None:
            yield from launchctl.bootout(self.key)
        yield from launchctl.bootstrap(self.key, self.path or "", kick=bool(self.running))

    def remove(self) -> Iterator[Step]:
        """Boot the job out, wait until it is gone, delete its plist."""
        yield from launchctl.bootout(self.key)
        if self.path:
            yield Delete(self.id, self.path)

    @classmethod
    def in_the_way(cls, wishes: Mapping[str, Resource], found: Found) -> Iterator[tuple[Resource, str]]:
        """Give the foreign jobs that would share a label or a port with a wished one, and what restarts those."""
        wanted = [wish for wish in wishes.values() if isinstance(wish, cls)]
        jobs = [was for was in found.resources.values() if isinstance(was, cls) and (was.file or was.loaded)]
        foreign = [was for was in jobs if was.id not in wishes and was.id not in found.record.lines]
        yield from launchd_conflicts.conflicts(wanted, foreign, found.facts.machine)

    def displace(self) -> Iterator[Step]:
        """Boot the job out, and set its plist aside: nothing of somebody else's is lost."""
        if self.loaded is not None:  # else its domain is not there: nobody is logged in
            yield from launchctl.bootout(self.key)
        if self.path:
            yield Aside(self.id, self.path)
