"""Signed requests to one bucket, over connections that are kept.

What is sent is exactly what is signed, so keys such as `a//b` or `/x` arrive as they are. A request is repeated here in
two cases only, when the server cannot have acted on it: on a kept connection that the server had closed meanwhile, and
for a bucket that says it lives in another region. Everything else is for the retry wrapper.
"""

from __future__ import annotations

from threading import Event, Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

import msgspec

from plait.model.errors import CancelledError, NotSupportedError, PlaitError
from plait.stores.objects.endpoint import Endpoint, endpoint_of, region_of
from plait.stores.objects.failures import Refusal, error_of, error_of_connecting, error_of_exchange
from plait.stores.objects.metadata import parse_http_date
from plait.stores.objects.signing import EMPTY, UNSIGNED, query_string, sign
from plait.stores.objects.wire import QUIET, Connection, ProtocolError, request_head
from plait.stores.objects.xml import LARGEST_DOCUMENT, parse, text

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping, Sequence

    from plait.stores.base import Deadlines
    from plait.stores.objects.credentials import KeySource
    from plait.stores.objects.options import Quirks, S3Options
    from plait.stores.objects.wire import Address, Response

LARGEST_REFUSAL: Final = 64 << 10
LONGEST_KEY: Final = 1024
JOINED: Final = 64 << 10
"""Bodies up to so many bytes are sent together with their headers."""
_EARLY: Final = (BrokenPipeError, ConnectionResetError)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    `key`: the full key, None for the bucket. `what` begins error messages; `shown` is the key as the caller knows it.
    `body` is held in memory, or `file` is a range of an open one (descriptor, offset, length), or `stream` yields
    exactly `size` bytes once. `harmless`: changes nothing on the server;
    `repeatable`: doing it twice is the same as once.
    `accepted`: statuses beside the successes that the caller understands.
    """

    method: str
    what: str
    key: str | None = None
    shown: str | None = None
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = {}
    body: Sequence[bytes] = ()
    file: tuple[int, int, int] | None = None
    stream: Iterable[bytes] | None = None
    size: int = 0
    harmless: bool = False
    repeatable: bool = True
    accepted: Sequence[int] = ()


class Answer(msgspec.Struct, frozen=True):
    """A success, read whole."""

    status: int
    headers: Mapping[str, str]
    document: bytes


class Exchange:
    """A success whose body is still to be read; `finish` gives the connection back, or closes it."""

    def __init__(self, client: Client, connection: Connection, response: Response) -> None:
        self.response = response
        self._client = client
        self._connection: Connection | None = connection

    def finish(self) -> None:
        """Frees the connection; it is used again where the body was read to its end. Repeated calls do nothing."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self.response.lasting and self.response.body.ended:
            self._client.pool.give(connection)
        else:
            connection.close()


class Pool:
    """Kept connections to one address at a time, the last used first."""

    def __init__(self, deadlines: Deadlines, tls: ssl.SSLContext | None) -> None:
        self._deadlines = deadlines
        self._tls = tls
        self._idle: list[Connection] = []
        self._made: WeakSet[Connection] = WeakSet()
        self._lock = Lock()
        self._closed = False
        self._interrupted = Event()

    def take(self, address: Address, *, fresh: bool = False, quiet: float = QUIET) -> Connection:
        """A connection; `fresh` makes a new one, `quiet` is as in `looks_usable`. Raises the catalogue's errors."""
        if self._interrupted.is_set():
            raise CancelledError("interrupted")
        while not fresh:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                break
            if connection.address == address and connection.looks_usable(quiet=quiet):
                return connection
            connection.close()
        try:
            made = Connection(address, self._context() if address.tls else None, self._deadlines)
        except OSError as error:
            raise error_of_connecting(error, address.authority) from None
        with self._lock:
            self._made.add(made)
        if self._interrupted.is_set():
            made.interrupt()
        return made

    def interrupt(self) -> None:
        """Breaks every connection and makes no more."""
        self._interrupted.set()
        with self._lock:
            made = list(self._made)
        for connection in made:
            connection.interrupt()

    def give(self, connection: Connection) -> None:
        """Keeps a connection for the next request."""
        connection.rest()
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def clear(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Closes the idle connections, and those in use when they are given back."""
        self._closed = True
        self.clear()

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                import ssl

                self._tls = ssl.create_default_context()
            return self._tls


class Client:
    """Sends requests to one bucket; used by any number of threads."""

    def __init__(
        self,
        options: S3Options,
        quirks: Quirks,
        bucket: str,
        keys: KeySource,
        deadlines: Deadlines,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.bucket = bucket
        self.pool = Pool(deadlines, tls)
        self._options = options
        self._quirks = quirks
        self._keys = keys
        self._region = region_of(options)
        self._endpoint = endpoint_of(options, quirks, bucket, self._region)
        self._payer = {"x-amz-request-payer": "requester"} if options.requester_pays else {}

    @property
    def endpoint(self) -> Endpoint:
        """Where the bucket is reached now."""
        return self._endpoint

    def call(self, request: Request, limit: int = LARGEST_DOCUMENT) -> Answer:
        """Sends a request and reads the answer whole. Raises the catalogue's errors."""
        exchange = self.open(request)
        response = exchange.response
        try:
            document = response.body.read_all(limit)
        except (OSError, ProtocolError) as error:
            raise error_of_exchange(error, request.what, harmless=request.harmless, key=request.shown) from None
        finally:
            exchange.finish()
        return Answer(response.status, response.headers, document)

    def open(self, request: Request) -> Exchange:
        """Sends a request and returns with the answer's headers. Raises the catalogue's errors."""
        exchange = self._exchanged(request)
        if _succeeded(exchange, request):
            return exchange
        refusal = _refusal(exchange)
        if refusal.region and refusal.region != self._region and request.stream is None:
            self._move(refusal.region)
            exchange = self._exchanged(request)
            if _succeeded(exchange, request):
                return exchange
            refusal = _refusal(exchange)
        raise error_of(refusal, request.what, request.shown)

    def interrupt(self) -> None:
        """Ends what waits for the server: as a lost connection, and what comes after it with CancelledError."""
        self.pool.interrupt()

    def close(self) -> None:
        """Closes every connection."""
        self.pool.close()

    def _move(self, region: str) -> None:
        """Goes to the region where the bucket says it is."""
        self._region = region
        self._endpoint = endpoint_of(self._options, self._quirks, self.bucket, region)
        self.pool.clear()

    def _exchanged(self, request: Request) -> Exchange:
        endpoint = self._endpoint
        head = self._head(request, endpoint)
        # What cannot be sent again goes over a connection that was looked at.
        connection = self.pool.take(endpoint.address, quiet=QUIET if _may_repeat(request) else 0.0)
        try:
            return self._once(connection, head, request)
        except (OSError, ProtocolError) as error:
            connection.close()
            if connection.exchanges == 0 or isinstance(error, TimeoutError) or not _may_repeat(request):
                raise _broken(error, request) from None
        except BaseException:
            connection.close()
            raise
        connection = self.pool.take(endpoint.address, fresh=True)
        try:
            return self._once(connection, head, request)
        except (OSError, ProtocolError) as error:
            connection.close()
            raise _broken(error, request) from None
        except BaseException:
            connection.close()
            raise

    def _once(self, connection: Connection, head: bytes, request: Request) -> Exchange:
        try:
            _send(connection, head, request)
        except _EARLY as error:
            # A server that refuses may answer and close before it has read everything.
            try:
                response = connection.receive(request.method)
            except (OSError, ProtocolError):
                raise error from None
            if response.status < 300:
                raise
            response.lasting = False
            return Exchange(self, connection, response)
        return Exchange(self, connection, connection.receive(request.method))

    def _head(self, request: Request, endpoint: Endpoint) -> bytes:
        path = _target(endpoint, request)
        query = query_string(request.query)
        size = _body_size(request)
        headers = {**request.headers, **self._payer, "host": endpoint.address.authority}
        payload = EMPTY if size == 0 else UNSIGNED
        keys = self._keys()
        if keys is not None:
            headers = sign(request.method, path, query, headers, payload, keys, self._region)
        if request.method in {"PUT", "POST"}:
            headers["content-length"] = str(size)
        if request.method == "GET" and self._quirks.accept_gzip:
            headers["accept-encoding"] = "gzip"
        headers["user-agent"] = "plait"
        target = f"{path}?{query}" if query else path
        try:
            return request_head(request.method, target, headers.items())
        except (ValueError, UnicodeEncodeError):
            raise NotSupportedError(f"{request.what}: a header cannot hold this metadata", key=request.shown) from None


def _target(endpoint: Endpoint, request: Request) -> str:
    try:
        target = endpoint.target(request.key)
        too_long = request.key is not None and len(request.key.encode()) > LONGEST_KEY
    except UnicodeEncodeError:
        raise NotSupportedError(f"{request.what}: S3 holds names in UTF-8 only", key=request.shown) from None
    if too_long:
        from plait.model.errors import NameTooLongError

        raise NameTooLongError(f"{request.what}: S3 holds keys of up to {LONGEST_KEY} bytes", key=request.shown)
    return target


def _body_size(request: Request) -> int:
    if request.file is not None:
        return request.file[2]
    return request.size if request.stream is not None else sum(map(len, request.body))


def _send(connection: Connection, head: bytes, request: Request) -> None:
    if request.file is not None:
        connection.send(head)
        connection.send_file(*request.file)
        return
    if request.stream is not None:
        connection.send(head)
        for block in request.stream:
            connection.send(block)
        return
    if sum(map(len, request.body)) <= JOINED:
        connection.send(b"".join((head, *request.body)))
        return
    connection.send(head)
    for block in request.body:
        connection.send(block)


def _succeeded(exchange: Exchange, request: Request) -> bool:
    status = exchange.response.status
    return status < 300 or status in request.accepted


def _may_repeat(request: Request) -> bool:
    return request.stream is None and (request.harmless or request.repeatable)


def _broken(error: Exception, request: Request) -> PlaitError:
    return error_of_exchange(error, request.what, harmless=request.harmless, key=request.shown)


def _refusal(exchange: Exchange) -> Refusal:
    """What the server says about why not; reads the body within bounds and frees the connection."""
    response = exchange.response
    code = message = ""
    region = response.headers.get("x-amz-bucket-region")
    try:
        document = response.body.read_all(LARGEST_REFUSAL)
        if document:
            root = parse(document)
            code, message = text(root, "Code"), text(root, "Message")
            region = region or text(root, "Region")
    except (OSError, ProtocolError):
        pass  # The status alone says enough.
    exchange.finish()
    # An answer to HEAD has no code, and a signature for another region is a bad request.
    moved = response.status in {301, 307, 400}
    return Refusal(
        response.status,
        code,
        message,
        _seconds(response.headers.get("retry-after", "")),
        region if moved else None,
    )


def _seconds(value: str) -> float | None:
    """What `Retry-After` says: seconds or a date (RFC 9110, section 10.2.3)."""
    if value.isascii() and value.isdigit() and len(value) < 7:
        return float(value)
    moment = parse_http_date(value) if value else None
    if moment is None:
        return None
    import time

    return max(0.0, moment / 10**9 - time.time())
