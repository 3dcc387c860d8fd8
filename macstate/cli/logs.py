"""The log of an endpoint, read from a Mac piece by piece."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Iterator

from pyinfra.api.host import Host

from macstate import connect, scripts, spec
from macstate.errors import MacstateError

READ = (
    scripts.bare("digits.sh")
    + """
set -u
file=${MACSTATE_ROOT-}$1
[ -r "$file" ] || { echo unreadable; exit; }
size=$(digits "$(wc -c <"$file" | tr -d ' ')")
echo "$size"
if [ "$2" = begin ]; then
  head -c "$size" "$file" | tail -n "$3"
else
  from=$(digits "$2")
  [ "$from" -le "$size" ] || from=0 # it was rotated
  tail -c "+$((from + 1))" "$file" | head -c "$((size - from))"
fi | base64 | tr -d '\\n'
echo
"""
)
"""Prints how long the file is, and a piece of it in base64: a log may hold any bytes."""


def tail(host: Host, endpoint: str, lines: int, pause: float | None) -> Iterator[str]:
    """Give the end of an endpoint's log, and with a pause (seconds) whatever comes, for ever.

    Raises:
        MacstateError: there is no such endpoint, or its log cannot be read.
    """
    wishes = spec.load().for_host(host.name)
    entries = {name: entry for name, entry in wishes.entries if entry.section == "endpoints"}
    if endpoint not in entries:
        raise MacstateError(f"{endpoint}: no such endpoint on this Mac; there are {', '.join(entries) or 'none'}")
    found = connect.look(host, wishes)
    path = entries[endpoint].log_path(entries[endpoint].job_label(endpoint), found.facts)  # type: ignore[attr-defined]
    place = "begin"
    while True:
        size, *body = connect.ask(host, READ, path, place, str(lines))
        if not size.isdecimal():
            raise MacstateError(f"{path} cannot be read; it is there once {endpoint} has run")
        yield b64decode("".join(body)).decode("utf-8", "replace")
        if pause is None:
            return
        place = size
        time.sleep(pause)
