"""A launchd job, which is four things: plist file, disable override, loaded job, running process."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from macstate.kernel import scripts
from macstate.kernel.contested import Contested
from macstate.kernel.outputs import Outputs, runs_of
from macstate.kernel.record import STOPPED
from macstate.kernel.reloaded import Reloaded
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Aside, Delete, Prove, Run, Step, Write
from macstate.kinds.launchd import launchctl
from macstate.language.facts.machine import Machine

NO_DOMAIN = 112
EX_CONFIG = "its user, its working directory or its log's folder: `macstate doctor` says which"

PORT = re.compile("[0-9]{1,5}")
OLLAMA = "11434"
"""Where `ollama serve` listens unless OLLAMA_HOST says otherwise."""


File = tuple[str, str | None, str | None, dict[str, Any] | None]
"""Label, path, owner and mode, and content of a plist; None means unknown."""
NO_FILE: File = ("", "", "", {})
UNKNOWN_FILE: File = ("", None, None, None)


class Launchd(Reloaded, Contested):
    """One job; its key is the service target: ``system/LABEL`` or ``gui/UID/LABEL``."""

    kind: ClassVar[str] = "launchd"
    implied_by: ClassVar[dict[str, str]] = {"loaded": "file"}
    not_compared: ClassVar[frozenset[str]] = Resource.not_compared.union(
        ["config_digest", "files", "refresh", "proof", "pid", "runs", "ports", "freed", "name", "bare", "aside", "logs"]
    )
    not_kept: ClassVar[frozenset[str]] = Resource.not_kept | {"name", "bare", "aside", "runs", "freed", "logs"}
    probes: ClassVar[tuple[str, ...]] = ("launchctl print-disabled", "launchctl print", "stat", "cat")
    script: ClassVar[str] = scripts.bare("launchd.sh", __name__)
    absent: ClassVar[tuple[int, ...]] = (launchctl.NOT_LOADED,)
    # plists that only root may read, and the jobs of a screen at which nobody is logged in
    hides: ClassVar[str] = r"(system/|gui/[0-9]+(/|$)).*"
    help: ClassVar[dict[int, str]] = {
        NO_DOMAIN: "nobody is logged in at the Mac's screen, and a gui domain exists only then: log in there, "
        "or type `domain: system`",
    }

    path: str | None = None
    file: dict[str, Any] | None = None
    """The plist on the disk; ``{}`` if it is known to be absent."""
    permissions: str | None = None
    """Owner (user number) and mode of the plist; launchd refuses a plist that others can write."""
    enabled: bool | None = None
    """Whether it has no disable override. An override outlives the plist, and wins over it."""
    loaded: dict[str, Any] | None = None
    """What launchd has loaded, as far as it shows it; ``{}`` if the job is not loaded."""
    running: bool | None = None
    last_exit: str | None = None
    """How the process ended last time; actual only."""
    config_digest: str = ""
    """A digest of the files that it reads when it starts, or is told to."""
    files: tuple[str, ...] = ()
    """The ids of these files; desired only."""
    pid: int | None = None
    """The number of its process; actual only."""
    runs: int = 0
    """How often it was started since it was loaded; actual only."""
    name: str = ""
    """Its label, if its key has its file's name instead since another job has the label; actual only."""
    bare: bool = False
    """Whether it is loaded without a known plist: submitted, an app's, or loaded from elsewhere; actual only."""
    aside: bool = False
    """Whether somebody else's plist is in its plist's place, and is kept under another name; desired only."""
    logs: tuple[str, ...] = ()
    """The logs that its program writes besides its output; desired only."""
    ports: tuple[int, ...] = ()
    """The loopback ports that it needs; desired only."""
    freed: tuple[int, ...] = ()
    """The loopback ports that it no longer needs, since it is off; desired only."""
    refresh: tuple[str, ...] = ()
    """The command that tells it to read its files again; if empty, it is restarted."""
    proof: tuple[str, ...] = ()
    """The arguments of ``Prove``, which shows that it has taken its files in; empty if nothing shows that."""

    @property
    def late(self) -> int:
        """1 (behind the others) if it has a ``refresh``: its server tries only once to get a port that another job has.

        -1 (before them) if it is off, since another job may get its port.
        """
        return -1 if self.is_off else int(bool(self.refresh))

    @property
    def reads(self) -> tuple[str, ...]:
        """The ids of its files."""
        return self.files

    @property
    def label(self) -> str:
        """Its launchd label."""
        return self.name or self.key.rpartition("/")[2]

    @property
    def target(self) -> str:
        """Its service target, as launchd knows it."""
        return f"{self.domain}/{self.label}"

    @property
    def domain(self) -> str:
        """``system``, or ``gui/UID``; in a key, a file's whole path may follow."""
        return "/".join(self.key.split("/")[: 1 if self.key.startswith("system/") else 2])

    @property
    def exists(self) -> bool:
        """Whether it is told; a job that others have loaded without a plist is told only if it is in the way."""
        return not self.bare

    @property
    def last_failure(self) -> str:
        """How the process ended last time, for people."""
        why = f" ({EX_CONFIG})" if re.match(r"78\b", self.last_exit or "") else ""
        return f"last exit: {self.last_exit}{why}" if self.last_exit else ""

    def as_text(self, field: str) -> str | None:
        """Return the plist as readable XML."""
        plist = launchctl.xml(self.file) if field == "file" and self.file else None
        return "\n".join(plist.expandtabs(2).splitlines()[3:-1]) if plist else None

    @property
    def made(self) -> str:
        """``spec``: its plist is made from the spec."""
        return "spec"

    def brief(self, *, going: bool = False) -> str:
        """Return where it listens and when it starts; for a removal, which log stays."""
        file = self.file or {}
        if going:
            log = file.get("StandardOutPath")
            return f"the job and its plist go{f'; its log stays: {log}' if isinstance(log, str) and log else ''}"
        when, kept = "at boot" if self.domain == "system" else "at login", file.get("KeepAlive")
        states = kept.get("PathState") if isinstance(kept, dict) else None
        there = [path for path, is_there in (states or {}).items() if is_there]
        said = {
            f"port{'s' * (len(self.ports) > 1)} {', '.join(map(str, self.ports))}": self.ports,
            f"starts {when}": file.get("RunAtLoad") or kept is True,
            f"runs while {', '.join(there)} is there": there,
            f"runs every {file.get('StartInterval')} s": file.get("StartInterval"),
            "runs by the clock": file.get("StartCalendarInterval"),
            "runs when a file changes": file.get("WatchPaths"),
            "as root": file.get("UserName") == "root",
        }
        return ", ".join(text for text, is_so in said.items() if is_so)

    def unlike(self, have: Self | None) -> list[str]:
        """Return the fields that differ, but not a KeepAlive with conditions: how launchd shows that is not known."""
        if have and have.loaded and self.loaded and isinstance((self.file or {}).get("KeepAlive"), dict):
            have = have.model_copy(update={"loaded": {**have.loaded, "keepalive": self.loaded["keepalive"]}})
        return super().unlike(have)

    def because(self, have: Self, differing: Sequence[str], state: str) -> str:
        """Return that it was stopped by `macstate stop`, or how its process ended."""
        if have.bare or [*differing] == ["running"]:
            return have.last_failure
        if state == STOPPED and "enabled" in differing:
            return "stopped by `macstate stop`"
        return ""

    def in_short(self, have: Self | None, differing: Sequence[str]) -> str:
        """Return that the spec turns it off, which is one fact in three fields."""
        if not self.is_off or {*differing} not in (
            {"enabled"},
            {"enabled", "loaded"},
            {"enabled", "loaded", "running"},
        ):
            return ""
        ends = ": its running requests end" if self.interrupts(have) else ""
        return f"off by the spec{ends}; its plist, log and models stay"

    def interrupts(self, have: Self | None) -> str:
        """Return that running requests end, if its process does."""
        if have is None or not have.running or (self.refresh and not self.unlike(have)):
            return ""
        return f"{self.label} {'stops' if have is self or self.is_off else 'restarts'}: its running requests end"

    @property
    def taken_in(self) -> str:
        """Why it reads its files again, and what that costs; a job that is off reads nothing."""
        if self.is_off:
            return "stays off, by the spec now"
        return f"{super().taken_in}{': it reloads, and nothing is cut off' if self.refresh else ''}"

    @property
    def is_off(self) -> bool:
        """Whether launchd is told not to run it; its plist stays."""
        return self.enabled is False

    def off(self) -> Self:
        """Return it as switched off, now and after a reboot: its plist stays, and its ports are free."""
        nothing: dict[str, Any] = {"ports": (), "files": (), "config_digest": "", "refresh": (), "proof": ()}
        return self.model_copy(update={**nothing, "enabled": False, "loaded": {}, "running": False})

    @property
    def root(self) -> bool:
        """Whether root owns it: the system domain, or a plist for all users; a gui domain is its user's."""
        return self.key.startswith("system/") or (self.path or "").startswith("/Library/")

    @property
    def contents(self) -> tuple[bytes, ...]:
        """Its plist."""
        return (plistlib.dumps(self.file, sort_keys=True),) if self.file else ()

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield the actual jobs, each with its four things; a job of which nothing exists is left out.

        A job that the spec or the record names is known by its file's name. For all others the Label in the plist
        counts, since many files have another name.
        """
        overrides, named = dict(launchctl.overrides(outputs)), dict(launchctl.jobs(outputs))
        listed = dict(launchctl.services(outputs))
        files = dict(cls._files(outputs, named))
        domains = {domain for domain, _ in runs_of(outputs, "stat")}
        shown = {domain for domain, _ in runs_of(outputs, "launchctl print-disabled")}
        without = {*listed} - {f"{key.rpartition('/')[0]}/{file[0]}" for key, file in files.items()}
        for key in sorted({*overrides, *named, *files, *without}):
            domain = key.rpartition("/")[0]
            name, path, permissions, file = files.get(key, NO_FILE if domain in domains else UNKNOWN_FILE)
            target = f"{domain}/{name or key.rpartition('/')[2]}"
            unloaded = launchctl.Printed({}) if domain in shown else None
            job = named.get(key) or listed.get(target) or unloaded
            if file == {} and not (job and job.loaded):
                continue
            yield cls(
                key=key,
                name=name if target != key else "",
                path=path,
                file=file,
                permissions=permissions,
                enabled=overrides.get(target, True if domain in shown else None),
                loaded=job.loaded if job else None,
                running=job.state == "running" if job else None,
                last_exit=job.last_exit if job else None,
                pid=job.pid if job else None,
                runs=job.runs if job else 0,
                bare=file == {} and key not in named,
                unreadable=f"{path} cannot be read" if path and file is None and launchctl.private(permissions) else "",
            )

    @classmethod
    def _files(cls, outputs: Outputs, named: Mapping[str, object]) -> Iterator[tuple[str, File]]:
        """Yield (key, file) of each plist."""
        seen = {*named}
        for domain, path, permissions in launchctl.plists(outputs):
            text = outputs.get(f"cat {path}")
            file = None if text is None else launchctl.plist(text)
            stem = path.rpartition("/")[2].removesuffix(".plist")
            of_all = domain != "system" and path.startswith("/Library/")
            if f"{domain}/{stem}" in named and not of_all:
                yield f"{domain}/{stem}", (stem, path, permissions, file)
                continue
            told = (file or {}).get("Label")
            label = told if isinstance(told, str) and re.fullmatch(r"[^/\t\n]+", told) else stem
            key = next(key for key in (f"{domain}/{label}", f"{domain}/{stem}", f"{domain}{path}") if key not in seen)
            seen.add(key)
            yield key, (label, path, permissions, file)

    def beside(self, actual: Actual, desired: Mapping[str, Resource]) -> Self:
        """Return it with ``aside``: whether somebody else's plist is in its place."""
        del desired
        have = actual.resources.get(self.id)
        taken = (
            self.id not in actual.record.lines and isinstance(have, Launchd) and have.path and have.file != self.file
        )
        return self.model_copy(update={"aside": bool(taken)})

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Have it read its files again; or write, enable, boot out and wait, bootstrap, kickstart. Then prove it.

        Without the wait, bootstrap fails with 5. A job that is off is disabled first, or launchd would start it in
        between.
        """
        if self.refresh and not self.unlike(have):
            yield Run(self.refresh)
        else:
            yield from self._started(have)
        if self.proof:
            yield Prove(*self.proof)

    def _started(self, have: Self | None) -> Iterator[Step]:
        if {"file", "permissions"} & set(self.unlike(have)):
            if self.aside:
                yield Aside(self.id, self.path or "")
            yield Write(self.path or "", b"".join(self.contents), mode="0644", owner="root:wheel" if self.root else "")
        yield Run(("launchctl", "disable" if self.is_off else "enable", self.key))
        if have is not None and not (self.is_off and have.loaded == {}):
            yield from launchctl.bootout(self.key)
        if self.is_off:
            return
        file = self.file or {}
        at_load = isinstance(file.get("KeepAlive"), dict) and file.get("RunAtLoad")
        yield from launchctl.bootstrap(self.key, self.path or "", kick=bool(self.running or at_load))

    def remove(self) -> Iterator[Step]:
        """Boot the job out, wait until it is gone, delete its plist, and clear its disable override."""
        yield from launchctl.bootout(self.key)
        if self.path:
            yield Delete(self.id, self.path)
        if self.is_off:
            yield Run(("launchctl", "enable", self.key))

    @classmethod
    def in_the_way(
        cls, desired: Mapping[str, Resource], actual: Actual, going: Collection[str]
    ) -> Iterator[tuple[Resource, Resource | None, str]]:
        """Yield the foreign jobs that would share a label or a port with a desired one, and what restarts those."""
        del going
        wanted = [want for want in desired.values() if isinstance(want, cls)]
        jobs = [have for have in actual.resources.values() if isinstance(have, cls) and (have.file or have.loaded)]
        theirs = [have for have in jobs if have.id not in actual.record.lines]
        foreign = [have for have in theirs if have.id not in desired]
        places = {f"{have.domain}/{(have.file or {}).get('Label')}": have for have in theirs if have.id in desired}
        yield from conflicts(wanted, foreign, places, actual.facts.machine)

    def displace(self) -> Iterator[Step]:
        """Boot the job out, and set its plist aside, so that nothing of somebody else's is lost."""
        if self.loaded is not None:  # None: there is no such domain, since nobody is logged in
            yield from launchctl.bootout(self.target)
        if self.path:
            yield Aside(self.id, self.path)


def conflicts(
    wanted: Sequence[Launchd], foreign: Sequence[Launchd], places: Mapping[str, Launchd], machine: Machine
) -> Iterator[tuple[Launchd, None, str]]:
    """Yield (job, None, why) of every foreign job that cannot stay beside the desired ones.

    ``places`` has the foreign jobs whose plist is in the place of a desired one, by launchd's target.
    """
    reasons = {have.id: why for have in foreign if (why := _why(have, wanted, places.get(have.target), machine))}
    labels = {want.label for want in wanted} | {have.label for have in foreign if have.id in reasons}
    for have in foreign:  # a job that restarts one of these would bring it back, or disturb ours
        if have.id not in reasons and (named := sorted(label for label in labels if _names(have, label))):
            reasons[have.id] = f"handles {named[0]}"
    yield from ((have, None, reasons[have.id]) for have in foreign if have.id in reasons)


def _why(have: Launchd, wanted: Sequence[Launchd], place: Launchd | None, machine: Machine) -> str:
    if place:
        return f"is loaded from {place.path}, where the plist of {place.key} goes"
    held = {
        listener.port
        for listener in machine.listeners
        if have.pid is not None and have.pid in {listener.pid, listener.group}
    }
    for want in wanted:
        if want.target == have.target:
            return f"has the label of {want.key}, in another file: {have.path}"
        if want.label == have.label:
            return f"has the label of {want.key}, in another domain"
        for port in want.ports:
            if port in held:
                return f"uses port {port}, which {want.key} needs"
            if port in claims(have):
                return f"would take port {port}, which {want.key} needs"
    return ""


def claims(have: Launchd) -> set[int]:
    """Return the ports that a job's command and environment name."""
    told = have.file or have.loaded or {}
    environment = told.get("EnvironmentVariables") or told.get("environment")
    named = environment if isinstance(environment, dict) else {}  # a plist of somebody else's may hold anything
    command = " ".join(_words(have))
    ports = re.findall(r"(?:--port|--listen-port|-p)[ =](\d{1,5})\b", command)
    ports += [value for name, each in named.items() if name.endswith("PORT") and PORT.fullmatch(value := str(each))]
    if re.search(r"ollama serve\b", command):
        port = re.search(r":(\d{1,5})$", str(named.get("OLLAMA_HOST", "")))
        ports.append(port[1] if port else OLLAMA)
    return {int(port) for port in ports}


def _words(have: Launchd) -> list[str]:
    told = have.file or have.loaded or {}
    words = told.get("ProgramArguments") or told.get("arguments")
    return [str(word) for word in words] if isinstance(words, list) else []


def _names(have: Launchd, label: str) -> bool:
    return any(re.search(rf"(?<![\w.-]){re.escape(label)}(?![\w.-])", word) for word in _words(have))
