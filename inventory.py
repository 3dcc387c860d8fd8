"""The spec's Macs as pyinfra hosts; a spec with mistakes ends here, before any connection."""

from macstate import spec, terminal

terminal.check_terminal()
macs = [f"@mac/{name}" for name in spec.load().macs]
