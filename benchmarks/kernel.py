"""Measure what macstate's own work costs: time on the laptop, and remote commands.

Run `python benchmarks/kernel.py`, which takes some minutes. It prints a line for each figure with its bound, and exits
with 1 if a bound is broken.
"""

import contextlib
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from laptop import REFERENCE, Laptop  # noqa: E402 - the path comes first

from macstate import spec  # noqa: E402
from macstate.kernel.change import Plan  # noqa: E402
from macstate.kernel.plan import plan  # noqa: E402
from macstate.kernel.record import Record, Recorded  # noqa: E402
from macstate.kernel.resource import Actual  # noqa: E402
from macstate.kinds import KINDS  # noqa: E402
from macstate.language.facts import Facts, Node  # noqa: E402
from macstate.language.secrets import Secret  # noqa: E402

ENDPOINTS = 200
KEY = "a-key-of-the-benchmark-and-of-nobody-else"
PAIRS = 7
CPU_BOUND = 1.0
COMMANDS_BOUND = 1
START_BOUND = 0.15
TELL_BOUND = 0.25
TOLD = {
    "macstate explain endpoints.ollama.port": {},
    "the completion of `macstate `": {"COMP_WORDS": "macstate ", "COMP_CWORD": "1"},
    "the completion of `macstate explain endpoints.`": {"COMP_WORDS": "macstate explain endpoints.", "COMP_CWORD": "2"},
    "the completion of `macstate logs `": {"COMP_WORDS": "macstate logs ", "COMP_CWORD": "2"},
}
"""What is typed where somebody waits at the keyboard; a shell asks for a completion by its environment."""
ENVIRONMENT = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
"""A user's Python keeps its bytecode: the first run of each, which is not counted, writes it."""
FACTS = Facts(
    user="mmirvois",
    uid=501,
    home="/Users/mmirvois",
    sudo=True,
    node=Node(
        name="m.ts.net",
        capabilities=frozenset({"https", "funnel", "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"}),
    ),
    programs={"/opt/homebrew/bin/nginx": "nginx version: nginx/1.29.3"},
)


def keys(_reference: str, _path: object) -> Secret:
    """Return the same key for every reference."""
    return Secret(KEY)


NOTHING_SERVED = {
    "tailscale serve status --json": "{}",
    "tailscale status --json": '{"BackendState": "Running", "Self": {"DNSName": "m.ts.net."}}',
}
BASE = "import sys; sys.path.insert(0, '.'); import pyinfra_cli.main, pyinfra.connectors.local, pyinfra.connectors.ssh"
"""What pyinfra itself loads before it reads an inventory: all connectors but the rehearsal's, which is macstate's."""
OURS = """
import macstate.rehearsal.connector
import runpy; runpy.run_path("inventory.py")
from macstate import spec
from macstate.transport import connect, ops
from macstate.review import guard, report
from macstate.language.facts import Facts, Laptop, Node
from macstate.kernel.resource import Actual
from macstate.kinds import KINDS
from macstate.language.facts.machine import Machine
from macstate.kernel.plan import plan
from macstate.kernel.record import Record
from macstate.kernel.session import Session
declared = spec.load().for_host("macstudio")
from macstate.language.secrets import Secret
facts = %r
desired = declared.expand(facts, lambda reference, path: Secret(%r))
settings = {name: each for name, each in desired.items() if not each.owned}
actual = Actual(facts, settings, Record({}, {True: "", False: ""}), outputs={"serve": %r}, kinds=KINDS)
todo = plan(desired, actual)
report.text("macstudio", todo, steps=False)
guard.check(todo, facts.node, "")
Session(actual, todo)
assert len(todo.changes) == len(desired) - len(settings) > 0
"""
"""What inventory.py and deploy.py import and do up to the plan, without the probe."""


def spec_with_many() -> str:
    """Return the reference spec with ``ENDPOINTS`` other endpoints."""
    entries = (
        f"  e{n}: {{engine: openai, command: [/opt/homebrew/bin/e{n}], port: {9000 + n}, serve: /e{n}}}\n"
        for n in range(ENDPOINTS)
    )
    return REFERENCE[: REFERENCE.index("endpoints:")] + "endpoints:\n" + "".join(entries)


def planned(text: str, *, there: bool) -> tuple[float, Plan]:
    """Return the CPU seconds for spec and plan, and the plan, for a Mac that has all of the spec, or nothing of it."""
    desired = spec.parse(text, "macs.yml").for_host("macstudio").expand(FACTS, keys)
    settings = {name: each for name, each in desired.items() if not each.owned}
    record = Record({name: Recorded("owned", each.fingerprint) for name, each in desired.items() if each.owned})
    all_there = Actual(FACTS, desired, record, outputs={"serve": NOTHING_SERVED}, kinds=KINDS)
    none_there = Actual(FACTS, settings, Record(), outputs={"serve": NOTHING_SERVED}, kinds=KINDS)
    started = time.process_time()
    declared = spec.parse(text, "macs.yml").for_host("macstudio")
    todo = plan(declared.expand(FACTS, keys), all_there if there else none_there)
    return time.process_time() - started, todo


def converged_commands(text: str) -> int:
    """Return how many remote commands a run needs on a simulated Mac that matches the spec."""
    quiet = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        laptop = Laptop(Path(folder))
        first = laptop.run(text)
        assert not first.failed, first.said
        second = laptop.run(text)
        assert (second.rows, second.failed) == ([], False), second.said
    return second.commands


def seconds(code: str) -> float:
    """Return the seconds that a new interpreter takes for this code."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, check=True)
    return time.perf_counter() - started


def added_to_start() -> float:
    """Return the median seconds that macstate adds to pyinfra's start, which is measured just before each time."""
    code = f"{BASE}\n{OURS % (FACTS, KEY, NOTHING_SERVED)}"
    seconds(code)  # once, so that the disk's cache has all of it
    pairs = [(seconds(BASE), seconds(code)) for _ in range(PAIRS)]
    return statistics.median(ours - pyinfra_alone for pyinfra_alone, ours in pairs)


def cpu_to_tell(typed: str) -> float:
    """Return the median seconds of CPU of a command that tells something, or of a completion."""
    asks = TOLD[typed] and TOLD[typed] | {"_MACSTATE_COMPLETE": "zsh_complete"}
    words = [] if asks else typed.split()[1:]
    times = []
    for _ in range(PAIRS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = "from macstate.cli import main; main()"
        quiet = subprocess.DEVNULL
        subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, env=ENVIRONMENT | asks, stdout=quiet, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(times[1:])


def bounded(what: str, figure: float, bound: float, unit: str) -> bool:
    """Print one figure; return whether it is within its bound."""
    within = figure <= bound
    print(f"{what}: {figure:.3g} {unit} (bound {bound:g}){'' if within else ' BROKEN'}", flush=True)
    return within


def main() -> int:
    """Print each figure with its bound; return the exit status."""
    text = spec_with_many()
    none_cpu, todo = planned(text, there=False)
    all_cpu, nothing = planned(text, there=True)
    assert len([each for each in todo.changes if each.id.startswith("launchd/")]) == ENDPOINTS + 1  # the gateway
    assert not nothing.changes
    within = [
        bounded("imports, spec and plan on top of pyinfra's own start", added_to_start(), START_BOUND, "s"),
        *(bounded(typed, cpu_to_tell(typed), TELL_BOUND, "s of CPU") for typed in TOLD),
        bounded(f"spec and plan, {ENDPOINTS} endpoints, none there", none_cpu, CPU_BOUND, "s of CPU"),
        bounded(f"spec and plan, {ENDPOINTS} endpoints, all there", all_cpu, CPU_BOUND, "s of CPU"),
        bounded(f"a converged run, {ENDPOINTS} endpoints", converged_commands(text), COMMANDS_BOUND, "remote commands"),
    ]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
