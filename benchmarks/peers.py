"""Measure macstate beside what else keeps a Mac over SSH: a plain deploy of pyinfra's, and a playbook of Ansible's.

Run `python benchmarks/peers.py` as root, on Linux, with the group `test` installed; docs/performance.md says what each
row is. It prints a table and a line for each bound, and exits with 1 if a bound is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from delay import measured  # noqa: E402 - the path comes first
from keepers import ANSIBLE, KEEP_ALIVE, NAME, Keepers, installed  # noqa: E402
from loopback import HOST, LackingError, lacking, loopback  # noqa: E402

NEEDED = ("apt-get", "gcc", "runuser", "ssh", "ssh-keygen", "strace", "useradd")
SIZES = {"macstate-40": 40, "macstate-200": 200}
HOME = 0.05
"""The round trip for which the bounds on time hold, in seconds: a Mac at home, seen from elsewhere."""
TITLES = {
    "ssh": "OpenSSH: connect, `true`",
    "true": "pyinfra: start, connect, `true`",
    "macstate": "**macstate**, nothing to change",
    "macstate-40": "**macstate**, 40 endpoints, nothing to change",
    "macstate-200": "**macstate**, 200 endpoints, nothing to change",
    "pyinfra": "plain pyinfra, nothing to change",
    "ansible": "Ansible, nothing to change",
    "change-macstate": "**macstate**, one changed value \\*",
    "change-pyinfra": "plain pyinfra, one changed value \\*",
    "change-ansible": "Ansible, one changed value \\*",
    "first-macstate": "**macstate**, a first apply \\*",
    "first-pyinfra": "plain pyinfra, a first apply \\*",
    "first-ansible": "Ansible, a first apply \\*",
}
HELPERS = (
    "[ awk base64 basename cat cksum cmp comm cut dd dirname egrep env expr fgrep find grep gunzip gzip head mktemp od "
    "paste printf sed seq sleep sort sum tail tee test touch tr true uniq wc xargs"
)
"""Small programs that a script may be able to do without; all others are a Mac's own tools, shells and Pythons."""
STARTED = r'^execve\("(?:[^"]*/)?([^"/]+)"'
SUMS = {"sha1sum", "sha256sum"}
"""What answers for shasum, which is counted already."""
SOME = 3
"""Rounds of what changes a Mac, which takes long."""


@dataclass
class Counts:
    """What one run has done on the Mac."""

    commands: int = 0
    programs: int = 0
    helpers: int = 0
    scripts: int = 0
    """Bytes of the commands' own text."""
    others: int = 0
    """Bytes of their standard input, output and errors."""
    line: int = 0
    """Bytes on the line in both directions: all of that, files, and what SSH itself says."""

    def read(self, folder: Path) -> None:
        """Add what the sessions have left in a folder."""
        for file in folder.glob("*.json"):
            sizes = json.loads(file.read_text())
            self.commands += 1
            self.scripts += sizes.pop("command")
            self.others += sum(sizes.values())
        helpers = HELPERS.split()
        started = re.findall(STARTED, "".join(file.read_text() for file in folder.glob("*.strace.*")), re.MULTILINE)
        self.programs += len(started) - self.commands  # the first of each is the login shell
        for name in started:
            self.programs -= name in SUMS
            self.helpers += name in helpers


@dataclass
class Row:
    """One thing that is measured."""

    name: str
    mac: str
    run: Callable[[], float]
    before: Callable[[], object] | None = None
    remembers: bool = False
    """Whether the tools have to remember: then they are the rehearsal's own, and are not counted."""
    times: dict[float, list[float]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    def at(self, delay: float) -> float:
        """Return the median seconds for a round trip that takes so long."""
        return statistics.median(self.times[delay])

    def round_trips(self) -> float | None:
        """Return how many round trips explain how the time grows with them."""
        if len(self.times) < 2:  # noqa: PLR2004 - a line needs two points
            return None
        return statistics.linear_regression([*self.times], [self.at(delay) for delay in self.times]).slope


def rows(keepers: Keepers) -> Iterator[Row]:
    """Yield all that can be measured."""
    macs, tell = keepers.loop.macs, keepers.tell
    yield Row("ssh", "macstate", keepers.ssh)
    yield Row("true", "macstate", partial(keepers.pyinfra, HOST, "exec", "--", "true", said="Success"))
    for name in ("macstate", *SIZES):
        yield Row(name, name, partial(keepers.macstate, name))
    peers: dict[str, Callable[[], float]] = {"pyinfra": keepers.pyinfra, "ansible": keepers.ansible}
    for name, keep in peers.items():
        yield Row(name, "macstate", keep, before=lambda: tell(macs["macstate"]))
    for name, mac, before in (("change", "changed", keepers.change), ("first", "new", keepers.anew)):
        changes: dict[str, Callable[[], float]] = {
            "macstate": partial(macstate, keepers, "" if name == "change" else "macstate"),
            "pyinfra": partial(keepers.pyinfra, said=r"Grand total +\d+ +[1-9]\d* +- "),
            "ansible": partial(keepers.ansible, said="changed=[1-9].* failed=0"),
        }
        for who, run in changes.items():
            yield Row(f"{name}-{who}", mac, run, before=before, remembers=True)


def macstate(keepers: Keepers, spec: str) -> float:
    """Return the seconds of a run of macstate's that changes something; no spec is the one with the changed value."""
    return keepers.macstate(spec or keepers.keep_alive, said="verified: nothing is left")


def prepare(keepers: Keepers, chosen: list[Row]) -> None:
    """Make the Macs of these rows."""
    wanted, loop = {row.mac for row in chosen}, keepers.loop
    say("a Mac with the reference spec")
    mac = keepers.converged("macstate")
    keepers.write_peers(mac)
    for value in KEEP_ALIVE:
        keepers.write_spec(value, keep_alive=value)
    if "changed" in wanted:
        loop.copy(mac, "changed").sums(loop.answer)
    if "new" in wanted:
        loop.make("kept", keepers.write_spec("macstate")).sums(loop.answer)
    keepers.tell(mac)
    runs = {row.name: row.run for row in chosen if row.mac == "macstate"}
    keepers.quicken(mac, [*runs.values()])
    for name, endpoints in SIZES.items():
        if name in wanted:
            say(f"a Mac with {endpoints} endpoints")
            keepers.quicken(keepers.converged(name, endpoints), [partial(keepers.macstate, name)])


def once(keepers: Keepers, row: Row, count: str = "") -> float:
    """Run one row; return the seconds."""
    if row.before:
        row.before()
    keepers.loop.choose(keepers.loop.macs[row.mac], count)
    seconds = row.run()
    if not row.remembers:
        keepers.loop.macs[row.mac].check()
    return seconds


def measure(keepers: Keepers, chosen: list[Row], delays: list[float], rounds: int) -> None:
    """Run all rows in turns, so that a busy moment of this machine slows all of them; then count."""
    loop = keepers.loop
    for row in chosen:
        if not row.remembers:
            once(keepers, row)  # what Python compiles, and what the disk's cache holds, it has from now on
    for delay in delays:
        loop.line.set(delay)
        for turn in range(rounds):
            say(f"{delay * 1e3:g} ms, round {turn + 1} of {rounds}")
            for row in chosen:
                if turn < SOME or not row.remembers:
                    row.times.setdefault(delay, []).append(once(keepers, row))
    say("counting")
    for row in chosen:
        carried = loop.line.set(0)
        once(keepers, row, count="bytes" if row.remembers else "programs")
        row.counts.line = loop.line.set(0) - carried
        row.counts.read(loop.counted)


def table(chosen: list[Row], delays: list[float]) -> Iterator[str]:
    """Yield the lines of the table."""
    first = next((row for row in chosen if row.name == "macstate"), None)
    compared = HOME if HOME in delays else delays[-1]
    titles = [f"{delay * 1e3:g} ms" for delay in delays] + ([f"at {compared * 1e3:g} ms"] if first else [])
    titles += ["round trips", "commands", "programs", "helpers", "KB there and back", "KB on the line"]
    yield f"| | {' | '.join(titles)} |"
    yield f"| --- |{' ---: |' * len(titles)}"
    for row in chosen:
        cells = [f"{row.at(delay):.2f} s" for delay in delays]
        cells += [f"{row.at(compared) / first.at(compared):.2f}"] if first else []
        trips, counts = row.round_trips(), row.counts
        cells += ["" if trips is None else f"{trips:.0f}", f"{counts.commands}"]
        cells += ["", ""] if row.remembers else [f"{counts.programs}", f"{counts.helpers}"]
        cells += [f"{(counts.scripts + counts.others) / 1e3:.1f}", f"{counts.line / 1e3:.1f}"]
        yield f"| {TITLES[row.name]} | {' | '.join(cells)} |"


def bounds(found: dict[str, Row], delays: Iterable[float]) -> Iterator[tuple[str, float, str, float]]:
    """Yield each bound of which all is measured: what, the figure, `<=` or `>=`, the bound."""
    for name, over, sign, bound in (
        ("macstate", "true", "<=", 1.25),
        ("macstate-40", "macstate", "<=", 1.15),
        ("pyinfra", "macstate", ">=", 5.5),
        ("ansible", "macstate", ">=", 5.5),
    ):
        if HOME in delays and {name, over} <= found.keys():
            what = f"{TITLES[name]} / {TITLES[over]}, at {HOME * 1e3:g} ms"
            yield what, found[name].at(HOME) / found[over].at(HOME), sign, bound
    for name, programs, helpers, size in (("macstate", 110, 60, 20), ("macstate-200", 110 + 3 * 200, None, 120)):
        if name in found:
            counts = found[name].counts
            yield f"{TITLES[name]}: programs", counts.programs, "<=", programs
            if helpers:
                yield f"{TITLES[name]}: helpers among them", counts.helpers, "<=", helpers
            yield f"{TITLES[name]}: KB of input, output and errors", counts.others / 1e3, "<=", size


def bounded(what: str, figure: float, sign: str, bound: float) -> bool:
    """Print one figure; return whether it is within its bound."""
    within = figure <= bound if sign == "<=" else figure >= bound
    print(f"{what.replace('*', '')}: {figure:.4g} (bound: {sign} {bound:g}){'' if within else ' BROKEN'}", flush=True)
    return within


def say(line: str) -> None:
    """Print what is being done."""
    print(f"... {line}", file=sys.stderr, flush=True)


def options() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help=f"default 5; what changes a Mac has at most {SOME}")
    parser.add_argument("--delays", default="0,50,150", help="round trips in milliseconds; default 0,50,150")
    parser.add_argument("--only", default="*", help=f"rows by name, with *: {', '.join(TITLES)}")
    return parser.parse_args()


def machine() -> str:
    """Return in one line what it was measured on, and with."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    pyinfra = next(file.name for file in installed("pyinfra").glob("pyinfra-*.dist-info"))[8:-10]
    names = f"{os.cpu_count()} cores{f' ({cpu[1]})' if cpu else ''}, {platform.system()} {platform.release()}"
    versions = f"Python {platform.python_version()}, pyinfra {pyinfra}, {ANSIBLE.replace('==', ' ')}"
    return f"{names}; {versions}"


def main() -> int:
    """Print the table and the bounds; return the exit status."""
    typed = options()
    delays = [float(each) / 1e3 for each in typed.delays.split(",")]
    for ending in (signal.SIGTERM, signal.SIGHUP):  # so that the user and the folder go
        signal.signal(ending, lambda *_: sys.exit(1))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        lacking(NEEDED)
        with loopback([NAME]) as loop:
            keepers = Keepers(loop)
            patterns = typed.only.split(",")
            chosen = [row for row in rows(keepers) if any(fnmatch(row.name, each) for each in patterns)]
            prepare(keepers, chosen)
            measure(keepers, chosen, delays, typed.rounds)
    except LackingError as error:
        print(f"benchmarks/peers.py: {error}", file=sys.stderr)
        return 1
    print(f"\n{machine()}")
    pings = (f"{delay * 1e3:g} ms takes {measured(delay) * 1e3:.1f} ms" for delay in delays)
    print(f"A byte there and back: {', '.join(pings)}\n")
    print("\n".join(table(chosen, delays)), end="\n\n")
    found = {row.name: row for row in chosen}
    broken = [each for each in bounds(found, delays) if not bounded(*each)]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
