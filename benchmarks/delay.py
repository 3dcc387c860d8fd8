"""A port on loopback behind which another one seems far away: each byte arrives half a round trip later.

It runs as a process of its own, ``delay.py PORT``, so that nothing else holds it up. It prints its port. A line on its
standard input is the round trip from then on, in seconds; it answers with all bytes that it has carried so far.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

CHUNK = 1 << 20
PINGS = 21


@dataclass
class Way:
    """One direction of a connection."""

    seconds: float
    under_way: queue.SimpleQueue[tuple[float, bytes]] = field(default_factory=queue.SimpleQueue)
    """What was read, and when it arrives; it ends with no bytes."""

    def write(self, sink: socket.socket) -> None:
        """Let everything arrive when it is due."""
        with contextlib.suppress(OSError):
            while True:
                due, data = self.under_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@dataclass
class Far:
    """Forwards connections to a port, with the delay that holds when each begins.

    Nothing limits how much is under way, so that only round trips cost time, as on a fast line.
    """

    port: int
    seconds: float = 0.0
    carried: int = 0
    door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def serve(self) -> None:
        """Forward for ever."""
        while True:
            near, _ = self.door.accept()
            threading.Thread(target=self._forward, args=(near, self.seconds), daemon=True).start()

    def _forward(self, near: socket.socket, seconds: float) -> None:
        # The three packets of a TCP connection go to and fro before the far end can say its first word. The near end
        # may speak after two of them, which here is at once, and what it says arrives behind the third.
        there, back = Way(seconds / 2), Way(seconds / 2)
        threading.Thread(target=self._read, args=(near, there), daemon=True).start()
        time.sleep(1.5 * seconds)
        far = socket.create_connection(("127.0.0.1", self.port))
        threading.Thread(target=self._read, args=(far, back), daemon=True).start()
        threading.Thread(target=there.write, args=(far,), daemon=True).start()
        back.write(near)

    def _read(self, source: socket.socket, way: Way) -> None:
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b"."
        while data:
            try:
                data = source.recv(CHUNK)
            except OSError:
                data = b""
            self.carried += len(data)
            way.under_way.put((time.monotonic() + way.seconds, data))


class Delayed:
    """Such a process."""

    def __init__(self, port: int) -> None:
        words = [sys.executable, "-I", __file__, str(port)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.near = int(self._line())
        """The port to connect to."""

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def set(self, seconds: float) -> int:
        """Set the round trip of connections from now on; return how many bytes went to and fro so far."""
        assert self.process.stdin
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def measured(seconds: float) -> float:
    """Return the median seconds that a byte takes to such a port and back."""
    with socket.create_server(("127.0.0.1", 0)) as echo:
        far = Delayed(int(echo.getsockname()[1]))
        far.set(seconds)
        try:
            with socket.create_connection(("127.0.0.1", far.near)) as near:
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                other, _ = echo.accept()
                with other:
                    other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return statistics.median(_ping(near, other) for _ in range(PINGS))
        finally:
            far.close()


def _ping(near: socket.socket, other: socket.socket) -> float:
    begun = time.perf_counter()
    near.sendall(b".")
    other.sendall(other.recv(1))
    near.recv(1)
    return time.perf_counter() - begun


def main() -> None:
    """Be that process."""
    far = Far(int(sys.argv[1]))
    threading.Thread(target=far.serve, daemon=True).start()
    print(far.door.getsockname()[1], flush=True)
    for line in sys.stdin:
        far.seconds = float(line)
        print(far.carried, flush=True)


if __name__ == "__main__":
    main()
