"""Make each Mac match the spec: read it, plan, show the plan, carry it out, prove it."""

from pyinfra import host, state

from macstate.kernel.session import Session
from macstate.printable import printable
from macstate.review import report, saved
from macstate.transport import connect, ops, terminal

with ops.one_mac(state, host):
    agreed = saved.saved()
    seen = connect.review(host, dry=terminal.is_dry(), saved=agreed)
    terminal.show(seen, several=len(state.inventory) > 1, steps=state.print_noop_info)
    seen.check(agreed)
    session = Session(seen.actual, seen.plan, seen.spec, seen.options.lock_wait)
    for batch in seen.plan.batches:
        title, alone = report.title(batch), all(each.kind.alone for each in (*batch.changes, *batch.closes))
        with ops.row(host, batch.order, title):
            ops.apply(name=printable(title), session=session, batch=batch, _ignore_errors=alone)
    if seen.plan.batches:
        with ops.row(host, ops.LAST, "verify"):
            ops.verify(name="verify: nothing left to change", session=session, declared=seen.afterwards, keys=seen.keys)
    if terminal.is_dry() or not seen.plan.batches:
        seen.end()
