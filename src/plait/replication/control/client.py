"""The other side of the control socket: one request, one answer, within a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from plait.model.errors import PlaitError, StoreError, UnknownOutcomeError, from_os_error
from plait.replication.control.endpoints import DEADLINE, go_json
from plait.replication.control.exchange import UnreachableError, exchange, head

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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

    Raises as `reply_of`.
    """
    body = b"" if fields is None else go_json(fields)
    message = head(method, target, None if fields is None else len(body)) + body
    return reply_of(path, lambda: exchange(path, message, timeout))


def reply_of(path: str, call: Callable[[], bytes]) -> Reply:
    """What the daemon at the socket `path` answered, by the bytes that `call` gives, which may raise as `exchange`.

    Raises NoDaemonError where nobody listens, UnknownOutcomeError where no answer came within the time, StoreError
    where the connection broke or what answers is no daemon.
    """
    try:
        return _parsed(call())
    except UnreachableError as error:
        raise NoDaemonError(path, error.reason) from None
    except TimeoutError:
        raise UnknownOutcomeError(f"the daemon did not answer within the time: {DEADLINE}") from None
    except OSError as error:
        raise from_os_error(error, "the connection to the daemon broke") from None


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
