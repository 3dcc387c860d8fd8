"""`nginx` and `caddy` on a terminal: their build options, and whether a configuration exists."""

from __future__ import annotations

from .machine import Failure, Mac, err, out

NGINX = "nginx version: nginx/1.29.3"
MODULES = (
    "configure arguments: --prefix=/opt/homebrew/Cellar/nginx/1.29.3 --with-compat --with-http_auth_request_module "
    "--with-http_realip_module --with-http_ssl_module --with-http_stub_status_module --with-http_sub_module "
    "--with-http_v2_module"
)


def main(mac: Mac, tool: str, words: list[str]) -> int:
    """Play the program. There are no recordings: the texts are the same on every system."""
    return (_nginx if tool == "nginx" else _caddy)(mac, words)


def _after(words: list[str], *names: str) -> str:
    return next((words[index + 1] for index, word in enumerate(words[:-1]) if word in names), "")


def _nginx(mac: Mac, words: list[str]) -> int:
    if "-v" in words or "-V" in words:
        err(NGINX)
        if "-V" in words:
            err(MODULES)
        return 0
    path = _after(words, "-c") or "/opt/homebrew/etc/nginx/nginx.conf"
    if not mac.file(path).is_file():
        raise Failure(1, f'nginx: [emerg] open() "{mac.outside(path)}" failed (2: No such file or directory)')
    if "-t" in words:
        balanced = (text := mac.file(path).read_text()).count("{") == text.count("}")
        if not balanced:
            raise Failure(
                1, f'nginx: [emerg] unexpected end of file, expecting "}}" in {mac.outside(path)}:{text.count(chr(10))}'
            )
        err(f"nginx: the configuration file {mac.outside(path)} syntax is ok")
        err(f"nginx: configuration file {mac.outside(path)} test is successful")
    return 0


def _caddy(mac: Mac, words: list[str]) -> int:
    if words[:1] == ["version"]:
        out("v2.11.7 h1:g/gTYjGMD0dec+UgMw8SnfmJ3I9+M2TdvoRL/Ovu6U8=")
    elif words[:1] == ["list-modules"]:
        out("http.handlers.headers\nhttp.handlers.reverse_proxy\n\n  Standard modules: 2")
    elif words[:1] in (["validate"], ["adapt"], ["reload"], ["run"]):
        path = _after(words, "--config", "-c")
        if not mac.file(path).is_file():
            raise Failure(1, f"Error: reading config from file: open {mac.outside(path)}: no such file or directory")
        out("Valid configuration" if words[0] == "validate" else "")
    return 0
