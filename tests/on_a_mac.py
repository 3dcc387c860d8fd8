"""On a real Mac: read it with the very probe, and plan. Changes nothing; fails when something cannot be parsed."""

import subprocess
import sys

from macstate import probe, report, spec
from macstate.plan import plan

wishes = spec.load().for_host("runner")
answer = subprocess.run(
    ["/bin/sh", "-c", probe.script()],
    input="\n".join(probe.stdin(wishes.lists)) + "\n",
    capture_output=True,
    text=True,
    check=False,
)
found = probe.found(answer.stdout.splitlines())
for identifier in ("power/ac", "power/system", "firewall/state", "screen_sharing/service"):
    print(found.resources[identifier])  # noqa: T201 - a script for people
print("\n".join(report.text("runner", plan(wishes.expand(found.facts), found), steps=True)))  # noqa: T201 - the same
sys.exit(0 if found.facts.version else "sw_vers was not understood")
