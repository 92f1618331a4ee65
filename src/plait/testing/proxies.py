"""A proxy of HTTP and SOCKS5 on this machine's loopback, that sends everything to one place."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class TestProxy:
    """Connects to `target` whatever host it is asked for.

    `asked` holds the first line and headers of each connection; with `authorization`, only those are served who show
    it. `sent` and `received` count the bytes that passed to the target and back.
    """

    __test__ = False

    target: tuple[str, int]
    authorization: str | None = None
    asked: list[bytes] = field(default_factory=list)
    sent: int = 0
    received: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Takes no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            first = connection.recv(1)
            if first == b"\5":
                self._socks(connection)
                return
            head = first
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1)
            self.asked.append(head)
            if self.authorization is not None and self.authorization.encode() not in head:
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            elif head.startswith(b"CONNECT "):
                self._pass(connection, b"", b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                method, _, rest = head.partition(b" http://")
                self._pass(connection, method + b" /" + rest.partition(b"/")[2], b"")

    def _socks(self, connection: socket.socket) -> None:
        connection.recv(connection.recv(1)[0])
        connection.sendall(b"\5\0")
        head = connection.recv(5)
        name = connection.recv(head[4])
        port = connection.recv(2)
        self.asked.append(b"SOCKS " + name + b":" + str(int.from_bytes(port, "big")).encode())
        self._pass(connection, b"", b"\5\0\0\1\0\0\0\0\0\0")

    def _pass(self, connection: socket.socket, forward: bytes, answer: bytes) -> None:
        with socket.create_connection(self.target) as server:
            server.sendall(forward)
            connection.sendall(answer)
            back = threading.Thread(target=_pump, args=(server, connection, self._came), daemon=True)
            back.start()
            _pump(connection, server, self._went)
            back.join()

    def _went(self, size: int) -> None:
        with self._lock:
            self.sent += size

    def _came(self, size: int) -> None:
        with self._lock:
            self.received += size


def _pump(origin: socket.socket, destination: socket.socket, count: Callable[[int], None]) -> None:
    with suppress(OSError):
        while data := origin.recv(1 << 16):
            destination.sendall(data)
            count(len(data))
        destination.shutdown(socket.SHUT_WR)


@contextmanager
def proxying(target: tuple[str, int], authorization: str | None = None) -> Iterator[TestProxy]:
    """A proxy that is closed in the end."""
    proxy = TestProxy(target, authorization)
    try:
        yield proxy
    finally:
        proxy.close()
