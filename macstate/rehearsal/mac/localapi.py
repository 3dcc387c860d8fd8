"""tailscaled's LocalAPI on its unix socket, as curl sees it."""

from __future__ import annotations

import hashlib
import json

from . import tailnet
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    Answer = tuple[int, dict[str, str], str]


def answer(mac: Mac, options: dict[str, list[str]], method: str, path: str, body: str) -> Answer:
    """Return the answer to a request for the Serve document or the preferences."""
    socket = options["--unix-socket"][-1]
    gui = mac.state["tailscale"]["variant"] != "oss"  # the app builds have no such socket
    if mac.absolute(socket) != tailnet.SOCKET or gui or not tailnet.is_running(mac):
        raise Failure(
            7, "curl: (7) Failed to connect to local-tailscaled.sock port 80 after 0 ms: Couldn't connect to server"
        )
    known = {"/localapi/v0/prefs": _prefs, "/localapi/v0/serve-config": _serve}
    if path not in known:
        return 404, {}, "404 page not found\n"
    return known[path](mac, options, method, body)


def _serve(mac: Mac, options: dict[str, list[str]], method: str, body: str) -> Answer:
    # it is null before the first write (measured)
    text = tailnet.spelled(tailnet.config(mac) or mac.state["tailscale"]["serve"])
    etag = hashlib.sha256(text.encode()).hexdigest()
    if method == "GET":
        return 200, {"Content-Type": "application/json", "Etag": etag}, text
    if not mac.as_root:
        return 403, {}, "serve config denied\n"
    wanted = [
        header.partition(":")[2].strip().strip('"')
        for header in options.get("--header", [])
        if header.lower().startswith("if-match:")
    ]
    if wanted and wanted[0] != etag:
        return 412, {}, "etag mismatch\n"
    try:
        document = tailnet.parse(body)
    except Failure as failure:
        return 400, {}, f"{failure.text}\n"
    try:
        tailnet.take(mac, document)
    except Failure as failure:
        return 500, {}, json.dumps({"error": failure.text.removeprefix("sending serve config: ")})
    return 200, {}, ""


def _prefs(mac: Mac, _options: dict[str, list[str]], method: str, body: str) -> Answer:
    """Change the preferences that a ``NAMESet`` switch names, and return all (recorded of tailscaled 1.102.5)."""
    prefs = mac.state["tailscale"]["prefs"]
    if method == "PATCH":
        if not mac.as_root:
            return 403, {}, "prefs write access denied\n"
        try:
            asked = json.loads(body)
        except ValueError:
            return 400, {}, "unexpected EOF\n"
        prefs |= {name: asked[name] for name in asked if asked.get(f"{name}Set") is True}
    return 200, {"Content-Type": "application/json"}, json.dumps(prefs, indent="\t") + "\n"
