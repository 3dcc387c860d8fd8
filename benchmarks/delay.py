"""A port on loopback behind which another one seems far away: each byte arrives half a round trip later."""

from __future__ import annotations

import contextlib
import queue
import socket
import statistics
import threading
import time
from dataclasses import dataclass, field

CHUNK = 1 << 20
PINGS = 21


@dataclass
class Delayed:
    """Forwards connections to a port, with a delay that may be changed between two of them.

    Nothing limits how much is under way, so that only round trips cost time, as on a fast line.
    """

    port: int
    """The port that is to seem far away."""
    seconds: float = 0.0
    """One round trip."""
    carried: int = 0
    """All bytes so far, in both directions."""
    door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def near(self) -> int:
        """The port to connect to."""
        return int(self.door.getsockname()[1])

    def close(self) -> None:
        """Let nobody else in."""
        with contextlib.suppress(OSError):
            self.door.shutdown(socket.SHUT_RDWR)  # accept() is under way
        self.door.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self.door.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(near, self.seconds), daemon=True).start()

    def _forward(self, near: socket.socket, seconds: float) -> None:
        # The three packets of a TCP connection go to and fro before the far end can say its first word. The near end
        # may speak after two of them, but what it says arrives behind the third.
        time.sleep(1.5 * seconds)
        far = socket.create_connection(("127.0.0.1", self.port))
        for source, sink in ((near, far), (far, near)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            threading.Thread(target=self._read, args=(source, under_way, seconds / 2), daemon=True).start()
            threading.Thread(target=_write, args=(sink, under_way), daemon=True).start()

    def _read(self, source: socket.socket, under_way: queue.SimpleQueue[tuple[float, bytes]], delay: float) -> None:
        data = b"."
        while data:
            try:
                data = source.recv(CHUNK)
            except OSError:
                data = b""
            self.carried += len(data)
            under_way.put((time.monotonic() + delay, data))


def _write(sink: socket.socket, under_way: queue.SimpleQueue[tuple[float, bytes]]) -> None:
    while True:
        due, data = under_way.get()
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            if data:
                sink.sendall(data)
            else:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
        if not data:
            return


def measured(seconds: float) -> float:
    """Return the median seconds that a byte takes to such a port and back."""
    with socket.create_server(("127.0.0.1", 0)) as echo:
        far = Delayed(int(echo.getsockname()[1]), seconds)
        with socket.create_connection(("127.0.0.1", far.near)) as near:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            other, _ = echo.accept()
            with other:
                threading.Thread(target=_echo, args=(other,), daemon=True).start()
                near.sendall(b".")
                near.recv(1)  # the first byte also waits for the connection
                times = []
                for _ in range(PINGS):
                    begun = time.perf_counter()
                    near.sendall(b".")
                    near.recv(1)
                    times.append(time.perf_counter() - begun)
        far.close()
    return statistics.median(times)


def _echo(end: socket.socket) -> None:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):
        while data := end.recv(CHUNK):
            end.sendall(data)
