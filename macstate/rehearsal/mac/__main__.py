"""Run one simulated tool: ``python -I -S …/macstate/rehearsal/mac/__main__.py TOOL WORD…``.

Tools run often, so their start loads little: no pathlib, no re, no json (see test_mac_tools.py).
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Play the tool that the first word names; return its exit status."""
    # -I leaves out the script's own folder, whose modules must not replace those of the standard library
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.dirname(folder))
    tool, *words = sys.argv[1:]
    code: int = __import__("mac.tools", fromlist=["play"]).play(tool, words)
    return code


if __name__ == "__main__":
    code = main()
    os._exit(code)  # all output is written by now; a regular exit costs 2 ms
