"""A Mac as its hostile user finds it: all that root touches there, what of it is theirs, and what must not change."""

from __future__ import annotations

import hashlib
import json
import os
import plistlib
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lab import watched
from lab.machine import remove
from lab.owned_mac import OwnedMac
from lab.watched import Touch

ATTACKER = Path(__file__).with_name("attacker.py")
CANARY, HOLLOW = "private/var/canary", "private/var/hollow"
"""Root's: a file or folder for each place that the user may replace, with the same names inside; and folders alone."""
MARK = "nobody but root reads this, or changes it"
"""What the canaries say."""
OWN_TEXT = {f"private/var/db/macstate/{name}" for name in ("owned", "journal", "gateway.keys.old")}
"""What tells when it was written, or what a file of the user's held, which root alone may read then."""
JOB = "Library/LaunchDaemons/{}.plist"
BOOKS = re.compile("lock |expect |record |removes |journal ")
"""What a run says of itself, in what is sent to root."""
ROTATION, WATCHDOG = "macstate.log-rotation", "macstate.ollama.watchdog"
State = tuple[int, int, str]
"""Kind and mode, owner, and what it holds."""


def state(path: str) -> State:
    """Give what a file is."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        return found.st_mode, found.st_uid, os.readlink(path)
    text = hashlib.sha256(Path(path).read_bytes()).hexdigest() if stat.S_ISREG(found.st_mode) else ""
    return found.st_mode, found.st_uid, text


def walk(top: str, leave_out: Sequence[str] = ()) -> Iterator[str]:
    """Give all that lies below a folder."""
    for entry in os.scandir(top) if os.path.isdir(top) else ():
        if entry.path not in leave_out:
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path, leave_out)


@dataclass
class Siege:
    """The Mac, and what runs without any attack do on it."""

    mac: OwnedMac
    touched: set[Touch] = field(default_factory=set)
    sent: list[tuple[list[str], set[Touch]]] = field(default_factory=list)
    """What was sent to root, command by command, and what it touched then."""
    allowed: dict[str, set[State | None]] = field(default_factory=dict)
    """How each of root's files may be: as it was before, or after any run."""
    replaceable: list[str] = field(default_factory=list)
    """Places that root touches, or that lie above one, and that the user may give to something else."""
    folders: set[str] = field(default_factory=set)
    """Those of them that are folders before any attack."""
    refused: list[list[str]] = field(default_factory=list)
    """What nobody plans, and root is to refuse."""
    known: set[State] = field(default_factory=set)
    """What there is of root's before any attack, wherever it lies."""

    @property
    def root(self) -> str:
        """The Mac's own /."""
        return str(self.mac.root)

    @property
    def theirs(self) -> list[str]:
        """The folders of the user, and of everybody."""
        places = (f"Users/{self.mac.user}", "opt/homebrew", "usr/local", "Users/Shared", "private/tmp")
        return [f"{self.root}/{place}" for place in places]

    def keep(self) -> None:
        """Take the Mac as it is now for what was before."""
        shutil.rmtree(self.mac.kept, ignore_errors=True)
        subprocess.run(["cp", "-a", self.root, self.mac.kept], check=True)
        self.allow()

    def put_back(self) -> None:
        """Make the Mac what it was before."""
        remove(Path(self.root))
        subprocess.run(["cp", "-a", self.mac.kept, self.root], check=True)

    def allow(self) -> None:
        """Allow that root's files are as they are now."""
        now, fresh = self.roots(), not self.allowed
        for place in {*now, *self.allowed}:
            self.allowed.setdefault(place, set() if fresh else {None}).add(now.get(place))

    def roots(self) -> dict[str, State]:
        """Give what is root's, outside of the user's folders and the simulation's memory."""
        found = {
            path.removeprefix(f"{self.root}/"): state(path)
            for path in walk(self.root, [*self.theirs, f"{self.root}/.mac"])
        }
        own = {place: (mode, owner, "" if place in OWN_TEXT else text) for place, (mode, owner, text) in found.items()}
        return {place: known for place, known in own.items() if known[1] == 0}

    def gained(self) -> list[str]:
        """Give what in the user's folders is root's and new, or tells what root alone may read; and what is setuid."""
        inside = {path: state(path) for top in self.theirs for path in walk(top)}
        strange = [path for path, found in inside.items() if found[1] == 0 and found not in self.known]
        own = [path for path, (mode, owner, _) in inside.items() if owner and stat.S_ISREG(mode)]
        told = [path for path in own if MARK.encode() in Path(path).read_bytes()]
        return [*strange, *told, *(path for path in walk(self.root) if os.lstat(path).st_mode & 0o6000)]

    def harm(self) -> list[str]:
        """Give what is not as a run leaves it: of root's, and in the user's hands."""
        now = self.roots()
        other = [place for place in {*now, *self.allowed} if now.get(place) not in self.allowed.get(place, {None})]
        return sorted([*other, *self.gained()])

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what root does, and allow that its files are as they are afterwards."""
        notes = self.mac.laptop.folder / "notes"
        notes.mkdir()
        self.mac.watch(notes)
        self.mac.sent.clear()
        yield
        self.mac.watch(None)
        commands = watched.commands(notes)
        shutil.rmtree(notes)
        self.touched.update(*commands)
        lock = f"{self.root}/var/db/macstate/lock"
        changes = (command for command in commands if any(touch.path == lock for touch in command))
        self.sent += zip(self.mac.sent, changes, strict=True)
        self.allow()

    def outside(self, touched: set[Touch]) -> set[str]:
        """Give the paths alone, without the simulation's memory."""
        return {touch.path for touch in touched if not touch.path.startswith(f"{self.root}/.mac")}

    def look_around(self) -> None:
        """See what of all that root touches the user may replace, and set a canary for each."""
        places = self.outside(self.touched)
        above = {str(each) for place in places for each in Path(place).parents}
        self.replaceable = json.loads(self.attack("which", sorted(places | above)))
        self.folders = {place for place in self.replaceable if os.path.isdir(place)}
        for path in {path for place in self.replaceable for path in (place, *walk(place))}:
            canary, hollow = Path(self.canary(path)), Path(self.canary(path, HOLLOW))
            if os.path.isdir(path):
                canary.mkdir(parents=True, exist_ok=True)
                hollow.mkdir(parents=True, exist_ok=True)
            else:
                canary.parent.mkdir(parents=True, exist_ok=True)
                canary.write_text(f"{MARK}: {path}\n" * 99)
                canary.chmod(0o600)
        self.keep()
        self.allowed |= {place: {found} for place, found in self.roots().items() if place.startswith((CANARY, HOLLOW))}
        self.known = {state(path) for path in walk(self.root) if os.lstat(path).st_uid == 0}

    def canary(self, place: str, below: str = CANARY) -> str:
        """Say where the canary of a place lies."""
        return f"{self.root}/{below}{place.removeprefix(self.root)}"

    def attack(self, kind: str, places: Sequence[str]) -> str:
        """Have the user do something to places."""
        if kind == "same file":  # macOS lets anybody give any file a second name, Linux often does not
            for place in places:
                if os.path.isfile(place):
                    os.rename(place, f"{place}.mine")
                    os.link(self.canary(place), place)
            return ""
        told = {"kind": kind, "pairs": [(place, self.canary(place)) for place in places]}
        return self.mac.plays(ATTACKER.read_text(), json.dumps(told))

    @contextmanager
    def swapping(self, places: Sequence[str]) -> Iterator[None]:
        """Have the user swap places for links again and again meanwhile."""
        below = {place: HOLLOW if place in self.folders else CANARY for place in places}
        told = {"kind": "swap", "pairs": [(place, self.canary(place, each)) for place, each in below.items()]}
        words = [
            "runuser",
            "-u",
            self.mac.user,
            "--",
            self.mac.python,
            "-I",
            "-S",
            "-c",
            ATTACKER.read_text(),
            json.dumps(told),
        ]
        with subprocess.Popen(words, cwd="/", stdout=subprocess.PIPE, start_new_session=True) as user:
            try:
                assert user.stdout
                assert user.stdout.readline() == b"ready\n"
                yield
                assert user.poll() is None
            finally:
                os.killpg(user.pid, signal.SIGKILL)

    def rounds(self, *, files: bool = False) -> Iterator[list[str]]:
        """Give what the user may replace: first what has nothing else below it, then the folders of that, and so on."""
        left = {*self.replaceable} - (self.folders if files else set())
        while left:
            above = {str(each) for place in left for each in Path(place).parents}
            yield sorted(left - above)
            left &= above

    def logs(self) -> list[str]:
        """Give the logs that are rotated, as the program is told."""
        plist = plistlib.loads(Path(f"{self.root}/{JOB.format(ROTATION)}").read_bytes())
        return [str(word) for word in plist["ProgramArguments"][3:]]

    def job(self, label: str) -> str:
        """Run a job of root's, as launchd does."""
        plist = plistlib.loads(Path(f"{self.root}/{JOB.format(label)}").read_bytes())
        program, *words = plist["ProgramArguments"]
        return self.mac.daemon(f"{self.root}{program}", *words, **plist["EnvironmentVariables"])

    def is_theirs(self, path: str) -> bool:
        """Say whether the user may have a path lead to something else."""
        return not {path, *map(str, Path(path).parents)}.isdisjoint(self.replaceable)

    @cached_property
    def payloads(self) -> list[list[str]]:
        """Give what of all that was sent to root touches such a path; whatever ran before, and each once."""
        theirs = [payload for payload, touched in self.sent if any(self.is_theirs(touch.path) for touch in touched)]
        steps = {tuple(line for line in payload if not BOOKS.match(line)): payload for payload in theirs}
        return [[line for line in payload if not line.startswith("expect ")] for payload in steps.values()]

    def go_on(self, script: str) -> list[str]:
        """Have root do all that it does where the user could interfere, and the jobs; give what each change said."""
        said = [self.mac.as_root(script, payload) for payload in [*self.payloads, *self.refused]]
        self.job(ROTATION)
        self.job(WATCHDOG)
        return said
