"""An S3 server that answers each request with the bytes a test gives it: a real one, on a socket."""

from __future__ import annotations

import hashlib
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from plait.stores.base import Deadlines

if TYPE_CHECKING:
    import io
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from plait.stores.objects.store import S3Store

SECRET = "a-secret-that-must-not-show"  # noqa: S105  (the stub's)
HOST = "s3.example"
"""A name that no resolver knows: a proxy is asked for it."""
QUICK = Deadlines(connect=5.0, idle=0.4)


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass
class Stub:
    """Answers with what `answer` returns; None closes the connection, an empty answer says nothing at all."""

    answer: Callable[[Seen], bytes | None] = lambda _: reply(200)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    reads_bodies: bool = True
    closes_after: int | None = None
    """How many requests a connection lives for; it is closed without a word."""
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        # A thread waits in accept, which keeps a listener alive that is closed only.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        served = 0
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection, connection.makefile("rb") as file:
                while (seen := self._read(file)) is not None:
                    self.seen.append(seen)
                    data = self.answer(seen)
                    if data is None:
                        return
                    connection.sendall(data)
                    served += 1
                    if data.startswith(CLOSING) or served == self.closes_after:
                        return
        except OSError:
            return

    def _read(self, file: io.BufferedReader) -> Seen | None:
        words = file.readline().decode("latin-1").split()
        # What follows may be a body that was left unread: no request line, whatever its words.
        if len(words) != 3 or words[2] != "HTTP/1.1":
            return None
        headers = {}
        while line := file.readline().strip():
            name, _, value = line.decode("utf-8").partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        return Seen(words[0], words[1], headers, file.read(length) if self.reads_bodies else b"")


CLOSING = b"HTTP/1.1 299"


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An answer of this status, its headers written with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("content-length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + body


def refusal(status: int, code: str, message: str = "No.", **headers: str) -> bytes:
    """An answer that refuses, as S3 words it."""
    return reply(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode(), **headers)


def listing(*keys: str, following: str = "", extra: str = "") -> bytes:
    """An answer's document that lists these keys; `following` is the token of the next page."""
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>3</Size><ETag>&quot;{'0' * 32}&quot;</ETag>"
        "<LastModified>2024-01-02T03:04:05.678Z</LastModified></Contents>"
        for key in keys
    )
    token = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<EncodingType>url</EncodingType><IsTruncated>{str(bool(following)).lower()}</IsTruncated>{token}"
        f"{entries}{extra}</ListBucketResult>"
    ).encode()


def options(stub: Stub, **more: str) -> dict[str, str]:
    """Options of a remote that is the stub."""
    return {
        "provider": "Minio",
        "endpoint": stub.url,
        "access_key_id": "access",
        "secret_access_key": SECRET,
        "no_check_bucket": "true",
        **more,
    }


def keys(store: S3Store, prefix: str = "", start_after: str = "") -> list[str]:
    """Every key that the store lists."""
    return [item.key for page in store.list(prefix, start_after) for item in page.items()]


def uploading(stub: Stub, complete: Callable[[Seen], bytes | None], head: bytes | None = None) -> None:
    """Lets the stub take uploads in parts: `complete` answers the completion, `head` any HEAD."""

    def answer(seen: Seen) -> bytes | None:
        if "uploads" in seen.query:
            return reply(200, b"<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>")
        if seen.method == "PUT":
            return reply(200, etag=f'"{hashlib.md5(seen.body, usedforsecurity=False).hexdigest()}"')
        if seen.method == "HEAD":
            return head
        return complete(seen) if seen.method == "POST" else reply(204)

    stub.answer = answer


def certificate(directory: Path) -> Path:
    """A certificate for 127.0.0.1 and `HOST` that signs itself, with its key, as a file in `directory`."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stub")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(HOST)]
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + encoded)
    return path
