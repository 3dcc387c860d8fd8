"""The spec's Macs, and this laptop, as pyinfra hosts. A spec with mistakes ends the run here, before any connection."""

from macstate.transport import hosts, terminal

terminal.check_terminal()
macs = hosts.macs()
clients = hosts.laptops()
