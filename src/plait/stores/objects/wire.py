"""HTTP/1.1 as an S3 client needs it: one connection, used by one thread at a time (RFC 9112).

It exists because of its cost: a request takes a third of the CPU time that it takes with urllib3, half of http.client's
and less than obstore's, and content is received straight into a caller's buffer. It never follows redirects, reads no
environment, and trusts no length that the other side announces.
"""

from __future__ import annotations

import io
import os
import re
import socket
import struct
import time
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import msgspec

from plait.native import exchange
from plait.stores.network import service_option
from plait.stores.pipe import Pipe, can_splice

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping, Sequence

    from _typeshed import WriteableBuffer

    from plait.stores.base import Deadlines
    from plait.stores.proxies import Proxy

BUFFER: Final = 64 << 10
LARGEST_LINE: Final = 64 << 10
MOST_HEADERS: Final = 256
SEND_BLOCK: Final = 256 << 10
"""A socket's time limit counts for one call of `sendall`, so that calls are kept small."""
FILE_BLOCK: Final = 4 << 20
"""How much of a file is handed to the system at once."""
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")
DRAIN: Final = 64 << 10
"""Up to so many unread bytes of a body are read to keep the connection; beyond it a new one is cheaper."""
TIMED_OUT: Final = "timed out"
QUIET: Final = 1.0
"""Seconds after which an idle connection is looked at before it is used again."""


class ProtocolError(Exception):
    """What arrived is not HTTP/1.1 as it should be, or ended early. The message is one line."""


class Address(msgspec.Struct, frozen=True):
    """Where to connect: host name or IP address, port, and whether over TLS."""

    host: str
    port: int
    tls: bool

    @property
    def authority(self) -> str:
        """The `Host` header: without the port where that is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class Route(msgspec.Struct, frozen=True):
    """The way to an address: through which proxy, trusting it how where it speaks TLS, from which local address, and in
    which class of service (RFC 2474).
    """

    proxy: Proxy | None = None
    tls: ssl.SSLContext | None = None
    bind: str = ""
    service: int = 0


class Connection:
    """An open connection; closed by whoever finds it unusable."""

    def __init__(
        self,
        address: Address,
        tls: ssl.SSLContext | None,
        deadlines: Deadlines,
        route: Route | None = None,
    ) -> None:
        """Connects. Raises OSError (TimeoutError, `ssl.SSLError`)."""
        self.address = address
        route = route or Route()
        proxy = route.proxy
        place = (address.host, address.port) if proxy is None else (proxy.host, proxy.port)
        bind = (route.bind, 0) if route.bind else None
        self._socket = socket.create_connection(place, deadlines.connect, bind)
        self._plain = not address.tls
        self._incoming: _Incoming | None = None
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if route.service:
                self._socket.setsockopt(*service_option(self._socket.family, route.service))
            if proxy is not None:
                self._through(proxy, route.tls)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=address.host)
            self._socket.settimeout(deadlines.idle)
            self.file = self._opened(deadlines.idle)
        except BaseException:
            self._socket.close()
            raise
        self.exchanges = 0
        self._pipe: Pipe | None = None
        self._since = time.monotonic()

    def _opened(self, idle: float | None) -> BinaryIO:
        """What is received, as a file.

        With a time limit, Python asks the system before every call whether it would have to wait. Where the system
        can keep the limit by itself, that is left to it: half the calls.
        """
        if type(self._socket) is not socket.socket or os.name != "posix":
            return cast("BinaryIO", self._socket.makefile("rb", BUFFER))
        if idle is not None:
            seconds, fraction = divmod(max(idle, 1e-6), 1)
            limit = struct.pack("@ll", int(seconds), int(fraction * 1e6))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._socket.settimeout(None)
        self._incoming = _Incoming(self._socket)
        return cast("BinaryIO", io.BufferedReader(self._incoming, BUFFER))

    def _through(self, proxy: Proxy, tls: ssl.SSLContext | None) -> None:
        """Makes what comes next reach the server; a proxy of HTTP understands plain requests by itself."""
        from plait.stores.objects.tunnels import ProxyError, tunnel

        if proxy.scheme == "https":
            if self.address.tls:
                raise ProxyError("TLS through a proxy that is itself reached over TLS is not supported")
            self._plain = False
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=proxy.host)
        elif self.address.tls or proxy.scheme == "socks5":
            tunnel(self._socket, proxy, self.address.host, self.address.port)

    def ask(self, method: str, data: bytes) -> None:
        """Sends a whole request, and may wait for the answer already. Raises OSError.

        With many threads it is the interpreter's lock that costs, and each call of the system lets go of it.
        """
        if self._incoming is None or not self._plain:
            self.send(data)
            return
        try:
            self._incoming.ahead = exchange(self._socket.fileno(), data, BUFFER, method != "HEAD")
        except BlockingIOError:
            raise TimeoutError(TIMED_OUT) from None

    def send(self, data: bytes | memoryview) -> None:
        """Sends all of `data`. Raises OSError."""
        try:
            if len(data) <= SEND_BLOCK:
                self._socket.sendall(data)
                return
            view = memoryview(data)
            for start in range(0, len(view), SEND_BLOCK):
                self._socket.sendall(view[start : start + SEND_BLOCK])
        except BlockingIOError:
            raise TimeoutError(TIMED_OUT) from None

    def send_file(self, descriptor: int, offset: int, length: int) -> None:
        """Sends a range of an open file, without a copy where the connection is plain. Raises OSError, ProtocolError.

        A file that ends early is a ProtocolError: the request cannot be completed.
        """
        end = offset + length
        while offset < end:
            sent = self._send_some(descriptor, offset, min(end - offset, FILE_BLOCK))
            if sent == 0:
                raise ProtocolError("the file that was sent ended early")
            offset += sent

    def _send_some(self, descriptor: int, offset: int, length: int) -> int:
        if not self._plain or not hasattr(os, "sendfile"):
            data = os.pread(descriptor, min(length, SEND_BLOCK), offset)
            self.send(data)
            return len(data)
        try:
            return os.sendfile(self._socket.fileno(), descriptor, offset, length)
        except BlockingIOError:
            raise TimeoutError(TIMED_OUT) from None

    def receive(self, method: str) -> Response:
        """The answer to the request just sent, its body unread. Raises OSError, ProtocolError."""
        while True:
            first, *lines = self._head() or [b""]
            status, version = _status_line(first)
            headers = _headers(lines)
            if status >= 200:
                break
        self.exchanges += 1
        lasting = version == b"HTTP/1.1" and "close" not in headers.get("connection", "").lower()
        return Response(status, headers, _body(self, method, status, headers), lasting=lasting)

    def rest(self) -> None:
        """Notes that the connection is idle from now on."""
        self._since = time.monotonic()

    def looks_usable(self, *, quiet: float = QUIET) -> bool:
        """False where an idle connection was closed by the other side, or holds bytes that nobody asked for.

        It is not looked at before it was idle for `quiet` seconds.
        """
        if time.monotonic() - self._since < quiet:
            return True
        from select import POLLIN, poll

        watch = poll()
        watch.register(self._socket, POLLIN)
        return not watch.poll(0)

    def interrupt(self) -> None:
        """Ends what another thread waits for, as if the other side had closed; the owner still closes."""
        with suppress(OSError):
            # The method of a TLS socket would also drop the state that the other thread is using.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes; repeated calls do nothing."""
        self.file.close()
        self._socket.close()
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()

    def pipe(self) -> Pipe | None:
        """A pipe of this connection's own; None where the system cannot move content through it. Raises OSError."""
        if self._pipe is None and self._plain and self._incoming is not None and can_splice():
            self._pipe = Pipe()
        return self._pipe

    def fill_pipe(self, pipe: Pipe, size: int) -> int:
        """Moves at most `size` bytes there; 0 where the other side closed. Raises OSError."""
        try:
            return pipe.put_from(self._socket.fileno(), size)
        except BlockingIOError:
            raise TimeoutError(TIMED_OUT) from None

    def _line(self) -> bytes:
        line = self.file.readline(LARGEST_LINE + 1)
        if not line:
            raise ConnectionResetError("the connection was closed without an answer")
        if not line.endswith(b"\n"):
            raise ProtocolError("a header line is too long or was cut off")
        return line

    def _head(self) -> list[bytes]:
        """The lines up to an empty one, without their ends."""
        waiting: bytes = self.file.peek()  # type: ignore[attr-defined]  # a BufferedReader
        end = waiting.find(b"\r\n\r\n")
        if end >= 0:
            self.file.read(end + 4)
            return waiting[:end].split(b"\r\n")
        lines = []
        while line := self._line().rstrip(b"\r\n"):
            lines.append(line)
            if len(lines) > MOST_HEADERS:
                raise ProtocolError("the answer has too many headers")
        return lines


class _Incoming(io.RawIOBase):
    """What arrives at a socket that waits by itself, up to its time limit; first of all what came `ahead`."""

    def __init__(self, incoming: socket.socket) -> None:
        self._socket = incoming
        self.ahead = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self.ahead:
            view = memoryview(buffer)
            count = min(len(view), len(self.ahead))
            view[:count], self.ahead = self.ahead[:count], self.ahead[count:]
            return count
        try:
            return self._socket.recv_into(buffer)
        except BlockingIOError:
            raise TimeoutError(TIMED_OUT) from None


class Response:
    """An answer: status, headers by lower-case name (repeated ones joined by a comma), and the body to read.

    `lasting` says whether the connection may be used again once the body was read to its end.
    """

    __slots__ = ("body", "headers", "lasting", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: Body, *, lasting: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.lasting = lasting and not isinstance(body, _UntilClose)


class Body:
    """A body of `length` bytes."""

    def __init__(self, connection: Connection, length: int) -> None:
        self._connection = connection
        self._file = connection.file
        self._buffered = True
        self.left = length

    @property
    def ended(self) -> bool:
        """True once everything was read."""
        return self.left == 0

    @property
    def length(self) -> int | None:
        """Bytes still to come, None where that is not known."""
        return self.left

    def read(self, size: int) -> bytes:
        """At most `size` bytes, at least one before the end, b"" at the end. Raises OSError, ProtocolError."""
        self._buffered = True
        data = self._file.read(min(size, self.left)) if self.left else b""
        self._took(len(data))
        return data

    def readinto(self, view: memoryview) -> int:
        """As `read`, into a buffer; the number of bytes."""
        self._buffered = True
        count: int = self._file.readinto(view[: self.left]) if self.left else 0  # type: ignore[attr-defined]  # a raw file has it, what mypy takes it for has not
        self._took(count)
        return count

    def fill_pipe(self, size: int) -> tuple[int, int]:
        """A pipe to read from, and how many bytes of the body are in it, at least one before the end.

        None of them where the body is to be read. Raises OSError, ProtocolError.
        """
        pipe = self._connection.pipe() if self.left else None
        if pipe is None:
            return -1, 0
        if self._buffered:
            count = self._put_buffered(pipe, min(size, self.left, pipe.capacity))
        else:
            count = self._connection.fill_pipe(pipe, min(size, self.left))
        self._took(count)
        return pipe.end, count

    def _put_buffered(self, pipe: Pipe, size: int) -> int:
        """Puts there what was received already, else what comes at once."""
        data: bytes = self._file.read1(size)  # type: ignore[attr-defined]  # a BufferedReader
        pipe.put(data)
        self._buffered = len(data) == size
        return len(data)

    def read_all(self, limit: int) -> bytes:
        """The rest of the body. Raises ProtocolError where it is larger than `limit` bytes."""
        blocks = []
        size = 0
        while block := self.read(BUFFER):
            size += len(block)
            if size > limit:
                raise ProtocolError(f"the answer is larger than {limit} bytes")
            blocks.append(block)
        return b"".join(blocks)

    def drain(self) -> bool:
        """Reads a short rest away; True where the body is at its end now."""
        if self.length is None or self.length > DRAIN:
            return self.ended
        while self.read(BUFFER):
            pass
        return True

    def _took(self, count: int) -> None:
        if count == 0 and self.left:
            raise ProtocolError(f"the answer ended {self.left} bytes early")
        self.left -= count


class _Chunked(Body):
    """A body in chunks (RFC 9112, section 7.1); trailers are read and dropped."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, 0)
        self._done = False
        self._next()

    @property
    def ended(self) -> bool:
        return self._done

    @property
    def length(self) -> int | None:
        return 0 if self._done else None

    def read(self, size: int) -> bytes:
        data = super().read(size)
        self._advance()
        return data

    def readinto(self, view: memoryview) -> int:
        count = super().readinto(view)
        self._advance()
        return count

    def fill_pipe(self, size: int) -> tuple[int, int]:
        del size
        return -1, 0

    def _advance(self) -> None:
        if self.left == 0 and not self._done:
            if self._connection._line().strip():  # noqa: SLF001  (one protocol, two classes)
                raise ProtocolError("a chunk does not end where it should")
            self._next()

    def _next(self) -> None:
        text = self._connection._line().partition(b";")[0].strip()  # noqa: SLF001  (one protocol, two classes)
        if _HEX.fullmatch(text) is None:
            raise ProtocolError("a chunk has no size")
        self.left = int(text, 16)
        if self.left == 0:
            self._done = True
            _headers(self._connection._head())  # noqa: SLF001  (one protocol, two classes)


class _UntilClose(Body):
    """A body without a length, that ends with the connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, 1 << 62)
        self._done = False

    @property
    def ended(self) -> bool:
        return self._done

    @property
    def length(self) -> int | None:
        return None

    def _took(self, count: int) -> None:
        self._done = self._done or count == 0


def request_head(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """The request line and the headers. Raises ValueError for a header that cannot be sent."""
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers:
        if "\n" in value or "\r" in value or "\0" in value:
            raise ValueError(f"the value of {name} holds a line break")
        lines.append(f"{name}: {value}")
    return "\r\n".join((*lines, "", "")).encode("utf-8")


def _status_line(line: bytes) -> tuple[int, bytes]:
    version, _, rest = line.partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or not code.isdigit() or len(code) != 3:
        raise ProtocolError("the answer is not HTTP/1.1")
    return int(code), version


def _headers(lines: Sequence[bytes]) -> dict[str, str]:
    if len(lines) > MOST_HEADERS:
        raise ProtocolError("the answer has too many headers")
    found: dict[str, str] = {}
    for line in lines:
        key, text = _header(line)
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


@lru_cache(maxsize=256)
def _header(line: bytes) -> tuple[str, str]:
    """A header's name and value; most lines of a server's answers are those of its last one."""
    name, colon, value = line.partition(b":")
    if not colon or not name or name[-1:].isspace() or name[:1].isspace():
        raise ProtocolError("a header line is malformed")
    return name.decode("latin-1").lower(), _text(value.strip())


def _text(value: bytes) -> str:
    """A header's value; UTF-8 where it is (S3 servers send metadata so), else Latin-1 (RFC 9110, section 5.5)."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _body(connection: Connection, method: str, status: int, headers: Mapping[str, str]) -> Body:
    if method == "HEAD" or status in {204, 304}:
        return Body(connection, 0)
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if coding.strip().lower() != "chunked":
            raise ProtocolError("the answer has an unknown transfer coding")
        return _Chunked(connection)
    length = headers.get("content-length")
    if length is None:
        return _UntilClose(connection)
    if not length.isascii() or not length.isdigit() or len(length) > 18:
        raise ProtocolError("the answer has a malformed length")
    return Body(connection, int(length))
