"""A repository that a server serves: the original's, or Plait's own.

`GET /` is CONFIG, `GET /resources/KIND` a JSON list of names, `GET`, `PUT` and `DELETE /resources/KIND/NAME` a file.
The end of a range is not part of it, other than RFC 9110 has it. Every error of the original's server is a text.
"""

from __future__ import annotations

import json
import socket
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote, urlsplit

from plait.model.errors import (
    ConfigurationError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    StoreError,
    TemporaryError,
)
from plait.model.items import Kind, Page, Stat
from plait.repository.format.configuration import SIZE_LIMIT
from plait.repository.layout import CONFIGURATION, Folder, name_of
from plait.repository.wire.pace import LEAST, Paced
from plait.repository.wire.sizes import size_by_ranges
from plait.stores.base import PLAIN, Deleted, Features, Outgoing
from plait.stores.content import BytesReader, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.stores.base import Source

SCHEME: Final = "plakar-http"
_SECONDS: Final = 30
"""For each `LEAST` bytes from or to the server, and for the end of an answer."""
_SECONDS_OPENING: Final = 10
"""The same for the first file, which is small: whether there is a server at all is to be known soon."""
_OK: Final = 200
_FORBIDDEN: Final = 403
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_MISSING: Final = ("no such file", "not found", "does not exist")
"""What the original's connectors say of a file that is not there; the status is 500 then."""
_OF_PATHS: Final = "/%!$&'()*+,;=:@"
"""What a path has as it is (RFC 3986, section 3.3), what is escaped already among it."""
_LARGEST: Final = 1 << 30
"""Bytes of a list or of a file: what a server says of their lengths is believed up to here only."""
_LARGEST_OTHER: Final = 64 << 10
"""The same of an error, and of the answer to what changes something."""
_BLOCK: Final = 1 << 20
_LONGEST_ERROR: Final = 2000
_BUSY: Final = frozenset({429, 502, 503, 504})


class WireStore:
    """The files of a repository behind a URL; a store of exactly these, not of anything. Threads may share it."""

    def __init__(self, url: str, token: str = "") -> None:
        """`token` is sent as the bearer's. Raises ConfigurationError for what is no such URL."""
        try:
            parts = urlsplit(url)
            self._port = parts.port
            # As the connection will: it raises what is no error of a connection.
            (parts.hostname or "").encode("idna")
        except ValueError:
            raise _unfit(url) from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise _unfit(url)
        if not token.isascii() or not token.isprintable():
            raise ConfigurationError("the token of a server (auth_token) is printable ASCII")
        self._host, self._tls = parts.hostname, parts.scheme == "https"
        self._path = quote(parts.path.rstrip("/"), _OF_PATHS, errors="surrogateescape")
        self._text = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._idle: list[HTTPConnection] = []
        self._lock = Lock()
        self._features = Features(scheme=SCHEME, identity=self._text, depends_on_network=True, streaming_writes=False)

    @property
    def features(self) -> Features:
        """As in `Store`."""
        return self._features

    @property
    def description(self) -> str:
        """As in `Store`."""
        return self._text

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        """As in `Store`, of one kind of files; sizes are not known."""
        del descend
        kind = prefix.rstrip("/")
        if kind not in {folder.value for folder in Folder}:
            raise NotSupportedError(f"{self._text} lists packfiles, states and locks only", key=prefix)
        data = self._ask("GET", f"/resources/{kind}", most=_LARGEST)
        try:
            found = json.loads(data) or []
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise IntegrityError(f"{self._text} answered what is no list of {kind}", key=prefix)
        names = sorted(name for name in found if name_of(name) is not None and f"{kind}/{name}" > start_after)
        if names:
            yield Page.of(f"{kind}/", [(name, Stat(Kind.FILE)) for name in names])

    def stat(self, key: str) -> Stat:
        """As in `Store`. The protocol tells no sizes: that of a packfile is looked for, other files are read."""
        if key.startswith(Folder.PACKFILES.prefix):
            try:
                return Stat(Kind.FILE, size_by_ranges(lambda offset, length: self.read(key, offset, length).read(-1)))
            except StoreError:
                # The store behind this server takes a range beyond the end of a file for an error.
                pass
        return Stat(Kind.FILE, len(self._get(key, {}, _LARGEST)))

    def read(
        self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None
    ) -> BytesReader:
        """As in `Store`."""
        del expected
        if length == 0:
            return BytesReader(b"", Stat(Kind.FILE))
        if key == CONFIGURATION or length is None:
            data = self._get(key, {}, SIZE_LIMIT + 1 if key == CONFIGURATION else _LARGEST)
            return BytesReader(data[offset:] if length is None else data[offset : offset + length], Stat(Kind.FILE))
        # One more comes from who takes the end of a range for a part of it.
        data = self._get(key, {"Range": f"bytes={offset}-{offset + length}"}, length + 1)
        return BytesReader(data[:length], Stat(Kind.FILE))

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        """As in `Store`."""
        if how.if_absent or how.if_match is not None:
            raise NotSupportedError(f"{self._text} knows no conditions", key=key)
        data = b"".join(blocks(content, size, key))
        self._ask("PUT", self._target(key), body=data)
        return Stat(Kind.FILE, len(data))

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        """As in `Store`."""
        for key in keys:
            try:
                self._ask("DELETE", self._target(key))
            except ObjectNotFoundError:
                yield Deleted(key)
            except (PermissionDeniedError, StoreError, TemporaryError) as error:
                yield Deleted(key, error)
            else:
                yield Deleted(key)

    def close(self) -> None:
        """As in `Store`. Connections in use are left to their requests."""
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _target(self, key: str) -> str:
        return "/" if key == CONFIGURATION else f"/resources/{key}"

    def _get(self, key: str, headers: dict[str, str], most: int) -> bytes:
        return self._ask("GET", self._target(key), headers=headers, key=key, most=most)

    def _ask(
        self,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        key: str = "",
        most: int = _LARGEST_OTHER,
    ) -> bytes:
        """The body of an answer of at most so many bytes.

        Raises ObjectNotFoundError, PermissionDeniedError, StoreError, TemporaryError, IntegrityError for a longer one.
        """
        connection = self._connection()
        try:
            if connection.sock is None:
                connection.timeout = _SECONDS_OPENING
                _connect(connection)
            seconds = _SECONDS_OPENING if key == CONFIGURATION else _SECONDS
            connection.sock.settimeout(seconds)
            connection.response_class = cast("type[HTTPResponse]", partial(_answer, seconds))
            self._send(connection, method, target, headers or {}, body)
            answer = connection.getresponse()
            data = _body(answer, most if answer.status == _OK else _LARGEST_OTHER)
        except _TooLongError:
            connection.close()
            raise IntegrityError(f"{self._text} answered with more than can be", key=key or None) from None
        except (OSError, HTTPException) as error:
            connection.close()
            reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
            raise TemporaryError(f"{self._text}: {reason or type(error).__name__}", key=key or None) from None
        with self._lock:
            self._idle.append(connection)
        if answer.status == _OK:
            return data
        text = data[:_LONGEST_ERROR].decode("utf-8", "replace").strip() or answer.reason
        if answer.status == _NOT_FOUND or any(words in text for words in _MISSING):
            raise ObjectNotFoundError(f"{self._text}: {text}", key=key or None)
        if answer.status == _UNAUTHORIZED:
            hint = "the entry in stores.yml gives it: auth_token=…"
            raise PermissionDeniedError(f"{self._text}: {text}", key=key or None, hint=hint)
        if answer.status == _FORBIDDEN:
            raise PermissionDeniedError(f"{self._text}: {text}", key=key or None)
        if answer.status in _BUSY:
            raise TemporaryError(f"{self._text}: {text}", key=key or None)
        raise StoreError(f"{self._text}: {text}", key=key or None)

    def _send(
        self, connection: HTTPConnection, method: str, target: str, headers: dict[str, str], body: bytes | None
    ) -> None:
        """Sends a request; the body block by block, as the deadline of a call that sends is for all that it sends."""
        every = {**self._headers, **headers}
        if body is None:
            connection.request(method, self._path + target, headers=every)
        else:
            length = {"Content-Length": str(len(body))}
            connection.request(method, self._path + target, BytesIO(body), every | length)

    def _connection(self) -> HTTPConnection:
        """One that nobody uses."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        kind = HTTPSConnection if self._tls else HTTPConnection
        return kind(self._host, self._port, blocksize=LEAST)


def _unfit(url: str) -> ConfigurationError:
    """The error for what is no URL; what stands before the host, where a password may be, is not shown."""
    scheme, separator, rest = url.partition("://")
    shown = f"{scheme}{separator}{rest.rpartition('@')[2]}"
    return ConfigurationError(f"{shown} is no URL of a server", hint="write http://HOST:PORT")


def _connect(connection: HTTPConnection) -> None:
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _TooLongError(Exception):
    """An answer that is longer than it may be."""


def _answer(seconds: float, connection: socket.socket, method: str) -> HTTPResponse:
    # It uses nothing else of a socket.
    return HTTPResponse(cast("socket.socket", Paced(connection, seconds)), method=method)


def _body(answer: HTTPResponse, most: int) -> bytes:
    """The body, read as it comes: nothing is allocated for what a server only says."""
    parts: list[bytes] = []
    size = 0
    while data := answer.read1(_BLOCK):
        parts.append(data)
        size += len(data)
        if size > most:
            raise _TooLongError
    if answer.length:
        raise IncompleteRead(b"", answer.length)
    answer.close()
    return b"".join(parts)
