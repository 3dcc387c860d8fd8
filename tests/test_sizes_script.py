"""What a model is to download: asked of its registry within the look itself, under each shell, and never for long."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from macstate.kernel import scripts
from macstate.kinds.model import Model, announced

LAYERS = {"model": 2019377376, "license": 12403, "params": 96}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": "sha256:34bb", "size": 561},
    "layers": [
        {"mediaType": f"application/vnd.ollama.image.{name}", "digest": "sha256:dde5", "size": size}
        for name, size in LAYERS.items()
    ],
}
"""As registry.ollama.ai answers, with the figures of llama3.2:3b."""
HERE = '{"models":[{"name":"here:1","model":"here:1"}]}'
AROUND = f"""
{scripts.bare("probe.sh").partition("while IFS= read")[0]}
exec 3>&1
reply() {{ printf '== %s\\n' "$1"; shift; "$@" || :; }}
capped() {{ "$@"; }}
PATH=$TEST_PATH
"""
"""What stands before models.sh: the functions of probe.sh, with a frame that can be read."""


class Registry(BaseHTTPRequestHandler):
    """Answers by path: a manifest, dense or with blanks; late, without an end, or not at all."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        body = {"tags": HERE, "dense": json.dumps(MANIFEST, separators=(",", ":")), "blanks": json.dumps(MANIFEST)}
        if name == "hangs":
            time.sleep(8)
        self.send_response(200 if name in {*body, "endless"} else 404)
        self.end_headers()
        self.wfile.write(body.get(name, '{"errors":[{"code":"MANIFEST_UNKNOWN","size":7}]}').encode())
        end = time.monotonic() + 8
        while name == "endless" and time.monotonic() < end:
            self.wfile.write(b'{"size":1}' * 1000)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.block_on_close = False
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.slow
def test_sizes(shell: Path, port: int, tmp_path: Path) -> None:
    names = ["dense", "blanks", "missing", "hangs", "hangs", "endless"]
    wanted = [f"o m{index}:1 http://127.0.0.1:{port}/{name}" for index, name in enumerate(names)]
    nowhere = ["o m6:1 http://127.0.0.1:1/dense", f"o here:1 http://127.0.0.1:{port}/dense"]
    lists = [*wanted, *nowhere, f"other m7:1 http://127.0.0.1:{port}/dense"]
    path = f"{shell}:{os.environ['PATH']}"
    environment = {"PATH": path, "TEST_PATH": path, "HOME": str(tmp_path)}
    environment |= {"list_models": f"o {port}\n", "list_wanted": "".join(f"{each}\n" for each in lists)}
    script = f"set -eu\n{AROUND}{Model.script}"

    begun = time.monotonic()
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=30)
    took = time.monotonic() - begun

    told = done.stdout.partition("== sizes o\n")[2]
    total = sum(LAYERS.values()) + 561
    known = announced({"sizes o": told})
    assert known.pop("o/m5:1", 0) < 10**6  # four megabytes of it were read
    assert known == {"o/m0:1": total, "o/m1:1": total}
    assert took < 7
