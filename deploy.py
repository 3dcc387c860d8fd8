"""Make each Mac what the spec says: read it, plan, show, carry out, prove."""

from pyinfra import host, state

from macstate import connect, ops, terminal
from macstate.run import Run

with ops.one_mac(state, host):
    seen = connect.review(host, dry=terminal.is_dry())
    ops.show(state, host, seen, steps=state.print_noop_info)
    seen.check(str(host.data.get("allow", "")))
    run = Run(seen.found, seen.plan, seen.spec, connect.lock_wait(host))
    for batch in seen.plan.batches:
        with ops.row(host, batch.order, batch.title):
            ops.apply(name=batch.title, run=run, batch=batch)
    if seen.plan.batches:
        with ops.row(host, ops.LAST, "verify"):
            ops.verify(name="verify: nothing left to change", wishes=seen.wishes, keys=seen.keys)
