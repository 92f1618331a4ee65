"""The other side of the control socket: one request, one answer, within a time.

Written without `http.client`, whose import alone takes longer than a sync.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.model.errors import PlaitError, StoreError, UnknownOutcomeError, from_os_error
from plait.replication.control.endpoints import DEADLINE, go_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_ANSWER: Final = 64 << 20
_BLOCK: Final = 64 << 10


class NoDaemonError(PlaitError):
    """Nobody answers at the socket; `reason` is the operating system's."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"no daemon answers at {path}: {reason}")
        self.path = path
        self.reason = reason


class Reply(msgspec.Struct, frozen=True):
    """What a daemon answered."""

    status: int
    body: bytes

    def fields(self) -> dict[str, Any]:
        """The JSON object of the body. Raises StoreError where it is none."""
        try:
            value = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            value = None
        if not isinstance(value, dict):
            raise StoreError(f"the daemon's answer is no JSON object (status {self.status})")
        return value


def request(path: str, method: str, target: str, fields: Mapping[str, Any] | None, timeout: float | None) -> Reply:
    """Asks the daemon at the socket `path`; `target` is the endpoint, with its query.

    Raises NoDaemonError where nobody listens, UnknownOutcomeError where no answer came within `timeout` seconds.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    body = b"" if fields is None else go_json(fields)
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    if fields is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _set_timeout(connection, deadline)
        try:
            connection.connect(path)
        except TimeoutError:
            raise
        except OSError as error:
            raise NoDaemonError(path, (error.strerror or str(error)).lower()) from None
        connection.sendall(f"{head}\r\n".encode() + body)
        return _parsed(_all(connection, deadline))
    except TimeoutError:
        raise UnknownOutcomeError(f"the daemon did not answer within the time: {DEADLINE}") from None
    except OSError as error:
        raise from_os_error(error, "the connection to the daemon broke") from None
    finally:
        connection.close()


def _set_timeout(connection: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)


def _all(connection: socket.socket, deadline: float | None) -> bytes:
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
            raise StoreError("the daemon's answer is too long")


def _parsed(answer: bytes) -> Reply:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
        raise StoreError("what answers at the socket is no daemon")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _unchunked(body)
    return Reply(int(words[1]), body)


def _unchunked(body: bytes) -> bytes:
    found: list[bytes] = []
    while True:
        size, _, body = body.partition(b"\r\n")
        try:
            count = int(size.partition(b";")[0], 16)
        except ValueError:
            raise StoreError("the daemon's answer ends too early") from None
        if count <= 0:
            return b"".join(found)
        found.append(body[:count])
        body = body[count + 2 :]
