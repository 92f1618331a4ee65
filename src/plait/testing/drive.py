"""A small server that speaks the documented Google Drive API v3, for tests: files in memory, folders, shared drives.

What it answers follows the reference of the API (developers.google.com/drive/api/reference/rest/v3): `files.list` with
`q`, `pageToken` and `fields`, `get` with `alt=media` and `Range`, `create` and `update` with simple, multipart and
resumable uploads, `copy`, `delete`, `export`, `emptyTrash`, `about`, `drives`, `permissions`, and OAuth's token
endpoint (RFC 6749, sections 5 and 6). It is no account of Google: what it does not document, it does not know.

Clients reach it as a proxy: it answers `CONNECT` for every host by itself, over TLS, with a certificate of its own
authority. So a program is tested as it is, without another address for the API.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from plait.testing.drive_account import Drive
from plait.testing.drive_answers import ROUTES, Answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plait.testing.drive_account import Fault


class Handler(Answers):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: DriveServer

    @property
    def drive(self) -> Drive:
        """The account of the server."""
        return self.server.drive

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base's name)
        """Says nothing."""

    def do_CONNECT(self) -> None:  # noqa: N802  (the base's name)
        """Takes the tunnel for itself, whatever host it is to."""
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.wfile.flush()
        try:
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        except (OSError, ssl.SSLError):
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.close_connection = False

    def finish(self) -> None:
        """Ends the connection, the tunnel's too, which the server does not know of."""
        super().finish()
        self.connection.close()

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self.rfile.read(length) if length else b""
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        connection, self.wfile = self.wfile, BytesIO()
        composed = self.wfile
        try:
            with self.drive.lock:
                self._compose(url.path, query, body)
        finally:
            self.wfile = connection
        # Sent without the lock: a client may read one answer after it has asked for the next on another connection.
        self.wfile.write(composed.getvalue())
        self.wfile.flush()

    def _compose(self, path: str, query: dict[str, str], body: bytes) -> None:
        drive = self.drive
        drive.requests.append((self.command, self.path))
        fault = self._fault(path)
        if fault is not None:
            self.fail(fault.status, fault.reason)
            return
        if path.endswith("/token"):
            self._token(body)
            return
        if self.headers.get("authorization", "").removeprefix("Bearer ") not in drive.tokens:
            self.fail(401, "authError", "Invalid Credentials")
            return
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if method == self.command and found is not None:
                answer(self, query, body, *map(unquote, found.groups()))
                return
        self.fail(404, "notFound", f"no such method: {self.command} {path}")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  (the base's names)

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _fault(self, path: str) -> Fault | None:
        for fault in self.drive.faults:
            if fault.times and fault.method in {"", self.command} and fault.path in path:
                fault.times -= 1
                return fault
        return None

    def _token(self, body: bytes) -> None:
        drive = self.drive
        form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        identity, secret = form.get("client_id"), form.get("client_secret")
        basic = self.headers.get("authorization", "")
        if basic.startswith("Basic "):
            from base64 import b64decode

            identity, _, secret = b64decode(basic[6:]).decode().partition(":")
        kind = form.get("grant_type")
        if kind == "refresh_token":
            known = (identity, secret, form.get("refresh_token")) == (
                drive.client_id,
                drive.client_secret,
                drive.refresh_token,
            )
            if not known:
                self.send_json({"error": "invalid_grant", "error_description": "Bad Request"}, 400)
                return
        elif kind != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self.send_json({"error": "unsupported_grant_type"}, 400)
            return
        self.send_json({"access_token": drive.token(), "token_type": "Bearer", "expires_in": 3599})


class DriveServer(ThreadingHTTPServer):
    """The server; a proxy to its clients."""

    daemon_threads = True

    def __init__(self, drive: Drive, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.drive = drive
        self.tls = tls


@dataclass(frozen=True)
class Served:
    """A running server: the account, where the proxy listens, and the file of the authority to trust."""

    drive: Drive
    proxy: str
    authority: Path

    def environment(self) -> dict[str, str]:
        """The variables by which programs reach it."""
        return {"HTTPS_PROXY": self.proxy, "https_proxy": self.proxy, "NO_PROXY": "", "no_proxy": ""}

    def section(self, name: str, *, expired: bool = False, **more: str) -> str:
        """A remote of type drive in `rclone.conf` that may come in."""
        token = {
            "access_token": "expired" if expired else self.drive.token(),
            "token_type": "Bearer",
            "refresh_token": self.drive.refresh_token,
            "expiry": "2020-01-01T00:00:00Z" if expired else "2199-01-01T00:00:00Z",
        }
        keys = {
            "type": "drive",
            "client_id": self.drive.client_id,
            "client_secret": self.drive.client_secret,
            "scope": "drive",
            "token": json.dumps(token, separators=(",", ":")),
            **more,
        }
        return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


@contextmanager
def serve_drive(directory: Path, drive: Drive | None = None) -> Iterator[Served]:
    """A server in a thread of its own; `directory` takes its certificates."""
    from plait.testing.certificates import make_authority

    authority, certificate, key = make_authority(directory, "*.googleapis.com", "docs.google.com", "www.googleapis.com")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = DriveServer(drive or Drive(), tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Served(server.drive, f"http://127.0.0.1:{server.server_address[1]}", authority)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
