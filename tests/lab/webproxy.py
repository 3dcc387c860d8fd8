"""A web proxy on loopback, for programs that know no tailnet: they ask for the Mac by its name, as on any laptop."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lab.tailnet import Tailnet, copy


@contextmanager
def proxy(tailnet: Tailnet, *, public: bool = False) -> Iterator[str]:
    """Give the URL of a proxy into the tailnet, or to what the internet sees of the Mac."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as door:
        threading.Thread(target=_serve, args=(door, tailnet, public), daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)  # closing alone would let one more in: accept() is under way


def _serve(door: socket.socket, tailnet: Tailnet, public: bool) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = door.accept()
            threading.Thread(target=_connect, args=(near, tailnet, public), daemon=True).start()


def _connect(near: socket.socket, tailnet: Tailnet, public: bool) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = near.recv(4096)
        if not piece:
            near.close()
            return
        head += piece
    _, host, _ = head.split(b"\r\n")[0].decode().split()  # CONNECT HOST:PORT HTTP/1.1
    name, _, port = host.rpartition(":")
    try:
        far = tailnet.ingress(int(port)) if public else tailnet.laptop.dial(name, int(port))
    except Exception:  # noqa: BLE001 - whatever it is: nobody is there
        near.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        near.close()
        return
    near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
    threading.Thread(target=copy, args=(far, near), daemon=True).start()
    copy(near, far)
