"""A registry of models with manners as bad as a test wants, over real TLS."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import json
import ssl
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path) -> Path:
    """Make a certificate for localhost that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "registry.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


class Registry(ThreadingHTTPServer):
    """Holds models, and notes what was asked for."""

    daemon_threads = True

    def __init__(self, pem: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self.server_address[1])
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        """Method and path, with the range that was asked for."""
        self.drops = 0
        """So many answers with a blob end in the middle."""
        self.pace = 0.0
        """Seconds for each piece of a blob."""
        self.shy_of_curl = False
        """Whether only Ollama gets manifests."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def add(self, name: str, content: bytes, pretended: int | None = None) -> str:
        """Hold a model of this content, and give the name that Ollama pulls it by."""
        config = json.dumps({"model_format": "gguf", "model_family": "llama", "file_type": "F32"}).encode()
        layers = [self._blob("application/vnd.ollama.image.model", content, pretended)]
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": self._blob("application/vnd.docker.container.image.v1+json", config, None),
            "layers": layers,
        }
        self.manifests[name] = json.dumps(manifest, separators=(",", ":")).encode()
        return f"localhost:{self.port}/library/{name}"

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients go away in the middle here."""

    def _blob(self, kind: str, content: bytes, pretended: int | None) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return {"mediaType": kind, "digest": digest, "size": pretended or len(content)}


class BadLine(ThreadingHTTPServer):
    """Stands before an Ollama, and drops its answer to a pull whenever that has brought so many bytes more."""

    daemon_threads = True

    def __init__(self, port: int, step: int, drops: int) -> None:
        super().__init__(("127.0.0.1", 0), Dropping)
        self.ollama, self.step, self.drops = port, step, drops
        self.port = int(self.server_address[1])
        self.asked = self.reached = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


class Dropping(BaseHTTPRequestHandler):
    server: BadLine

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self.server.asked += 1
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def _pass_on(self, body: bytes) -> None:
        line = self.server
        url = f"http://127.0.0.1:{line.ollama}{self.path}"
        with urllib.request.urlopen(urllib.request.Request(url, data=body or None)) as answer:
            self.send_response(200)
            self.end_headers()
            for text in answer:
                self.wfile.write(text)
                self.wfile.flush()
                completed = json.loads(text).get("completed", 0) if body else 0
                if body and line.drops and completed >= line.reached + line.step:
                    line.drops -= 1
                    line.reached = completed
                    return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        registry, wanted = self.server, self.headers.get("Range", "")
        registry.asked.append((self.command, f"{self.path} {wanted}".strip()))
        kind, _, name = self.path.removeprefix("/v2/library/").partition("/")[2].partition("/")
        if kind == "manifests":
            model = self.path.split("/")[3]
            hidden = registry.shy_of_curl and self.headers.get("User-Agent", "").startswith("curl")
            self._send(*((503, b"") if hidden else (200, registry.manifests.get(model))))
        elif kind == "blobs" and self.command == "GET":  # Ollama takes blobs only from another host than manifests
            self.send_response(307)
            self.send_header("Location", f"https://127.0.0.1:{registry.port}/elsewhere/{name}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send(200, registry.blobs.get(self.path.rpartition("/")[2]), wanted)

    def _send(self, status: int, content: bytes | None, wanted: str = "") -> None:
        if content is None:
            status, content = 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        piece = content[int(first or 0) : int(last) + 1 if last else None]
        self.send_response(206 if wanted else status)
        self.send_header("Content-Length", str(len(piece)))
        self.end_headers()
        if self.command == "HEAD":
            return
        blob, drops = self.path.startswith("/elsewhere/"), self.server.drops
        if blob and drops and len(piece) > 1000:
            self.server.drops -= 1
            self.wfile.write(piece[: len(piece) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        size = 65536
        for start in range(0, len(piece), size):
            self.wfile.write(piece[start : start + size])
            if blob and self.server.pace:
                self.wfile.flush()
                time.sleep(self.server.pace)

    def log_message(self, *_: Any) -> None:
        pass
