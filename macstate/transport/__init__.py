"""The way to a Mac: SSH, sudo, reading, and carrying out changes.

Here begins what needs pyinfra, which takes longer to load than all of macstate: what stands below does without.
"""

from gevent.hub import Hub
from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.exceptions import CliError

from macstate.errors import MacstateError

# pyinfra lets only a PyinfraError through from inventory and deploy code, and its command shows a CliError's text
# unchanged. The bases are given here, since an error that named them itself would load pyinfra for `macstate explain`.
MacstateError.__bases__ = (PyinfraError, CliError)
Hub.NOT_ERROR = (*Hub.NOT_ERROR, MacstateError)  # gevent prints a traceback when any other error ends a greenlet
