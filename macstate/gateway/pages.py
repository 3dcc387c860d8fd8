"""Where the guide is to be found: on the Mac, and behind the gateway."""

from __future__ import annotations

PAGE = "/macstate/"
"""The page; below it lies everything of the guide but what agents look for."""
AGENTS = "/llms.txt"
STATE = f"{PAGE}state/"
"""Below it, by an endpoint's name: whether it answers."""
KEY = f"{PAGE}key"
"""At every door: 204 for whoever has a key. It leads to no server, so that a change of keys can be proven by it."""
FILES = {PAGE: "index.html", f"{PAGE}guide.md": "guide.md", AGENTS: "llms.txt"}
"""What is asked for, and the file that answers."""
HTTPS = 443
