"""Measure what the gateway costs: `/v1/models` through it, against the same request straight to the server.

Run `python benchmarks/gateway.py` with the group `test` installed; it fetches nginx and Caddy as the lab does.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from lab.gate import NAME, Backend, Gate, bearer

REQUESTS = 500
ROUNDS = 5


def seconds(port: int, path: str, host: str) -> float:
    """Return the median seconds of one request on a connection that stays open."""
    connection = HTTPConnection("127.0.0.1", port)
    times = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        connection.request("GET", path, headers={"Host": host, "Authorization": bearer("agents")})
        assert connection.getresponse().read()
        times.append(time.perf_counter() - begun)
    connection.close()
    return statistics.median(times)


def main() -> None:
    """Print the ratio for both servers."""
    for server in ("nginx", "caddy"):
        backends: dict[str, Backend] = {}
        with tempfile.TemporaryDirectory() as folder, Gate(server, Path(folder), backends).running() as gate:
            straight, through = [], []
            for _ in range(ROUNDS):  # in turns, so that a busy moment slows both
                straight.append(seconds(next(iter(backends.values())).port, "/v1/models", "localhost"))
                through.append(seconds(gate.funnel, "/v1/models", f"{NAME}:8443"))
            ratio = statistics.median(through) / statistics.median(straight)
            times = f"{statistics.median(straight) * 1e3:.2f} ms straight, {statistics.median(through) * 1e3:.2f} ms"
            print(f"{server}: {ratio:.2f} times as long ({times} through the gate)")


if __name__ == "__main__":
    main()
