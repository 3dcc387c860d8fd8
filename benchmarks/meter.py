"""Run a session's command, and leave in a folder what it has run and carried: ``meter.py FOLDER WHAT COMMAND...``.

WHAT is ``bytes``, or ``programs``, which counts both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

STRACE = "/usr/bin/strace -ff -qq -z --seccomp-bpf -e signal=none -e trace=execve -s 0 -o"


def carry(source: BinaryIO, sink: BinaryIO, sizes: dict[str, int], name: str) -> None:
    """Copy until the end, and add up."""
    while data := os.read(source.fileno(), 1 << 16):
        sizes[name] += len(data)
        try:
            sink.write(data)
            sink.flush()
        except OSError:  # whoever reads has enough
            break
    sink.close()


def main() -> int:
    """Return the command's exit status."""
    folder, what, *words = sys.argv[1:]
    file = f"{folder}/{time.time_ns()}"
    sizes = {"command": len(words[-1].encode()), "stdin": 0, "stdout": 0, "stderr": 0}
    command = [*STRACE.split(), f"{file}.strace", *words] if what == "programs" else words
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        inward = threading.Thread(target=carry, args=(sys.stdin.buffer, process.stdin, sizes, "stdin"), daemon=True)
        outward = [
            threading.Thread(target=carry, args=(process.stdout, sys.stdout.buffer, sizes, "stdout")),
            threading.Thread(target=carry, args=(process.stderr, sys.stderr.buffer, sizes, "stderr")),
        ]
        for each in (inward, *outward):
            each.start()
        for each in outward:
            each.join()
        code = process.wait()
        Path(f"{file}.json").write_text(json.dumps(sizes))
        os._exit(code if code >= 0 else 128 - code)  # the other end may leave its standard input open


if __name__ == "__main__":
    sys.exit(main())
