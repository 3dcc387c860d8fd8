"""`curl`: its options, and what it prints for an answer."""

from __future__ import annotations

import re
import sys

from . import localapi, real, servers
from .machine import Failure, Mac

ALIASES = {
    "-s": "--silent", "-S": "--show-error", "-f": "--fail", "-i": "--include", "-D": "--dump-header", "-o": "--output",
    "-w": "--write-out", "-H": "--header", "-X": "--request", "-d": "--data", "-m": "--max-time", "-L": "--location",
    "-k": "--insecure", "-N": "--no-buffer", "-q": "--disable", "-K": "--config",
}  # fmt: skip
VALUES = {
    "--dump-header", "--output", "--write-out", "--header", "--request", "--data", "--data-binary", "--data-raw",
    "--max-time", "--unix-socket", "--connect-timeout", "--json", "--noproxy", "--config", "--max-filesize",
}  # fmt: skip
LOOPBACK = re.compile(r"(?:http://)?(?:127\.0\.0\.1|localhost|\[::1\])(?=[:/]|$)")
REASONS = {
    200: "OK",
    204: "No Content",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    412: "Precondition Failed",
    400: "Bad Request",
}


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `curl`."""
    options, url = _options(words)
    if LOOPBACK.match(url) and "--unix-socket" not in options:
        real.ask(mac, words)
    if options.get("--config") == ["-"]:
        options.setdefault("--header", []).extend(re.findall(r'^header = "(.*)"$', sys.stdin.read(), re.MULTILINE))
    body = _body(options)
    method = (options.get("--request") or ["POST" if body is not None else "GET"])[-1]
    found = re.fullmatch(r"(?:https?://)?([^/:]+)(?::(\d+))?(/.*)?", url)
    if found is None:
        raise Failure(2 if not url else 3, "curl: (3) URL rejected: Malformed input to a URL function")
    if url.startswith("https://"):
        status, headers, text = servers.registry(url)
    elif "--unix-socket" in options:
        status, headers, text = localapi.answer(mac, options, method, found[3] or "/", body or "")
    else:
        status, headers, text = servers.loopback(mac, found, method, body or "", options)
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
    told = {name.lower(): value for name, value in headers.items()}
    for form in options.get("--write-out", []):
        written = re.sub(r"%header\{([\w-]+)\}", lambda match: told.get(match[1].lower(), ""), form)
        sys.stdout.write(re.sub(r"%\{(http_code|response_code)\}", str(status), written).replace("\\n", "\n"))
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
            for index, letter in enumerate(word[1:], start=2):
                name = ALIASES.get(f"-{letter}", f"-{letter}")
                if name in VALUES:
                    options.setdefault(name, []).append(word[index:] or rest.pop(0))
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
    )  # before the first use of the state, which takes the lock


def _put(mac: Mac, target: str, text: str) -> None:
    if target == "-":
        sys.stdout.write(text)
    elif target != "/dev/null":
        mac.file(target).write_text(text, newline="")
