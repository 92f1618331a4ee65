"""Serving a repository over HTTP, in the original's protocol (see `store`). Nothing is decrypted here."""

from __future__ import annotations

import hmac
import json
import re
import ssl
import tempfile
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from plait.model.errors import ConfigurationError, DirectoryNotFoundError, ObjectNotFoundError, PlaitError
from plait.repository.http_servers import IDLE_SECONDS, QuietServer
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.repository.files import StoredFiles

_KINDS: Final = {folder.value: folder for folder in Folder}
_NEVER_THERE: Final = frozenset({"eccpackfiles", "eccstates"})
"""Kinds of files that the original knows and nobody writes."""
_HELD: Final = 8 << 20
_BLOCK: Final = 1 << 20
_LONGEST_LINE: Final = 1024
_LARGEST: Final = 1 << 32
_NAME_DIGITS: Final = 64
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,8}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
"""Sizes come from outside: nothing but digits, and few of them."""
_UNAUTHORIZED: Final = 401


class _Refused(Exception):  # noqa: N818  (an answer, not an error of ours)
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class WireServer(QuietServer):
    """Serves the files of a repository at an address; `serve_forever` runs until `shutdown`.

    `may_delete`: whether requests to delete are granted. `certificate`: files of a chain and its key, for HTTPS.
    `token`: what every request has to give as its bearer's token (RFC 6750), "" for none.
    Raises OSError where the address cannot be had, ConfigurationError for a certificate that is none.
    """

    def __init__(
        self,
        address: tuple[str, int],
        files: StoredFiles,
        *,
        may_delete: bool = False,
        certificate: tuple[str, str] | None = None,
        token: str = "",
    ) -> None:
        super().__init__(address, _Handler)
        self.token = token
        self.files = files
        self.may_delete = may_delete
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            try:
                context.load_cert_chain(*certificate)
            except (OSError, ssl.SSLError) as error:
                self.server_close()
                raise ConfigurationError(f"the certificate cannot be used: {error}") from None
            # The handshake is left to each connection's own thread: one who never begins it must not hold up all.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    @property
    def _wire(self) -> WireServer:
        return cast("WireServer", self.server)

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_PUT(self) -> None:
        self._answer(self._put)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, work: Callable[[], tuple[str, bytes]]) -> None:
        try:
            self._refuse_strangers()
            kind, body = work()
            status = 200
        except _Refused as refused:
            status, kind, body = refused.status, "text/plain; charset=utf-8", f"{refused.text}\n".encode()
        except (ObjectNotFoundError, DirectoryNotFoundError) as error:
            status, kind, body = 404, "text/plain; charset=utf-8", f"{error.message}\n".encode()
        except PlaitError as error:
            status, kind, body = 500, "text/plain; charset=utf-8", f"{error.message}\n".encode()
        if status != 200 and self.command == "PUT":
            # What was sent may not have been read to its end.
            self.close_connection = True
        self.send_response(status)
        if status == _UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _refuse_strangers(self) -> None:
        token = self._wire.token
        if not token:
            return
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        told = given.strip().encode("latin-1", "replace")
        if scheme.lower() != "bearer" or not hmac.compare_digest(told, token.encode("utf-8", "surrogateescape")):
            raise _Refused(_UNAUTHORIZED, "a token is required")

    def _get(self) -> tuple[str, bytes]:
        files = self._wire.files
        parts = self._parts()
        if not parts:
            return "application/octet-stream", files.configuration()
        if len(parts) == 1:
            if parts[0] in _NEVER_THERE:
                return "application/json", b"[]\n"
            names = sorted(name.hex() for name in files.keys(_kind(parts[0])))
            return "application/json", json.dumps(names).encode() + b"\n"
        folder, name = self._file(parts)
        extent = self._range()
        if extent is not None and folder is Folder.PACKFILES:
            return "application/octet-stream", files.read_packfile(name, *extent)
        data = files.read(files.key(folder, name))
        if extent is not None:
            data = data[extent[0] : extent[0] + extent[1]]
        return "application/octet-stream", data

    def _put(self) -> tuple[str, bytes]:
        folder, name = self._file(self._parts())
        with tempfile.SpooledTemporaryFile(_HELD) as held:
            size = self._receive(cast("BinaryIO", held))
            held.seek(0)
            self._wire.files.refuse_replaced()
            self._wire.files.put_stream(folder, name, held, size)
        return "text/plain; charset=utf-8", b""

    def _delete(self) -> tuple[str, bytes]:
        if not self._wire.may_delete:
            raise _Refused(403, "not allowed to delete")
        folder, name = self._file(self._parts())
        self._wire.files.remove(folder, [name])
        return "text/plain; charset=utf-8", b""

    def _parts(self) -> list[str]:
        """The words behind `/resources/`; none for CONFIG, which any other path is."""
        path = self.path.partition("?")[0]
        parts = [part for part in path.split("/") if part]
        if "resources" not in parts:
            return []
        return parts[parts.index("resources") + 1 :]

    def _file(self, parts: list[str]) -> tuple[Folder, bytes]:
        if len(parts) != 2:
            raise _Refused(400, "invalid resource type")
        folder = _kind(parts[0])
        if len(parts[1]) != _NAME_DIGITS or not set(parts[1]) <= set("0123456789abcdefABCDEF"):
            raise _Refused(400, "invalid MAC")
        return folder, bytes.fromhex(parts[1])

    def _range(self) -> tuple[int, int] | None:
        """Offset and length; the end of a range is not part of it here."""
        text = self.headers.get("Range")
        if not text:
            return None
        start, dash, end = text.removeprefix("bytes=").partition("-")
        if not text.startswith("bytes=") or not dash or not _NUMBER.fullmatch(start) or not _NUMBER.fullmatch(end):
            raise _Refused(400, "invalid range")
        length = int(end) - int(start)
        if not 0 < length < _LARGEST:
            raise _Refused(400, "invalid range")
        return int(start), length

    def _receive(self, into: BinaryIO) -> int:
        """Takes the body of a request; its size."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            size = 0
            while length := self._chunk_size():
                size += length
                if size > _LARGEST:
                    raise _Refused(413, "the file is too large")
                self._copy(length, into)
                self.rfile.readline(_LONGEST_LINE)
            while self.rfile.readline(_LONGEST_LINE).strip():
                continue
            return size
        text = self.headers.get("Content-Length", "")
        if not _NUMBER.fullmatch(text) or int(text) > _LARGEST:
            raise _Refused(411, "the length of the file is not said")
        self._copy(int(text), into)
        return int(text)

    def _chunk_size(self) -> int:
        line = self.rfile.readline(_LONGEST_LINE).partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(line):
            raise _Refused(400, "the body is malformed")
        return int(line, 16)

    def _copy(self, length: int, into: BinaryIO) -> None:
        while length:
            data = self.rfile.read(min(length, _BLOCK))
            if not data:
                raise _Refused(400, "the body ended early")
            into.write(data)
            length -= len(data)

    def log_message(self, *_: object) -> None:
        """Nothing: the original is silent, too."""


def _kind(word: str) -> Folder:
    folder = _KINDS.get(word)
    if folder is None:
        raise _Refused(400, "invalid resource type")
    return folder
