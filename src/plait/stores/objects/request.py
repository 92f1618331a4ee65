"""Signed requests to one bucket, over connections that are kept.

What is sent is exactly what is signed, so keys such as `a//b` or `/x` arrive as they are. A request is repeated here in
two cases only, when the server cannot have acted on it: on a kept connection that the server had closed meanwhile, and
for a bucket that says it lives in another region. Everything else is for the retry wrapper.
"""

from __future__ import annotations

from itertools import count
from threading import Event, Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

import msgspec

from plait.model.errors import CancelledError, NotSupportedError, PlaitError, SecretError
from plait.stores.network import Network, tls_context
from plait.stores.objects.endpoint import Endpoint, endpoint_of, region_of
from plait.stores.objects.failures import Refusal, error_of, error_of_connecting, error_of_exchange
from plait.stores.objects.metadata import parse_http_date
from plait.stores.objects.signing import EMPTY, UNSIGNED, presigned_query, query_string, sign
from plait.stores.objects.signing_v2 import sign_v2
from plait.stores.objects.wire import QUIET, Connection, ProtocolError, Route, request_head
from plait.stores.objects.xml import LARGEST_DOCUMENT, parse, text
from plait.stores.proxies import NO_PROXIES

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping, Sequence

    from plait.stores.base import Deadlines
    from plait.stores.objects.credentials import KeySource
    from plait.stores.objects.options import Quirks, S3Options
    from plait.stores.objects.wire import Address, Response
    from plait.stores.proxies import Proxy

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
    `repeatable`: doing it twice is the same as once; `content`: it reads an object's content.
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
    content: bool = False
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

    def __init__(self, deadlines: Deadlines, network: Network) -> None:
        self._deadlines = deadlines
        self._tls: ssl.SSLContext | None = None
        self._network = network
        self._proxies = network.proxies or NO_PROXIES
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
            made = Connection(address, self._context() if address.tls else None, self._deadlines, self._route(address))
        except OSError as error:
            raise error_of_connecting(error, address.authority) from None
        with self._lock:
            self._made.add(made)
        if self._interrupted.is_set():
            made.interrupt()
        return made

    def proxy(self, address: Address) -> Proxy | None:
        """The proxy that leads to an address."""
        return self._proxies.leading_to(address.host, address.port, tls=address.tls)

    def _route(self, address: Address) -> Route:
        proxy = self.proxy(address)
        tls = self._context() if proxy is not None and proxy.scheme == "https" else None
        return Route(proxy, tls, self._network.bind, self._network.service)

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
            if not self._closed and self._network.keep_alive:
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
                self._tls = tls_context(self._network)
            return self._tls


class Client:
    """Sends requests to one bucket, at `endpoint` where the options do not say where; used by any number of threads."""

    def __init__(
        self,
        options: S3Options,
        quirks: Quirks,
        bucket: str,
        keys: KeySource,
        deadlines: Deadlines,
        *,
        network: Network | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self.bucket = bucket
        self.network = network or Network()
        self.pool = Pool(deadlines, self.network)
        self._numbers = count(1)
        self._options = options
        self._quirks = quirks
        self._keys = keys
        self._region = region_of(options)
        self._moves = endpoint is None
        self._endpoint = endpoint or endpoint_of(options, quirks, bucket, self._region)
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
        trace = self.network.trace
        if trace is not None and trace.responses and document:
            trace.show(document.decode("utf-8", "replace"))
        return Answer(response.status, response.headers, document)

    def open(self, request: Request) -> Exchange:
        """Sends a request and returns with the answer's headers. Raises the catalogue's errors."""
        exchange = self._exchanged(request)
        if _succeeded(exchange, request):
            return exchange
        refusal = _refusal(exchange)
        if self._moves and refusal.region and refusal.region != self._region and request.stream is None:
            self._move(refusal.region)
            exchange = self._exchanged(request)
            if _succeeded(exchange, request):
                return exchange
            refusal = _refusal(exchange)
        raise error_of(refusal, request.what, request.shown)

    def presigned(self, key: str, seconds: int) -> str:
        """A URL with which everyone can get an object for so long. Raises SecretError where requests are not signed."""
        keys = self._keys()
        if keys is None:
            raise SecretError("a link is signed with credentials, and there are none")
        if self._options.v2_auth:
            raise NotSupportedError("links are signed with version 4 only, and v2_auth is set")
        endpoint = self._endpoint
        path = endpoint.target(key)
        query = presigned_query(path, endpoint.address.authority, keys, self._region, seconds)
        scheme = "https" if endpoint.address.tls else "http"
        return f"{scheme}://{endpoint.address.authority}{path}?{query}"

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
        if self.network.trace is None:
            return self._sent(connection, head, request)
        from plait.stores.objects import tracing

        number = next(self._numbers)
        streamed = request.stream is not None or request.file is not None
        tracing.show_request(self.network.trace, head, request.body, streamed=streamed, number=number)
        exchange = self._sent(connection, head, request)
        response = exchange.response
        tracing.show_response(self.network.trace, response.status, response.headers, number=number)
        return exchange

    def _sent(self, connection: Connection, head: bytes, request: Request) -> Exchange:
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
        if keys is not None and self._options.v2_auth:
            resource = path if self._quirks.path_style else f"/{self.bucket}{path}"
            headers = sign_v2(request.method, resource, request.query, headers, keys)
        elif keys is not None:
            headers = sign(request.method, path, query, headers, payload, keys, self._region)
        if request.method in {"PUT", "POST"}:
            headers["content-length"] = str(size)
        if request.method == "GET" and self._quirks.accept_gzip:
            headers["accept-encoding"] = "gzip"
        headers |= self._unsigned(request, endpoint)
        target = f"{path}?{query}" if query else path
        try:
            return request_head(request.method, self._origin(endpoint) + target, headers.items())
        except (ValueError, UnicodeEncodeError):
            raise NotSupportedError(f"{request.what}: a header cannot hold this metadata", key=request.shown) from None

    def _unsigned(self, request: Request, endpoint: Endpoint) -> dict[str, str]:
        """The headers that a person wants beside, and those for the way there."""
        network = self.network
        found = {"user-agent": network.user_agent}
        found |= {name.lower(): value for name, value in network.headers}
        if request.content:
            found |= {name.lower(): value for name, value in network.download_headers}
        if not network.keep_alive:
            found["connection"] = "close"
        proxy = self.pool.proxy(endpoint.address)
        if proxy is not None and not endpoint.address.tls and proxy.scheme != "socks5" and proxy.authorization:
            found["proxy-authorization"] = proxy.authorization
        return found

    def _origin(self, endpoint: Endpoint) -> str:
        """What stands before the path where a proxy is to understand the request (RFC 9112, section 3.2.2)."""
        proxy = self.pool.proxy(endpoint.address)
        if proxy is None or endpoint.address.tls or proxy.scheme == "socks5":
            return ""
        return f"http://{endpoint.address.authority}"


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
        connection.ask(request.method, b"".join((head, *request.body)))
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
