"""Make each Mac what the spec says: read it, plan, show, carry out, prove."""

from pyinfra import host, state

from macstate import connect, guard, ops, report, spec
from macstate.plan import plan
from macstate.run import Run

with ops.one_mac(state, host):
    wishes = spec.load().for_host(host.name)
    found = connect.look(host, wishes)
    keys = connect.keys(host, dry=connect.is_dry())
    todo = plan(wishes.expand(found.facts, keys), found)
    ops.show(state, host, wishes.warnings, report.text(host.name, todo, steps=state.print_noop_info))
    guard.check(todo, found.facts.node, str(host.data.get("allow", "")))
    run = Run(found, todo)
    for batch in todo.batches:
        with ops.row(host, batch.order, batch.title):
            ops.apply(name=batch.title, run=run, batch=batch)
    if todo.batches:
        with ops.row(host, ops.LAST, "verify"):
            ops.verify(name="verify: nothing left to change", wishes=wishes, keys=keys)
