"""More that somebody might try, at every door of a Mac with mounts of every shape, each to be misread in another way.

Every request has its own number in its query, and knows what it may reach: most nothing, the valid ones one server,
with exact bytes. What may be reached is told here a second time, by rules of the tests' own.
"""

from __future__ import annotations

import random
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Door = tuple[str, int]
"""Audience and HTTPS port."""
ENDPOINTS: dict[str, dict[str, Any]] = {
    "ollama": {"engine": "ollama", "serve": "/", "funnel": {"https": 8443}, "open": ["/x", "/deep/*"]},
    "open": {"engine": "openai", "serve": "/open", "funnel": {"https": 8443, "path": "/open"}, "open": ["/ws"]},
    "openx": {"engine": "openai", "serve": "/openx", "funnel": {"https": 10000, "path": "/openx"}},
    "nested": {"engine": "ollama", "serve": {"path": "/a.b/c-d/e~f", "keep_path": True}},
    "inside": {"engine": "rest", "serve": "/open/inside", "open": ["/only"]},
    "ui": {"engine": "rest", "serve": {"https": 7860}, "require_key": True, "open": ["/app/*", "/sdapi/v1/txt2img"]},
    "far": {"engine": "rest", "serve": {"https": 9000, "path": "/far"}},
    "kept": {"engine": "openai", "serve": {"https": 9000, "path": "/kept", "keep_path": True}, "open": ["/v1/a+b/*"]},
    "pub": {"engine": "rest", "funnel": {"https": 10000, "path": "/pub"}},
    "deep": {"engine": "rest", "funnel": {"https": 10000, "path": "/p/u/b", "keep_path": True}, "open": ["/api/*"]},
}
"""The Mac, but for commands and ports."""
USUAL = ("GET", "HEAD", "POST", "OPTIONS")
ODD = ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "MOVE", "get", "Post", "G-T", "CONNECT")
OPENAI = (
    "/v1/models", "/v1/models/*", "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses",
    "/v1/moderations", "/v1/images/generations", "/v1/images/edits", "/v1/images/variations", "/v1/audio/speech",
    "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/realtime", "/v1/messages", "/v1/messages/count_tokens",
)  # fmt: skip
OLLAMA = ("/", "/api/version", "/api/tags", "/api/ps", "/api/show", "/api/generate", "/api/chat", "/api/embed")
USED = {"ollama": (*OLLAMA, "/api/embeddings", *OPENAI), "openai": OPENAI, "rest": ()}
CLOSED = (
    "/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/sha256:0", "/api/me",
    "/api/signout", "/api/user/keys/x", "/api/experimental/aliases", "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter", "/metrics", "/docs", "/sleep", "/wake_up", "/v1", "/v1/", "/api", "/X", "/V1/models",
    "/API/tags", "/only/x", "/deeper/x", "/app", "/sdapi/v1/options", "/v1/chat/completions/x", "/v1/models%2f..%2fx",
    "/onlyx",
)  # fmt: skip
BELOW_A_STAR = (
    "x", "Qwen%2FQwen3-8B", "a%2Bb", "https%3A%2F%2Fx.example", "%7Ex", "%ff%FE", "%c0%ae%c0%ae", "a%20b",
    "%252e%252e%252fx", "x;y=z", "x,y!(z)*'", "a:b@c=d&e$f", "%E2%82%AC", "...", "..x", "x..", "%25", "%3fx%23",
)  # fmt: skip
QUERIES = ("", "a=../../x&", "u=https://x//y&", "q=%2e%2E%2f&", "%ff&", "a=b?c&", "x=\\&", "+%20;&")
CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
BENDS = (
    "//", "/./", "/../", "/.//", "/%2e/", "/%2e%2e/", "/.%2E/", "/%2E./", "/..%2f", "/%2e%2e%2F", "%2f..%2f",
    "%2f%2e/", "\\", "/\\", "%5c", "/..\\", "/..%5C", "/;/", "/;x=1/", ";a=b/", ";/", "/.;x/", "/...//", "/..%c0%af",
    "/..%252f", "/%%32%65/", "/.%00./", "/..%00/", "/%00", "%0a/", "%0d%0a/", "#/", "/#", "%23/", "?/", "%3f/",
    "/%u002e%u002e/", "/%c0%ae%c0%ae/", "/%e0%80%ae%e0%80%ae/", "/.%09./", "/%2e%2e%00/", "/%/", "/%2/", "/%2g/",
    "/*/", "/+/", "/~/",
)  # fmt: skip
ENDS = (
    "", "/", ";x", ";.json", "/.", "/..", "/%2e", "/%2e%2e", "%2f", "%20", "%09", "%00", ".", "#", "#/v1/models", "*",
    ".json", "::$DATA", "%", "%2", "\\", "%5c", "/x", "%0a", "%ff", "~", "%3f", "/;/",
)  # fmt: skip


READ = ("/", "/v1/models", "/v1/models/*", "/api/version", "/api/tags", "/api/ps")
"""What people only read."""


@dataclass(frozen=True)
class Way:
    """One route, as the spec above has it."""

    name: str
    mount: str
    kept: bool
    asks: bool
    used: tuple[str, ...] | None
    """What people use of it; None: everything."""
    open: tuple[str, ...]

    def takes(self, method: str, path: str) -> bool:
        """Say whether it is open, by the decoded path below the mount."""
        if self.used is None:
            return True
        methods = [each for each in USUAL if each != "POST" or not any(_fits(path, read) for read in READ)]
        used = method in methods and any(_fits(path, each) for each in self.used)
        return used or any(_fits(path, each) for each in self.open)


def _fits(path: str, pattern: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern


def _ways() -> Iterator[tuple[Door, Way]]:
    for name, entry in ENDPOINTS.items():
        for audience, field in (("tailnet", "serve"), ("funnel", "funnel")):
            route = {"path": entry[field]} if isinstance(entry.get(field), str) else entry.get(field)
            if route:
                asks = audience == "funnel" or entry.get("require_key", False)
                more = tuple(entry.get("open", ()))
                used = None if entry["engine"] == "rest" and not more else USED[entry["engine"]]
                mount = route.get("path", "/").rstrip("/")
                yield (audience, route.get("https", 443)), Way(name, mount, "keep_path" in route, asks, used, more)


DOORS: dict[Door, list[Way]] = {}
for _door, _way in sorted(_ways(), key=lambda pair: -len(pair[1].mount)):
    DOORS.setdefault(_door, []).append(_way)


def reached(door: Door, method: str, target: str) -> tuple[str, str] | None:
    """Say which server a request with all that is asked of it reaches, and by which bytes; None: none."""
    path, question, query = target.partition("?")
    if re.search(r"//|\\|%5c|%(?![0-9a-f]{2})", path, re.IGNORECASE) or CONTROL.search(path):
        return None
    once = urllib.parse.unquote(path, "latin-1")
    if {".", ".."} & {part.partition(";")[0] for part in once.split("/")} or not path.startswith("/"):
        return None
    way = next((way for way in DOORS[door] if f"{once}/".startswith(f"{way.mount}/")), None)
    if not way or not f"{path}/".startswith(f"{way.mount}/"):
        return None
    if not way.takes(method, once[len(way.mount) :] or "/"):
        return None
    return way.name, (path if way.kept else path[len(way.mount) :] or "/") + question + query


@dataclass(frozen=True)
class Shot:
    """One request, and what it may do."""

    door: Door
    text: bytes
    may: tuple[str, str] | None = None
    """The server that it may reach, and the path that this may see."""
    valid: bool = False
    """Whether it has to reach it."""


def respelt(target: str) -> str:
    """Give a target as Go spells it where its path holds what no URI may: only that is judged by Caddy, and sent."""
    path, question, query = target.partition("?")
    if not re.search(r"[^!-~]|[\"#<>^`{|}]", path) or re.search(r"%(?![0-9A-Fa-f]{2})", path):
        return target
    once = urllib.parse.unquote(path, "latin-1").encode("latin-1")
    return urllib.parse.quote(once, safe="$&+,/:;=@") + question + query


@dataclass
class Attacker:
    """Whoever makes them up."""

    chance: random.Random
    name: str
    """The Mac's."""
    key: str
    """A valid one."""
    behind_serve: bool = False
    """Whether tailscaled stands before the doors: it takes some headers out, and wants the name by which TLS came."""
    respells: bool = False
    """Whether the gateway is Caddy, which sees a path that is no URI's only as Go has spelt it anew."""

    def shots(self, count: int) -> list[Shot]:
        """Give that many hostile ones, and one valid for every hundred of them."""
        found = [self.hostile(f"h{number}") for number in range(count)]
        found += [self.valid(f"valid{number}") for number in range(count // 100)]
        self.chance.shuffle(found)
        return found

    def hostile(self, number: str) -> Shot:
        """Give one of a random family; a family gives none where the request would be as good as another."""
        while True:
            shot = self.chance.choice(FAMILIES)(self, number)
            if shot:
                return shot

    def valid(self, number: str) -> Shot:
        chance = self.chance
        door, way = self.way()
        queries = QUERIES[:-1] if self.behind_serve else QUERIES  # tailscaled takes out what has a semicolon
        path = f"{way.mount}{self.below(way)}?{chance.choice(queries)}n={number}"
        method = chance.choice(USUAL[:3])
        method = method if reached(door, method, path) else "GET"
        https = chance.choice((443, 7860, 9000, door[1], door[1]))
        hosts = [self.name, f"{self.name}:{https}"] + [self.name.upper(), f"{self.name}."] * (not self.behind_serve)
        target = path if chance.random() < 0.9 or self.behind_serve else f"http://{self.name}:{https}{path}"
        more = [self.bearer()] if way.asks or chance.random() < 0.2 else []
        more += chance.choice(
            [
                [],
                ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: elsewhere"],
                ["Connection: X-Forwarded-For" if self.behind_serve else "Connection: Authorization, X-Forwarded-For"],
                ["Sec-Fetch-Site: same-origin"],
                ["Sec-Fetch-Site: cross-site", "Origin: http://localhost:3000"],
                [f"Origin: https://{self.name}:{https}", "Sec-Fetch-Site: same-site"],
                ["Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
                ["Range: bytes=0-"],
            ]
        )
        body = "{}" if method == "POST" else ""
        more += [f"Content-Length: {len(body)}"] if body else []
        text = self.joined(method, target, [f"Host: {chance.choice(hosts)}", *more]) + body.encode()
        return Shot(door, text, reached(door, method, path), valid=True)

    # what they are made of

    def way(self, *, asks: bool | None = None) -> tuple[Door, Way]:
        """Choose a route."""
        found = [(door, way) for door, ways in DOORS.items() for way in ways if asks in (None, way.asks)]
        return self.chance.choice(found)

    def below(self, way: Way) -> str:
        """Choose a path that is open, as a client writes it."""
        path = self.chance.choice((*(way.used or ()), *way.open) or ("/", "/v1/models", "/*"))
        if path == "/" and way.mount:
            return self.chance.choice(("", "/"))
        return path[:-1] + self.chance.choice(BELOW_A_STAR) if path.endswith("/*") else path

    def bearer(self) -> str:
        return self.chance.choice((f"Authorization: Bearer {self.key}", f"authorization: bearer  {self.key}"))

    def joined(self, method: str, target: str, headers: Iterable[str], *, version: str = "HTTP/1.1") -> bytes:
        return self.lines(method, target, [*headers, "Connection: close"], version=version)

    def lines(self, method: str, target: str, headers: Iterable[str], *, version: str = "HTTP/1.1") -> bytes:
        return "\r\n".join([f"{method} {target} {version}", *headers, "", ""]).encode("latin-1")

    def host(self, door: Door) -> str:
        return f"Host: {self.name}" + self.chance.choice(("", f":{door[1]}"))

    def numbered(self, target: str, number: str) -> str:
        return f"{target}{'&' if '?' in target else '?'}n={number}"

    def spelt(self, path: str) -> str:
        """Spell one to three of a path's characters in other ways."""
        letters = list(path)
        for place in self.chance.sample(range(len(letters)), min(len(letters), self.chance.randint(1, 3))):
            code, hexadecimal = ord(path[place]), f"{ord(path[place]):02x}"
            letters[place] = self.chance.choice(
                [
                    f"%{hexadecimal}",
                    f"%{hexadecimal.upper()}",
                    f"%25{hexadecimal}",
                    f"%2525{hexadecimal}",
                    f"%%3{hexadecimal[0]}{hexadecimal[1]}",
                    f"%u00{hexadecimal}",
                    f"%{hexadecimal[0]}",
                    "%",
                    f"%{0xC0 | code >> 6:x}%{0x80 | code & 63:X}",
                    f"%e0%{0x80 | code >> 6:x}%{0x80 | code & 63:x}",
                    f"{path[place]}%00",
                    f"{path[place]}%0a",
                    f"{path[place]}%0D%0a",
                    f"%20{path[place]}",
                    *(path[place].swapcase(), f"{path[place]}{path[place]}", f"\\x{hexadecimal}", chr(code | 0x80)),
                ]
            )
        return "".join(letters)

    def bent(self, path: str) -> str:
        """Bend it at one of its slashes."""
        slashes = [index for index, letter in enumerate(path) if letter == "/"]
        index = self.chance.choice(slashes or [len(path)])
        return path[:index] + self.chance.choice(BENDS) + path[index + 1 :]

    def climbing(self, way: Way, target: str) -> str:
        """Go up from what is open."""
        up = self.chance.choice(("/..", "/%2e%2e", "/.%2e", "%2f..", "/%2E%2E", "\\..", "/..\\", "/%5c..", "/./.."))
        return f"{way.mount}{self.below(way)}{up * self.chance.randint(1, 5)}{target}"

    def misread(self, target: str) -> str:
        """Give another way to write it."""
        do = self.chance.choice((str, self.spelt, self.bent, lambda path: self.bent(self.spelt(path))))
        return do(target) + self.chance.choice(ENDS) * (self.chance.random() < 0.3)

    def near(self) -> list[str]:
        """Give headers that hold no valid key, though some come near."""
        key, chance = self.key, self.chance
        wrong = chance.choice(
            (key[:-1], key[1:], f"{key}x", key.swapcase(), f"{key} {key}", f"{key},", "", '""', "0", ".*")
        )
        return chance.choice(
            [
                [],
                [f"Authorization: Bearer {wrong}"],
                [f"Authorization: Bearer {wrong}", f"Authorization: Bearer {wrong}x"],
                [f"Authorization: Bearer {wrong}", "Connection: Authorization"],
                [f"Authorization: Basic {key}"],
                [f"Authorization: Bearer {key}\x00", f"X-Authorization: Bearer {key}"],
                [f"Authorization: Bearer%20{key}"],
                [f"Authorization: Bearer\xa0{key}"],
                [f"Authorization: Bearer: {key}"],
                [f"Authorization:\r\n X: Bearer {wrong}"],
                [f"Authorization_: Bearer {key}", f"Authorisation: Bearer {key}", f"HTTP_AUTHORIZATION: Bearer {key}"],
                [f"Authorization : Bearer {key}"],
                [f" Authorization: Bearer {key}"],
                [f"Proxy-Authorization: Bearer {key}", f"Cookie: Authorization=Bearer {key}; key={key}"],
                [f"X-Api-Key: {key}", f"Api-Key: {key}", f"WWW-Authenticate: Bearer {key}"],
                ["Authorization: {http.request.header.X-Key}", f"X-Key: Bearer {key}"],
                ["Authorization: $http_x_key", f"X-Key: Bearer {key}"],
            ]
        )

    def noise(self) -> list[str]:
        """Give headers that some server or other believes."""
        found = [
            "Tailscale-User-Login: owner@example.com", "Tailscale-User-Name: Owner", "Tailscale-Headers-Info: x",
            "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 100.64.0.2, 127.0.0.1", f"X-Forwarded-Host: {self.name}",
            "X-Forwarded-Port: 443", "X-Forwarded-Prefix: /far", "X-Forwarded-Uri: /v1/models",
            "X-Real-IP: 127.0.0.1", "X-Original-URL: /v1/models", "X-Rewrite-URL: /v1/models",
            "X-Accel-Redirect: @guide", "X-Original-Host: x", "X-HTTP-Method-Override: GET", "X-HTTP-Method: POST",
            "X-Method-Override: GET", "Forwarded: for=127.0.0.1", "Connection: Host",
            "Connection: Authorization, Origin", "Connection: close, X-Forwarded-For", "Keep-Alive: 5",
            "Proxy-Connection: keep-alive", "TE: trailers", "Trailer: Authorization", "Range: bytes=0-1",
            "If-None-Match: *", "X-Macstate: up", "Via: 1.1 x", "Max-Forwards: 0", "Content-Type: application/json",
            "Accept: */*",
        ]  # fmt: skip
        return self.chance.sample(found, self.chance.randint(0, 4))

    def hidden(self, door: Door, number: str) -> bytes:
        """Give a request of its own, which may reach nothing there."""
        while reached(door, "GET", target := f"{self.way()[1].mount}{self.chance.choice(CLOSED[:12])}?n={number}"):
            pass
        return self.joined("GET", target, [self.host(door), f"Authorization: Bearer {self.key}"])

    def shot(self, door: Door, method: str, target: str, headers: Iterable[str]) -> Shot | None:
        """Give a request that its path alone keeps out."""
        if reached(door, method, target):
            return None
        may = reached(door, method, respelt(target)) if self.respells else None
        return Shot(door, self.joined(method, target, [self.host(door), *headers]), may)

    # the families: each gives a request that may reach nothing, but where it says so

    def keyless(self, number: str) -> Shot | None:
        door, way = self.way(asks=True)
        method = self.chance.choice((*USUAL, *ODD[:3]))
        path = f"{way.mount}{self.chance.choice((self.below(way), self.chance.choice(CLOSED)))}" or "/"
        target = self.numbered(self.chance.choice((path, self.misread(path))), number)
        return Shot(door, self.joined(method, target, [self.host(door), *self.near(), *self.noise()]))

    def closed(self, number: str) -> Shot | None:
        door, way = self.way()
        path = self.chance.choice((f"{way.mount}{self.misread(self.chance.choice(CLOSED))}", ""))
        path = path or self.climbing(way, self.chance.choice(CLOSED))
        method = self.chance.choice((*USUAL, *ODD[:3]))
        return self.shot(door, method, self.numbered(path, number), [self.bearer(), *self.noise()])

    def crooked(self, number: str) -> Shot | None:
        door, way = self.way()
        path = self.misread(f"{way.mount}{self.below(way)}" or "/")
        return self.shot(door, "GET", self.numbered(path, number), [self.bearer(), *self.noise()])

    def elsewhere(self, number: str) -> Shot | None:
        """Give what another port of this Mac has."""
        door, _ = self.way()
        there, way = self.way()
        path = f"{way.mount}{self.below(way)}" or "/"
        audience, https = there
        before = (
            "",
            "",
            "",
            f"/{https}",
            f"/{audience}/{https}",
            f"%0a{audience}/{https}%20",
            f"/x%0d%0a{audience}/{https}%20",
        )
        target = self.numbered(self.chance.choice(before) + self.misread(path), number)
        if reached(door, "GET", target):
            return None
        form = self.chance.choice(
            ("", "", f"http://{self.name}:{https}", f"https://{self.name}:{https}", f"//{self.name}")
        )
        more = [f"Host: {self.name}:{https}", self.bearer(), f"X-Forwarded-Host: {self.name}:{https}", *self.noise()]
        return Shot(door, self.joined("GET", form + target, more))

    def hosts(self, number: str) -> Shot | None:
        door, way = self.way()
        name, chance = self.name, self.chance
        target = self.numbered(f"{way.mount}{self.below(way)}" or "/", number)
        short = name.partition(".")[0]
        strange = [
            "localhost", "127.0.0.1", f"127.0.0.1:{door[1]}", "[::1]", "[::1]:443", "", " ", "_", "*", "a b",
            "x.example",
            *(f"{name}.x.example", f"x{name}", f"x.{name}", short, f"{short}.x.ts.net", f"me@{name}", f"{name}@x"),
            f"{name}x:443", f"{name} x", f"{name}/x", f"{name}\\x", f"{name}%00", f"{name.replace('.', '-', 1)}",
            f"{name}..", f"{name}#", f"{name}?", f"{name},x", f"http://{name}", f"[{name}]", f"{name}\x00",
            "{http.request.host}",
        ]  # fmt: skip
        host = chance.choice(strange)
        hosts = [f"Host: {host}"]
        shape = chance.random()
        if shape < 0.1:
            hosts = [f"Host: {name}", *hosts] if chance.random() < 0.5 else [*hosts, f"Host: {name}"]
        elif shape < 0.2:
            target, hosts = f"http://{chance.choice(strange[:5])}{target}", [f"Host: {name}"]
        elif shape < 0.25:
            hosts = [f"X-Forwarded-Host: {name}", f" Host: {name}", "X-Host: x"]
        return Shot(door, self.joined("GET", target, [*hosts, self.bearer(), *self.noise()]))

    def methods(self, number: str) -> Shot | None:
        door, way = self.way()
        method = self.chance.choice((*ODD, "GET\tx", "G ET", "", "GET,POST", "\x00GET", "GET\x0b"))
        target = self.numbered(f"{way.mount}{self.below(way)}" or "/", number)
        return self.shot(door, method, target, [self.bearer(), "X-HTTP-Method-Override: GET", *self.noise()])

    def funnelled(self, number: str) -> Shot | None:
        """Come in where somebody typed `tailscale funnel`."""
        door, way = self.way()
        if door[0] == "funnel" or self.behind_serve:
            return None
        target = self.numbered(f"{way.mount}{self.below(way)}" or "/", number)
        mark = self.chance.choice(("Tailscale-Funnel-Request: ?1", "tailscale-funnel-request: x"))
        return Shot(door, self.joined("GET", target, [self.host(door), self.bearer(), mark, *self.noise()]))

    def browser(self, number: str) -> Shot | None:
        """Ask as a page of another site, in the browser of somebody on the tailnet."""
        door, way = self.way(asks=False)
        name, chance = self.name, self.chance
        origin = chance.choice(
            (
                "null",
                "https://x.example",
                f"https://{name}.x.example",
                f"http://{name}",
                f"https://x{name}",
                "x",
                "file:",
                f"https://x.example#https://{name}",
                "http://localhost.x.example",
                "http://localhost:80@x",
                f"https://{name}/x",
                "http://127.0.0.10",
                "http://[::1",
                f"https://{name}:443x",
                "https://localhost:3000:4000",
                "ftp://localhost",
            )
        )
        method = chance.choice(("POST", "GET", "HEAD", "OPTIONS"))
        headers = chance.choice(
            [
                [f"Origin: {origin}"],
                [f"Origin: {origin}", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate"],
                ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"],
                ["sec-fetch-site: Cross-Site"],
                [f"Origin: {origin}", "Sec-Fetch-Site: cross-site", f"Access-Control-Request-Method: {method}"],
            ]
        )
        target = self.numbered(f"{way.mount}{self.below(way)}" or "/", number)
        return Shot(door, self.joined(method, target, [self.host(door), *headers]))

    def outer(self, number: str) -> tuple[Door, str, tuple[str, str] | None, list[str]]:
        """Give what others hide behind: some of it may come in."""
        door, way = self.way()
        below = self.chance.choice((self.below(way), self.chance.choice(CLOSED)))
        target = self.numbered(f"{way.mount}{below}" or "/", number)
        keyed = self.chance.random() < 0.5
        may = (reached(door, "POST", target) or reached(door, "GET", target)) if keyed or not way.asks else None
        return door, target, may, [self.host(door), *([self.bearer()] if keyed else [])]

    def smuggled(self, number: str) -> Shot | None:
        door, target, may, headers = self.outer(number)
        hidden = self.hidden(door, f"{number}b")
        size = len(hidden)
        shape = self.chance.choice(
            [
                ["Content-Length: 0", "Transfer-Encoding: chunked"],
                ["Transfer-Encoding: chunked", "Content-Length: 5"],
                ["Content-Length: 0", f"Content-Length: {size}"],
                [f"Content-Length: {size}", "Content-Length: 0"],
                [f"Content-Length: 0, {size}"],
                [f"Content-Length: +{size}"],
                [f"Content-Length: 0x{size:x}"],
                [f"Content-Length: {size} x"],
                ["Content-Length: -1"],
                ["Content-Length: 99999999999999999999"],
                ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
                ["Transfer-Encoding: identity", f"Content-Length: {size}"],
                ["Transfer-Encoding: chunked, identity"],
                ["Transfer-Encoding: identity, chunked"],
                ["Transfer-Encoding:\x0bchunked"],
                ["Transfer-Encoding: \x00chunked"],
                ["Transfer-Encoding:\tchunked"],
                ["Transfer-Encoding : chunked", "Content-Length: 0"],
                ["Transfer_Encoding: chunked", "Content-Length: 0"],
                ["X: y\nTransfer-Encoding: chunked", "Content-Length: 0"],
                ["X: y\rTransfer-Encoding: chunked", "Content-Length: 0"],
                ["Content_Length: 0", "Transfer-Encoding: CHUNKED"],
                ["Connection: Content-Length", f"Content-Length: {size}"],
                ["Connection: Transfer-Encoding", "Transfer-Encoding: chunked"],
                ["Expect: 100-continue", "Content-Length: 0"],
                ["Content-Length: 0\r\nX: y"],
            ]
        )
        begin = self.chance.choice(
            (b"", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"1\r\nx\r\n0\r\n\r\n", b"0;x=y\r\n\r\n", b"0\n\n")
        )
        if self.chance.random() < 0.2:  # the hidden one stands within the body of one chunk
            begin, hidden = b"", f"{size:x}\r\n".encode() + hidden + b"\r\n0\r\n\r\n"
        method = self.chance.choice(("POST", "POST", "GET"))
        text = self.lines(method, target, [*headers, *shape])
        return Shot(door, text + begin + hidden, may)

    def pipelined(self, number: str) -> Shot | None:
        door, target, may, headers = self.outer(number)
        between = self.chance.choice((b"", b"\r\n", b"\r\n\r\n"))
        text = self.lines("POST", target, [*headers, "Content-Length: 2"]) + b"{}"
        return Shot(door, text + between + self.hidden(door, f"{number}b"), may)

    def upgraded(self, number: str) -> Shot | None:
        """Speak another protocol from here on, and hide a request behind."""
        door, target, may, headers = self.outer(number)
        upgrade = self.chance.choice(
            [
                ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
                ["Upgrade: h2c, websocket", "Connection: Upgrade"],
                ["Upgrade: websocket, h2c", "Connection: Upgrade"],
                ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 1", "Sec-WebSocket-Key: x"],
                ["Upgrade: websocket", "Connection: keep-alive, Upgrade"],
                ["Upgrade: TLS/1.0", "Connection: Upgrade"],
                ["Upgrade: h2c\x0b", "Connection: Upgrade"],
            ]
        )
        text = self.lines("POST", target, [*headers, *upgrade, "Content-Length: 0"])
        preface = self.chance.choice((b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
        return Shot(door, text + preface + self.hidden(door, f"{number}b"), may)

    def versions(self, number: str) -> Shot | None:
        door, way = self.way()
        target = self.numbered(f"{way.mount}{self.below(way)}" or "/", number)
        whole = self.joined("GET", target, [self.host(door), self.bearer()])
        text = self.chance.choice(
            [
                f"GET {target}\r\n".encode("latin-1"),
                self.joined("GET", target, [self.bearer()], version="HTTP/1.0"),
                self.joined("GET", target, [self.host(door), self.bearer()], version="HTTP/2.0"),
                self.joined("GET", target, [self.host(door), self.bearer()], version="HTTP/9.9"),
                self.joined("GET", target, [self.host(door), self.bearer()], version="HTTP/1.1.1"),
                self.joined("GET", target, [self.host(door), self.bearer()], version="http/1.1"),
                self.joined("GET", target, [self.host(door), self.bearer()], version="ICY/1.1"),
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" + whole,
                b"\x16\x03\x01\x00\x05" + whole,
                b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + whole,
            ]
        )
        return Shot(door, text)

    def forms(self, number: str) -> Shot | None:
        """Ask for something else than a path."""
        door, way = self.way()
        path = self.numbered(f"{way.mount}{self.below(way)}" or "/", number)
        target = self.chance.choice(
            [
                "*",
                self.name,
                f"{self.name}:{door[1]}",
                "127.0.0.1:11434",
                path[1:],
                "",
                f"?{path}",
                f"*{path}",
                f"ftp:{path}",
                f"http:{path}",
                f"http:/{self.name}{path}",
                f"http://{path}",
                f"file://{path}",
                f"http://[::1]{path}",
            ]
        )
        method = self.chance.choice(("GET", "CONNECT", "OPTIONS"))  # some take a scheme without a host for nothing
        return Shot(door, self.joined(method, target, [self.host(door), self.bearer()]), reached(door, method, path))

    def cut(self, number: str) -> Shot | None:
        """Send almost a request without a key: some bytes of it are others."""
        door, way = self.way(asks=True)
        target = self.numbered(f"{way.mount}{self.below(way)}" or "/", number)
        whole = bytearray(self.joined("GET", target, [self.host(door), *self.noise(), "X-Last: x"]))
        for _ in range(self.chance.randint(1, 4)):
            whole[self.chance.randrange(len(whole) - 4)] = self.chance.choice(b"\x00\r\n \t:/?#%\x7f\xff")
        return Shot(door, bytes(whole))


Family = Callable[[Attacker, str], Shot | None]
FAMILIES: list[Family] = [
    *[Attacker.keyless, Attacker.closed, Attacker.crooked, Attacker.elsewhere] * 3,
    *(Attacker.hosts, Attacker.methods, Attacker.funnelled, Attacker.browser, Attacker.smuggled, Attacker.pipelined),
    *(Attacker.upgraded, Attacker.versions, Attacker.forms, Attacker.cut),
]


def strays(shots: list[Shot], seen: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give what reached a server, as (server, path), and should not have."""
    allowed = {shot.may for shot in shots}
    return [each for each in seen if each not in allowed]


def missing(shots: list[Shot], seen: Iterable[tuple[str, str]]) -> list[Shot]:
    """Give the valid ones that did not reach their server with their very bytes."""
    there = set(seen)
    return [shot for shot in shots if shot.valid and shot.may not in there]
