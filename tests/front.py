"""A real HTTPS server on loopback that answers whatever a test wants, byte by byte."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


AAAA = dns.rdatatype.AAAA
Answer = bytes | list[bytes]
"""What is sent; of a list each part by itself, a moment after the one before. Then the connection ends."""
Script = Callable[[Asked], Answer | None]
"""None: nothing is sent, and the connection stays."""


def head(status: str = "200 OK", kind: str = "text/event-stream", **headers: str) -> bytes:
    """Give an answer's head; its body ends with the connection."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}\r\n".encode()


def error(status: str, text: str, **headers: str) -> bytes:
    """Give an error in OpenAI's shape."""
    return head(status, "application/json", **headers) + json.dumps({"error": {"message": text}}).encode()


def token(text: str = "one ", name: str = "content", **more: Any) -> bytes:
    """Give an event with a token."""
    event = {"choices": [{"index": 0, "delta": {name: text}, "finish_reason": None}], **more}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STREAM = [head(), token(), token("two "), token("three"), DONE]
"""A good answer."""


@dataclass
class Front:
    """The server."""

    folder: Path
    name: str
    script: Script = lambda _: STREAM
    asked: list[Asked] = field(default_factory=list)
    pause: float = 0.01

    def __post_init__(self) -> None:
        self.authority = self.folder / "authority.pem"
        certificate(self.folder, self.name)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.folder / "front.pem", self.folder / "front.key")
        self.door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self.door.getsockname()[1])
        self.over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self.door.accept()
                threading.Thread(target=self._answer, args=(raw,), daemon=True).start()

    def _answer(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as servers of models do
            raw.settimeout(20)
            with self.context.wrap_socket(raw, server_side=True) as connection:
                asked = self._read(connection)
                self.asked.append(asked)
                answer = self.script(asked)
                if answer is None:
                    self.over.wait(20)
                    return
                for part in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(part)
                    if not isinstance(answer, bytes):
                        self.over.wait(self.pause)

    @staticmethod
    def _read(connection: ssl.SSLSocket) -> Asked:
        with connection.makefile("rb") as file:
            method, path, _ = file.readline().decode().split()
            headers = {}
            while line := file.readline().strip().decode():
                name, _, value = line.partition(": ")
                headers[name.lower()] = value
            return Asked(method, path, headers, file.read(int(headers.get("content-length", 0))))


def certificate(folder: Path, name: str) -> None:
    """Make an authority, and a certificate of its for a name."""
    now = dt.datetime.now(dt.UTC)
    root = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "macstate tests")])

    def made(subject: str, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> bytes:
        begun = x509.CertificateBuilder().issuer_name(issuer).public_key(key.public_key())
        begun = begun.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        begun = begun.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        begun = begun.not_valid_after(now + dt.timedelta(days=1))
        begun = begun.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if not authority:
            names = [x509.DNSName(subject), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            begun = begun.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return begun.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    own = ec.generate_private_key(ec.SECP256R1())
    (folder / "authority.pem").write_bytes(made("macstate tests", root, authority=True))
    (folder / "front.pem").write_bytes(made(name, own, authority=False))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "front.key").write_bytes(own.private_bytes(serialization.Encoding.PEM, form, plain))


@contextmanager
def public_dns(names: dict[str, list[str]]) -> Iterator[str]:
    """Give a real DNS server's ADDRESS:PORT; it knows these names and no others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        door.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    wire, who = door.recvfrom(4096)
                except OSError:
                    continue
                question = dns.message.from_wire(wire)
                answer = dns.message.make_response(question)
                answer.flags |= dns.flags.RA
                asked = question.question[0]
                found = names.get(asked.name.to_text(omit_final_dot=True))
                if found is None:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                elif rows := [each for each in found if (":" in each) == (asked.rdtype == AAAA)]:
                    answer.answer.append(dns.rrset.from_text_list(asked.name, 60, asked.rdclass, asked.rdtype, rows))
                door.sendto(answer.to_wire(), who)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        over.set()
        thread.join()
