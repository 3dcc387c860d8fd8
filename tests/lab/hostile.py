"""Requests that somebody on the internet might try, generated from a seed; each carries its number in its query."""

from __future__ import annotations

import random
from collections.abc import Callable

PATHS = [
    "/open/v1/models", "/v1/models", "/inner/v1/models", "/api/tags", "/api/pull", "/api/delete", "/", "/open",
    "/open/../inner/v1", "/open/..%2finner/v1", "/open/%2e%2e/inner", "/open%2fv1", "//open//v1", "/./open/v1",
    "/%6fpen/v1", "/open/%252e%252e/inner", "/inner\\..\\open", "/open;/v1", "/stranger", "/preflight", "/443/inner/v1",
    "/8443/open/v1", "/none/", "/open/v1/models#x", "/api/%70ull", "/api//pull", "/API/PULL",
]  # fmt: skip


def requests(chance: random.Random, count: int, name: str, key: str) -> tuple[list[bytes], list[bytes]]:
    """Give that many hostile requests without a valid key, and one valid for every hundred of them."""
    hostile = [_hostile(chance, number, name, key) for number in range(count)]
    valid = [_valid(number, name, key) for number in range(count // 100)]
    return hostile, valid


def _valid(number: int, name: str, key: str) -> bytes:
    lines = [f"GET /open/v1/models?n=valid{number} HTTP/1.1", f"Host: {name}:8443", f"Authorization: Bearer {key}"]
    return _joined([*lines, f"X-Forwarded-For: 198.51.100.{number % 250}"])


def _joined(lines: list[str], body: str = "") -> bytes:
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n" + body).encode("utf-8", "surrogateescape")


def _authorization(chance: random.Random, key: str) -> list[str]:
    """Give headers that hold no valid key, though some come near."""
    near = chance.choice(
        [key[:-1], key + "x", key.swapcase(), key[::-1], f"{key},{key}", f"{key} {key}", "", " ", "null"]
    )
    return chance.choice(
        [
            [],
            [f"Authorization: Bearer {near}"],
            [f"authorization: bearer  {near}"],
            [f"Authorization: Basic {key}"],
            [f"Authorization:Bearer{key}"],
            [f"Authorization: {key}"],
            [f"Authorization: Bearer\t{key}x"],
            [f"Authorization : Bearer {key}"],
            [f"X-Authorization: Bearer {key}", f"Authorization: Bearer {near}"],
            [f"Authorization_: Bearer {key}", f"Proxy-Authorization: Bearer {key}"],
            [f"X-Api-Key: {key}", f"Cookie: Authorization=Bearer {key}"],
            [f"Authorization: Bearer {near}", f"Authorization: Bearer {near}"],
            [f"Authorization: Bearer {near}\r\n Bearer {key}"],
        ]
    )


def _forged(chance: random.Random, name: str) -> list[str]:
    found = [
        "Tailscale-User-Login: owner@example.com", "Tailscale-User-Name: Owner", "Tailscale-Funnel-Request: ",
        "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 100.64.0.2", f"X-Forwarded-Host: {name}",
        "X-Original-URL: /inner",
        "X-Rewrite-URL: /api/pull", "X-Forwarded-Proto: https", "Forwarded: for=127.0.0.1",
        "X-HTTP-Method-Override: PUT",
        "X-Accel-Redirect: /443/inner/", "Upgrade: h2c", "Upgrade: websocket", "Origin: null", "Range: bytes=0-",
        "Expect: 100-continue", "Access-Control-Request-Method: POST", f"Origin: https://{name}",
    ]  # fmt: skip
    return chance.sample(found, chance.randint(0, 4))


def _hostile(chance: random.Random, number: int, name: str, key: str) -> bytes:
    return chance.choice(SHAPES)(chance, number, name, key)


def _plain(chance: random.Random, number: int, name: str, key: str) -> bytes:
    method = chance.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "get", "PROPFIND"])
    path = f"{chance.choice(PATHS)}?n=h{number}"
    hosts = [name, f"{name}:8443", f"{name}:443", f"{name}.", name.upper(), "localhost", "127.0.0.1:11434", "", "a b"]
    host = chance.choice(hosts)
    if chance.random() < 0.1:
        path = f"http://{chance.choice(hosts)}{path}"
    version = chance.choice(["HTTP/1.1"] * 8 + ["HTTP/1.0", "HTTP/2.0", "HTTP/9.9"])
    lines = [f"{method} {path} {version}", f"Host: {host}", *_authorization(chance, key), *_forged(chance, name)]
    if chance.random() < 0.1:
        lines.insert(2, f"Host: {chance.choice(hosts)}")
    return _joined(lines)


def _smuggled(chance: random.Random, number: int, name: str, key: str) -> bytes:
    """Give one request that hides another, both without a key."""
    hidden = f"GET /open/v1?n=h{number}b HTTP/1.1\r\nHost: {name}:8443\r\n\r\n"
    lines = [f"POST /open/v1?n=h{number} HTTP/1.1", f"Host: {name}:8443", *_authorization(chance, key)]
    shape = chance.choice(
        [
            ["Content-Length: 0", "Transfer-Encoding: chunked"],
            ["Content-Length: 4", f"Content-Length: {len(hidden)}"],
            ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
            ["Transfer-Encoding : chunked"],
            ["Transfer-Encoding: xchunked", f"Content-Length: {len(hidden)}"],
            [f"Content-Length: +{len(hidden)}"],
            ["Content-Length: 0\r\nX: y"],
        ]
    )
    head = "\r\n".join([*lines, *shape]) + "\r\n\r\n"
    return (head + chance.choice(["0\r\n\r\n", ""]) + hidden).encode()


def _broken(chance: random.Random, number: int, name: str, key: str) -> bytes:
    """Give bytes that are almost a request."""
    whole = bytearray(_plain(chance, number, name, key))
    for _ in range(chance.randint(1, 4)):
        whole[chance.randrange(len(whole))] = chance.choice(b"\x00\r\n \t:/?#%\x7f\xff")
    if key.encode() in bytes(whole):
        return _plain(chance, number, name, "never")
    return bytes(whole)


def _preface(chance: random.Random, number: int, name: str, key: str) -> bytes:
    """Give HTTP/2 where only HTTP/1.1 is spoken."""
    del chance, key
    hidden = f"GET /open/v1?n=h{number} HTTP/1.1\r\nHost: {name}:8443\r\n\r\n"
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" + hidden.encode()


Shape = Callable[[random.Random, int, str, str], bytes]
SHAPES: list[Shape] = [*[_plain] * 7, *[_smuggled] * 2, _broken, _preface]
