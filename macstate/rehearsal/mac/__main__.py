"""Run one simulated tool: ``python -I -S …/macstate/rehearsal/mac/__main__.py TOOL WORD…``.

A tool is run often, so what it needs at its start is little: no pathlib, no re, no json (see test_mac_tools.py).
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Play the tool named by the first word."""
    # -I keeps the script's own folder out, whose modules must not stand in for the standard library's
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.dirname(folder))
    tool, *words = sys.argv[1:]
    code: int = __import__("mac.tools", fromlist=["play"]).play(tool, words)
    return code


if __name__ == "__main__":
    code = main()
    os._exit(code)  # everything is written by now; a tidy end costs 2 ms
