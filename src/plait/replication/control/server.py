"""The control socket: a Unix socket that speaks HTTP/1.1, and the metrics' port.

The socket is bound here, under a name of its own, with its permissions before anybody can connect, and then gets its
name by a link, which never replaces anything: a live socket of another daemon is never taken over.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import stat
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from plait.model.errors import BusyError, ConfigurationError, from_os_error
from plait.replication.control.endpoints import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Handler = Callable[[str, str, Mapping[str, str], bytes], Answer]

_LONGEST_HEAD: Final = 64 << 10
_LONGEST_BODY: Final = 1 << 20
_MOST_DIGITS: Final = 18
_IDLE_SECONDS: Final = 300.0
_FULL_SECONDS: Final = 0.1
"""Until a connection is tried again for which there was no descriptor."""
_BACKLOG: Final = 128
_WAITING: Final = 2
"""How many threads wait for connections that come one after another."""
_GREATEST_PORT: Final = 65535
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
}
_BAD: Final = Answer(400, b"400 Bad Request", "text/plain; charset=utf-8")
_TOO_LARGE: Final = Answer(413, b"413 Request Entity Too Large", "text/plain; charset=utf-8")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Server:
    """Answers the connections of a listening socket, each on a thread of its own.

    Who accepts a connection serves it, while another thread waits for the next: no request waits for a thread.
    """

    def __init__(self, listener: socket.socket, handler: Handler, path: str = "") -> None:
        """`path` is the file of a Unix socket, which `close` removes."""
        self._listener = listener
        self._handler = handler
        self._path = path
        self._inode = os.stat(path).st_ino if path else 0
        self._is_closed = False
        self._lock = Lock()
        self._waiting = 0

    def start(self) -> None:
        """Begins to answer; returns at once."""
        self._wait_on_another_thread()

    def close(self) -> None:
        """Takes no further connections, and removes the socket's file unless it is another's by now."""
        self._is_closed = True
        # Wakes the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with suppress(OSError):
            if self._path and os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)

    def _wait_on_another_thread(self) -> None:
        with self._lock:
            self._waiting += 1
        Thread(target=self._run, name="control", daemon=True).start()

    def _run(self) -> None:
        while (connection := self._accept()) is not None:
            with self._lock:
                self._waiting -= 1
                is_last = not self._waiting
            if is_last:
                self._wait_on_another_thread()
            self._serve(connection)
            with self._lock:
                if self._waiting >= _WAITING:
                    return
                self._waiting += 1

    def _accept(self) -> socket.socket | None:
        """The next connection; None once there will be none."""
        while not self._is_closed:
            try:
                return self._listener.accept()[0]
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ECONNABORTED}:
                    break
                time.sleep(_FULL_SECONDS)
        return None

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(_IDLE_SECONDS)
            stream = _Stream(connection)
            while self._exchange(stream, connection):
                pass

    def _exchange(self, stream: _Stream, connection: socket.socket) -> bool:
        """Answers one request; whether the connection stays open."""
        head = stream.head()
        if head is None:
            return False
        parsed = _parse_head(head)
        if parsed is None:
            connection.sendall(_encoded(_BAD, is_last=True))
            return False
        method, target, headers = parsed
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(_CONTINUE)
        body = stream.body(headers)
        if body is None:
            connection.sendall(_encoded(_TOO_LARGE, is_last=True))
            return False
        try:
            split = urlsplit(target)
        except ValueError:
            connection.sendall(_encoded(_BAD, is_last=True))
            return False
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        answer = self._handler(method, unquote(split.path), query, body)
        is_last = headers.get("connection", "").lower() == "close"
        connection.sendall(_encoded(answer, is_last=is_last, has_body=method != "HEAD"))
        return not is_last


class _Stream:
    """What a connection sends."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = b""

    def head(self) -> bytes | None:
        """A request's line and headers; None where the connection ended, or sends too much."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _LONGEST_HEAD or not self._more():
                return None
        head, self._held = self._held[:end], self._held[end + 4 :]
        return head

    def body(self, headers: Mapping[str, str]) -> bytes | None:
        """A request's body; None where it is too long."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunked()
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > _MOST_DIGITS or int(length) > _LONGEST_BODY:
            return None
        return self._exactly(int(length))

    def _chunked(self) -> bytes | None:
        body = b""
        while True:
            size = self._line()
            if size is None or not size:
                return None
            try:
                count = int(size.partition(b";")[0], 16)
            except ValueError:
                return None
            if count < 0 or len(body) + count > _LONGEST_BODY:
                return None
            if count == 0:
                while self._line():
                    pass
                return body
            chunk = self._exactly(count)
            if chunk is None or self._line() is None:
                return None
            body += chunk

    def _line(self) -> bytes | None:
        while (end := self._held.find(b"\r\n")) < 0:
            if len(self._held) > _LONGEST_HEAD or not self._more():
                return None
        line, self._held = self._held[:end], self._held[end + 2 :]
        return line

    def _exactly(self, length: int) -> bytes | None:
        while len(self._held) < length:
            if not self._more():
                return None
        data, self._held = self._held[:length], self._held[length:]
        return data

    def _more(self) -> bool:
        data = self._connection.recv(_LONGEST_HEAD)
        self._held += data
        return bool(data)


def listen_at(path: str, permissions: int = 0o600) -> socket.socket:
    """A Unix socket that listens at `path`.

    A file that a killed daemon left is removed; one whose daemon lives stays. Raises BusyError for the latter,
    ConfigurationError for a file that is no socket, and errors of the file system.
    """
    absolute = os.path.abspath(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    beside = os.path.join(os.path.dirname(absolute), f".{secrets.token_hex(4)}")
    try:
        # Before the name exists: nobody may connect in between.
        os.fchmod(listener.fileno(), permissions)
        listener.bind(beside)
        try:
            os.chmod(beside, permissions)
            listener.listen(_BACKLOG)
            _link(beside, absolute)
        finally:
            os.unlink(beside)
    except OSError as error:
        listener.close()
        raise from_os_error(error, f"cannot listen at {path}") from None
    except BaseException:
        listener.close()
        raise
    return listener


def is_alive(path: str) -> bool:
    """Whether somebody answers at a Unix socket."""
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(path)
    except OSError as error:
        return error.errno not in {errno.ENOENT, errno.ECONNREFUSED}
    finally:
        probe.close()
    return True


def listen_on_port(address: str) -> socket.socket:
    """A TCP socket that listens at `HOST:PORT`; without a host on all interfaces.

    Raises ConfigurationError for what is no address, and errors of the system.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _GREATEST_PORT:
        raise ConfigurationError(f"must specify port for bind address: {address!r}", hint="such as localhost:9090")
    host = host.strip("[]")
    try:
        if host:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, int(port)), family=family)
        return socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    except OSError as error:
        raise from_os_error(error, f"cannot listen at {address}") from None


def _link(beside: str, path: str) -> None:
    """Gives a socket its name, which a dead one may have."""
    try:
        os.link(beside, path)
    except FileExistsError:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ConfigurationError(f"{path} exists and is no socket") from None
        if is_alive(path):
            raise BusyError(f"another daemon listens at {path}", hint="name another socket: -socket PATH") from None
        os.unlink(path)
        os.link(beside, path)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]] | None:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            return None
        headers[name.strip().lower()] = value.strip()
    if words[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return words[0], words[1], headers


def _encoded(answer: Answer, *, is_last: bool, has_body: bool = True) -> bytes:
    headers = [
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        f"Content-Type: {answer.content_type}",
        *(f"{name}: {value}" for name, value in answer.headers),
        f"Content-Length: {len(answer.body)}",
        *(["Connection: close"] if is_last else []),
    ]
    return "\r\n".join([*headers, "", ""]).encode("latin-1") + (answer.body if has_body else b"")
