"""What the servers of a repository have in common, whatever they serve."""

from __future__ import annotations

import socket
import ssl
import sys
from contextlib import suppress
from http.server import ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

IDLE_SECONDS: Final = 120
"""After which a connection ends on which nothing comes, or nothing can be sent."""
_TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n"
    b"Retry-After: 1\r\nConnection: close\r\n\r\ntoo many connections\n"
)


class QuietServer(ThreadingHTTPServer):
    """A thread for each connection, none of which holds the end of the process; so many at once.

    A connection that breaks ends quietly: that is the other side's affair.
    """

    daemon_threads = True
    allow_reuse_address = True
    most_connections = 128
    request_queue_size = most_connections

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._free = BoundedSemaphore(self.most_connections)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Takes a connection, on which nothing waits for the other side to confirm what it got: that takes 40 ms."""
        request, client_address = super().get_request()
        # One that broke already is found out by whoever serves it.
        with suppress(OSError):
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return request, client_address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begins a thread for a connection, unless there are too many."""
        if not self._free.acquire(blocking=False):
            # A handshake would hold up everybody.
            if not isinstance(request, ssl.SSLSocket):
                request.setblocking(False)
                with suppress(OSError):
                    request.send(_TOO_MANY)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says what went wrong with a connection, unless it broke or its encryption was never agreed on."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
