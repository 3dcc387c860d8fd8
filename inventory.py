"""The spec's Macs as pyinfra hosts; a spec with mistakes ends here, before any connection."""

from macstate import connect, spec

connect.check_terminal()
macs = [(name, connect.data(mac)) for name, mac in spec.load().macs.items()]
