"""One request over a Unix socket and the bytes of its answer, within a time.

Nothing is imported but what the interpreter has loaded or built in: the modules `socket`, `json` and `re` each take
longer to load than a sync takes.
"""

from __future__ import annotations

import time
from _socket import AF_UNIX, SOCK_STREAM, socket

_LONGEST_ANSWER = 64 << 20
_BLOCK = 64 << 10


class UnreachableError(Exception):
    """Nobody answers at the socket, and nothing was sent; `reason` is the operating system's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def head(method: str, target: str, length: int | None) -> bytes:
    """The head of a request, with a JSON body of `length` bytes behind it; None: without a body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def exchange(path: str, message: bytes, timeout: float | None) -> bytes:
    """Sends `message` to the socket at `path`; all that comes back until the other side closes.

    Raises UnreachableError where nobody listens, TimeoutError where that is not over within `timeout` seconds, OSError
    where the connection breaks or the answer has no end.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        _set_timeout(connection, deadline)
        try:
            connection.connect(path)
        except TimeoutError:
            raise
        except OSError as error:
            raise UnreachableError((error.strerror or str(error)).lower()) from None
        connection.sendall(message)
        return _all(connection, deadline)
    finally:
        connection.close()


def _set_timeout(connection: socket, deadline: float | None) -> None:
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)


def _all(connection: socket, deadline: float | None) -> bytes:
    blocks: list[bytes] = []
    size = 0
    while True:
        _set_timeout(connection, deadline)
        block = connection.recv(_BLOCK)
        if not block:
            return b"".join(blocks)
        blocks.append(block)
        size += len(block)
        if size > _LONGEST_ANSWER:
            raise OSError("the answer is too long")
