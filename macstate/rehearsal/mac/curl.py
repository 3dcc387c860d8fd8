"""`curl`: tailscaled's LocalAPI on its unix socket, and whatever listens on loopback."""

from __future__ import annotations

import hashlib
import json
import re
import sys

from . import launchd, ollama, ports, tailnet
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    Answer = tuple[int, dict[str, str], str]

ALIASES = {
    "-s": "--silent", "-S": "--show-error", "-f": "--fail", "-i": "--include", "-D": "--dump-header", "-o": "--output",
    "-w": "--write-out", "-H": "--header", "-X": "--request", "-d": "--data", "-m": "--max-time", "-L": "--location",
    "-k": "--insecure", "-N": "--no-buffer", "-q": "--disable",
}  # fmt: skip
VALUES = {
    "--dump-header", "--output", "--write-out", "--header", "--request", "--data", "--data-binary", "--data-raw",
    "--max-time", "--unix-socket", "--connect-timeout", "--json",
}  # fmt: skip
REASONS = {
    200: "OK",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    412: "Precondition Failed",
    400: "Bad Request",
}


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `curl`."""
    options, url = _options(words)
    body = _body(options)
    method = (options.get("--request") or ["POST" if body is not None else "GET"])[-1]
    found = re.fullmatch(r"(?:http://)?([^/:]+)(?::(\d+))?(/.*)?", url)
    if found is None:
        raise Failure(2 if not url else 3, "curl: (3) URL rejected: Malformed input to a URL function")
    if "--unix-socket" in options:
        status, headers, text = _local_api(mac, options, method, found[3] or "/", body or "")
    else:
        status, headers, text = _loopback(mac, found, method, body or "")
    head = "".join(
        f"{line}\r\n"
        for line in (f"HTTP/1.1 {status} {REASONS[status]}", *(f"{k}: {v}" for k, v in headers.items()), "")
    )
    failed = "--fail" in options and status >= 400  # noqa: PLR2004 - HTTP
    for target in options.get("--dump-header", []):
        _put(mac, target, head)
    shown = (head if "--include" in options else "") + text
    if not failed:
        _put(mac, (options.get("--output") or ["-"])[-1], shown)
    for form in options.get("--write-out", []):
        sys.stdout.write(re.sub(r"%\{(http_code|response_code)\}", str(status), form).replace("\\n", "\n"))
    if failed:
        quiet = "--silent" in options and "--show-error" not in options
        raise Failure(22, "" if quiet else f"curl: (22) The requested URL returned error: {status}")
    return 0


def _options(words: list[str]) -> tuple[dict[str, list[str]], str]:
    options: dict[str, list[str]] = {}
    url = ""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            options.setdefault(word, []).append(rest.pop(0) if word in VALUES else "")
        elif word.startswith("-") and len(word) > 1:
            for place, letter in enumerate(word[1:], start=2):
                name = ALIASES.get(f"-{letter}", f"-{letter}")
                if name in VALUES:
                    options.setdefault(name, []).append(word[place:] or rest.pop(0))
                    break
                options.setdefault(name, []).append("")
        else:
            url = word
    return options, url


def _body(options: dict[str, list[str]]) -> str | None:
    given = [value for name in ("--data", "--data-binary", "--data-raw", "--json") for value in options.get(name, [])]
    if not given:
        return None
    return (
        sys.stdin.read() if given[-1] == "@-" else given[-1]
    )  # before the first look at the state, which takes the lock


def _put(mac: Mac, target: str, text: str) -> None:
    if target == "-":
        sys.stdout.write(text)
    elif target != "/dev/null":
        mac.file(target).write_text(text, newline="")


def _loopback(mac: Mac, url: re.Match[str], method: str, body: str) -> Answer:
    launchd.settle(mac)
    port = int(url[2] or 80)
    names = [command for _, command, _, _, number in ports.listeners(mac) if number == port]
    if not names:
        raise Failure(7, f"curl: (7) Failed to connect to {url[1]} port {port} after 0 ms: Couldn't connect to server")
    if names[0] == "ollama":
        status, text = ollama.api(mac, method, url[3] or "/", body)
        return status, {"Content-Type": "application/json"}, text
    return 200, {"Content-Type": "text/plain"}, ""  # nothing really runs there


def _local_api(mac: Mac, options: dict[str, list[str]], method: str, path: str, body: str) -> Answer:
    socket = options["--unix-socket"][-1]
    gui = mac.state["tailscale"]["variant"] != "oss"  # the app builds have no such socket
    if mac.absolute(socket) != tailnet.SOCKET or gui or not tailnet.is_running(mac):
        raise Failure(
            7, "curl: (7) Failed to connect to local-tailscaled.sock port 80 after 0 ms: Couldn't connect to server"
        )
    if path != "/localapi/v0/serve-config":
        return 404, {}, "404 page not found\n"
    # null before the first write (measured)
    text = json.dumps(mac.state["tailscale"]["serve"], separators=(",", ":"))
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
        tailnet.store(mac, tailnet.parse(body))
    except Failure as failure:
        return 400, {}, f"{failure.text}\n"
    return 200, {}, ""
