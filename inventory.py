"""The spec's Macs as pyinfra hosts, and this laptop; a spec with mistakes ends here, before any connection."""

from macstate.transport import hosts, terminal

terminal.check_terminal()
macs = hosts.macs()
clients = hosts.laptops()
