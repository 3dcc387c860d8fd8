"""Which removals nobody makes by accident, and how they are told."""

from __future__ import annotations

import re

import pytest
from test_screen import NODE, planned

from macstate.errors import MacstateError
from macstate.review import guard, report

MAC = "macs: {macstudio: {hostname: studio.tail174e9b.ts.net, user: mmirvois}}\n"
GATE = 'gateway: {server: nginx, keys: {k: "env:K"}}\n'


def endpoints(*, routes: int = 8, off: int = 0, of: int = 8) -> str:
    """Give endpoints, of which the last ones have no route, and the first ones are off."""
    lines = (
        f'  e{number}: {{engine: rest, command: [/opt/b, "{{port}}"], port: {8100 + number}'
        + (f", serve: /e{number}" if number < routes else "")
        + (", enabled: false}\n" if number < off else "}\n")
        for number in range(of)
    )
    return "endpoints:\n" + "".join(lines)


@pytest.mark.parametrize("gate", ["", GATE])
def test_a_job_that_goes_off_excuses_its_own_route_alone(gate: str) -> None:
    before = MAC + gate + endpoints(routes=12, of=12)
    for off, page in ((0, 0), (1, 2 if gate else 0)):  # the gateway's page goes with the last route
        todo = planned(MAC + gate + endpoints(routes=1, off=off, of=12), before)
        with pytest.raises(MacstateError, match=rf"^removing {11 + off + page} of \d+ objects, more than a third"):
            guard.check(todo, NODE, "")


@pytest.mark.parametrize("gate", ["", GATE])
def test_what_goes_since_its_endpoints_are_off_is_no_removal(gate: str) -> None:
    before = MAC + gate + endpoints()
    for off in (1, 7, 8):
        todo = planned(MAC + gate + endpoints(off=off), before)
        assert sum(change.action == "remove" for change in todo.changes) >= off
        guard.check(todo, NODE, "")


def test_what_is_refused_counts_as_the_plan_does_and_has_one_reason() -> None:
    before = MAC + endpoints()
    for after in (MAC + endpoints(of=3, routes=3), MAC, (MAC + endpoints(routes=1)).replace("/e0", "/other")):
        todo = planned(after, before)
        [counted] = re.findall(r"(\d+) to remove", report.summary("macstudio", todo))
        with pytest.raises(MacstateError, match=rf"^removing {counted} of 16 objects, ") as caught:
            guard.check(todo, NODE, "", serves="endpoints" in after)
        assert ("last endpoint" in str(caught.value)) != ("a third" in str(caught.value))
