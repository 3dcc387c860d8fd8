"""What macstate's own work costs the laptop; exits with 1 when a bound is broken. Run: python benchmarks/kernel.py."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BASE = "import pyinfra_cli.main, pyinfra_cli.cli"
WORK = """
import sys; sys.path.insert(0, '.')
from macstate import connect, guard, ops, report, spec
from macstate.facts import Facts
from macstate.found import Found
from macstate.plan import plan
from macstate.record import Line, Record
from macstate.run import Run
text = open('group_data/macs.yml').read()
EXTRA
facts = Facts(user='u', home='/Users/u', tailnet_name='m.ts.net')
found = spec.parse(text, 'macs.yml').for_host('macstudio').expand(facts)
record = Record({name: Line('owned', each.fingerprint) for name, each in found.items() if each.owned})
there = plan(found, Found(Facts(), found, record))
settings = {name: each for name, each in found.items() if not each.owned}
names = '{"BackendState": "Running", "Self": {"DNSName": "m.ts.net."}}'
serve = {'tailscale serve status --json': '{}', 'tailscale status --json': names}
fresh = plan(found, Found(Facts(), settings, Record(), {}, {'serve': serve}))
assert not there.changes and len(fresh.changes) >= 7
"""
MANY = """
text = text[: text.index('endpoints:')] + 'endpoints:\\n' + ''.join(
    f'  e{n}: {{engine: openai, command: [/opt/e{n}], port: {9000 + n}, serve: /e{n}}}\\n' for n in range(200))
started = __import__('time').process_time()
"""


def seconds(code: str) -> float:
    """Time one interpreter from start to end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - started


def main() -> int:
    """Print each figure with its bound."""
    pairs = [(seconds(BASE), seconds(BASE + "\n" + WORK.replace("EXTRA", ""))) for _ in range(8)][1:]
    added = statistics.median(after - before for before, after in pairs)
    code = f"{BASE}\n{WORK.replace('EXTRA', MANY)}\nprint(__import__('time').process_time() - started)"
    cpu = float(
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    )
    print(f"imports, spec and two plans added to pyinfra's own start: {added:.3f} s (bound 0.15 s)")
    print(f"spec and two plans with 200 endpoints: {cpu:.2f} s of CPU (bound 1 s)")
    return int(added > 0.15 or cpu > 1)  # noqa: PLR2004 - the bounds


if __name__ == "__main__":
    sys.exit(main())
