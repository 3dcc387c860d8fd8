"""macstate: the YAML says what a Mac shall be; it is read, compared, changed, and read again.

A room a folder, from the ground up. An import runs down or stays in its room (``lint-imports`` holds that), so that
whatever stands below can be read without what stands above.

=============  =====================================================================================================
on the ground  ``errors`` (what a user can mend), ``printable``, ``console``, ``files`` (the laptop's own), ``hint``,
               ``render``
``language``   what may be typed: an entry and its fields, types, YAML with places, references to keys; and what an
               entry is expanded with: facts, scope
``kernel``     a declaration to a proven change, and no kind by name: resource, record, probe, plan, steps, session,
               journal, with ``probe.sh`` and ``apply.sh``
``kinds``      what a Mac has and can be read back: a module a kind, or a package with its script
``gateway``    the API-key gate: its doors, its keys, its servers' configuration
``endpoint``   a model server: its entry, its watchdog, how it is reached; ``engines`` has one file an engine
``guide``      the guide in all its forms
``laptop``     the laptop's side: its files, and the tools that talk to the models
``spec``       the whole YAML: read, layers, checks, schema, explain
``review``     what a person looks at: the plan, what stands against it, health, status, saved plans
``transport``  the way to a Mac: SSH, sudo, sending and reading, carrying out; pyinfra is loaded from here on
``rehearsal``  the simulated Mac
``trial``      a chat from this laptop, link by link
``cli``        the commands: ``commands`` has what may be typed, the others what is done, each loaded once it runs
=============  =====================================================================================================

``deploy.py`` is the line that a run follows; CONTRIBUTING.md says what one more field, kind, engine or tool costs.
"""

import atexit
import gc

# What a run makes, it keeps until its end: modules, models, a plan. To look through all of it for garbage, every 700
# objects and at the very end, cost a run 0.1 s (benchmarks/kernel.py).
gc.set_threshold(200_000)
atexit.register(gc.freeze)
