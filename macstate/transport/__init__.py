"""The way to a Mac: SSH, sudo, reading, and carrying out changes.

Here begins what needs pyinfra, which takes longer to load than all of macstate: what stands below does without.
"""

import gc

from gevent.hub import Hub
from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.exceptions import CliError

from macstate.errors import MacstateError
from macstate.spec import reading  # noqa: F401 - the models: what the collector is to leave alone

# pyinfra's modules and our models live as long as the process. Without this call the collector walks them again at each
# import and at the end, which costs a run 0.1 s (benchmarks/kernel.py). The call stands here because it must come after
# gevent's patches, which look for locks among the objects that the collector can see.
gc.freeze()

# pyinfra lets only a PyinfraError through from inventory and deploy code, and its command shows a CliError's text
# unchanged. The bases are given here, since an error that named them itself would load pyinfra for `macstate explain`.
MacstateError.__bases__ = (PyinfraError, CliError)
Hub.NOT_ERROR = (*Hub.NOT_ERROR, MacstateError)  # gevent prints a traceback when any other error ends a greenlet
