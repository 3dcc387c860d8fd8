"""The paths at which the gateway serves the guide, its state and its check of a key."""

from __future__ import annotations

PAGE = "/macstate/"
"""The guide's page; below it lies all of the guide except the text for agents."""
AGENTS = "/llms.txt"
STATE = f"{PAGE}state/"
"""The folder in which each endpoint, by name, has a path that tells whether it answers."""
KEY = f"{PAGE}key"
"""At every door: 204 for whoever has a key. It leads to no server, so that it can prove a change of keys."""
FILES = {PAGE: "index.html", f"{PAGE}guide.md": "guide.md", AGENTS: "llms.txt"}
"""Path to the file that answers it."""
HTTPS = 443
