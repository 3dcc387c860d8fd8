"""The log of an endpoint, read from a Mac piece by piece."""

from __future__ import annotations

import codecs
import io
import time
from base64 import b64decode
from collections.abc import Iterator

from pyinfra.api.host import Host

from macstate import connect, scripts, spec
from macstate.errors import MacstateError
from macstate.printable import CUT

READ = (
    scripts.bare("digits.sh")
    + "\n"
    + scripts.bare("bytes.sh")
    + """
set -u
file=${MACSTATE_ROOT-}$1
[ -r "$file" ] || { echo unreadable; exit; }
size=$(bytes "$file")
echo "$size"
if [ "$2" = begin ]; then
  head -c "$size" "$file" | tail -n "$3"
else
  from=$(digits "$2")
  [ "$from" -le "$size" ] || from=0 # it was rotated
  tail -c "+$((from + 1))" "$file" | head -c "$((size - from))"
fi | tail -c 1000000 | base64 | tr -d '\\n'
echo
"""
)
"""Prints how long the file is, and a piece of it in base64: a log may hold any bytes, and a line without an end."""


def tail(host: Host, endpoint: str, lines: int, pause: float | None) -> Iterator[str]:
    """Give the end of an endpoint's log, and with a pause (seconds) whatever comes, for ever.

    A progress bar, which goes back to the beginning of its line, begins a new one. Of what was read, half a character
    and half a colour wait for the rest.

    Raises:
        MacstateError: there is no such endpoint, or its log cannot be read.
    """
    wishes = spec.load().for_host(host.name)
    entries = {name: entry for name, entry in wishes.entries if entry.section == "endpoints"}
    if endpoint not in entries:
        raise MacstateError(f"{endpoint}: no such endpoint on this Mac; there are {', '.join(entries) or 'none'}")
    found = connect.look(host, wishes)
    path = entries[endpoint].log_path(entries[endpoint].job_label(endpoint), found.facts)  # type: ignore[attr-defined]
    utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    decode = io.IncrementalNewlineDecoder(utf8, translate=True).decode
    place, text = "begin", ""
    while True:
        size, *body = connect.ask(host, READ, path, place, str(lines))
        if not size.isdecimal():
            raise MacstateError(f"{path} cannot be read; it is there once {endpoint} has run")
        text += decode(b64decode("".join(body)), final=pause is None)
        if pause is None:
            yield text
            return
        whole = CUT.sub("", text)
        yield whole
        place, text = size, text[len(whole) :]
        time.sleep(pause)
