"""The log of a job, read from a Mac piece by piece."""

from __future__ import annotations

import codecs
import io
import time
from base64 import b64decode
from collections.abc import Iterator

from pyinfra.api.host import Host

from macstate import spec
from macstate.cli import jobs
from macstate.errors import MacstateError
from macstate.gateway.entry import access_log
from macstate.kernel import scripts
from macstate.kernel.resource import Actual
from macstate.kinds.launchd import Launchd
from macstate.printable import CUT
from macstate.spec.declared import Declared
from macstate.transport import connect

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
"""Prints the length of the file and a piece of it in base64, since a log may hold any bytes and an unfinished line."""
RUN_JOBS = "`rehearse run-jobs on` (inside it)"
FIELDS = {".error": "StandardErrorPath", ".access": ""}
"""The plist's key for each log other than the output, by the word behind the job's name."""


def tail(host: Host, name: str, lines: int, pause: float | None) -> Iterator[str]:
    """Yield the end of a log; with a ``pause`` (seconds), go on with new text for ever.

    A carriage return, as in a progress bar, begins a new line. An incomplete character or colour at the end waits for
    the rest.

    Raises:
        MacstateError: there is no such job, or its log cannot be read.
    """
    declared = spec.load().for_host(host.name)
    label = jobs.label(name, jobs.logs(declared))
    other = "" if name in {label, *jobs.named(declared)} else f".{name.rpartition('.')[2]}"
    path = _path(label, FIELDS.get(other, "StandardOutPath"), declared, connect.look(host, declared))
    utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    decode = io.IncrementalNewlineDecoder(utf8, translate=True).decode
    place, text = "begin", ""
    while True:
        size, *body = connect.run_script(host, READ, path, place, str(lines)) if path else [""]
        if not size.isdecimal():
            when = f"it is there once {name} has run"
            if connect.is_rehearsal(host):
                when = f"a rehearsal's jobs write logs once {RUN_JOBS} lets them really run"
            raise MacstateError(f"{path or name} cannot be read; {when}")
        text += decode(b64decode("".join(body)), final=pause is None)
        if pause is None:
            yield text
            return
        whole = CUT.sub("", text)
        yield whole
        place, text = size, text[len(whole) :]
        time.sleep(pause)


def _path(label: str, field: str, declared: Declared, actual: Actual) -> str:
    """Return the path of a log: where the job on the Mac writes it, otherwise where it will; empty if not known."""
    if not field:
        return access_log(label, actual.facts.home)
    desired, _ = declared.expanded(actual.facts)
    for each in (*actual.resources.values(), *desired.values()):
        if isinstance(each, Launchd) and each.label == label and each.file:
            path = each.file.get(field)
            if isinstance(path, str):
                return path
    return ""
