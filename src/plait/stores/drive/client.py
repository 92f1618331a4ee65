"""Requests to the Drive API: Google's library makes them, connections of our own carry them, failures get names."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import (
    FatalError,
    IntegrityError,
    MissingExtraError,
    NoSpaceError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PlaitError,
    SecretError,
    StoreError,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.stores.network import tls_context
from plait.stores.proxies import proxies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import urllib3

    from plait.stores.base import Deadlines, Source
    from plait.stores.drive.options import DriveOptions
    from plait.stores.hashes import Digests
    from plait.stores.network import Network

HOST: Final = "www.googleapis.com"
API: Final = f"https://{HOST}/drive/v3"
CONNECTIONS: Final = 16
_TRIES: Final = 5
_BUSY: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError"})
_FULL: Final = frozenset({"storageQuotaExceeded", "quotaExceeded", "teamDriveFileLimitExceeded"})
_REFUSED: Final = frozenset({"authError", "invalidCredentials", "required"})


def missing_extra() -> MissingExtraError:
    """The error where Google's library is not installed."""
    return MissingExtraError(
        "Google Drive needs Google's client library", hint="install it: pip install 'plait[drive]'"
    )


@cache
def library() -> Any:
    """What makes requests, from the description of the API that Google's library carries; the same for every client.

    Raises MissingExtraError where the library is not installed.
    """
    try:
        from googleapiclient.discovery import build
    except ImportError:
        raise missing_extra() from None
    # Each request is sent through a client of its own: this one would send none.
    return build("drive", "v3", http=_Nobody(), cache_discovery=False, static_discovery=True)


class _Nobody:
    """Sends nothing."""

    def request(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a request without a client")

    def close(self) -> None:
        """Nothing to free."""


class DriveClient:
    """Sends requests for one remote; used by any number of threads."""

    def __init__(
        self,
        options: DriveOptions,
        deadlines: Deadlines,
        network: Network,
        save: Callable[[str, str], None],
    ) -> None:
        """Raises MissingExtraError, ConfigurationError, SecretError."""
        self.service = library()
        from plait.stores.drive.credentials import open_access

        self.options = options
        self._network = network
        self._pool = _pool(deadlines, network)
        self._access = open_access(options, self._ask_for_token, save)

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def execute(self, request: Any, what: str, key: str | None = None) -> Any:
        """Sends a request of Google's library and gives what it answers. Raises the catalogue's errors."""
        from googleapiclient.errors import HttpError

        try:
            return request.execute(http=self)
        except HttpError as error:
            raise failure(error.resp.status, error.content, what, key, self.options) from None

    def upload(self, request: Any, what: str, key: str) -> Any:
        """Sends a request with content, chunk by chunk. Raises the catalogue's errors, and what the content raises."""
        from googleapiclient.errors import HttpError

        try:
            answer = None
            while answer is None:
                _, answer = request.next_chunk(http=self, num_retries=_TRIES)
        except HttpError as error:
            raise failure(error.resp.status, error.content, what, key, self.options) from None
        return answer

    def open(self, url: str, headers: Mapping[str, str], what: str, key: str) -> urllib3.BaseHTTPResponse:
        """Begins to read what a URL gives. Raises the catalogue's errors."""
        wanted = {**headers, **dict(self._network.download_headers)}
        answer = self._send("GET", url, None, wanted, stream=True)
        if answer.status not in {200, 206}:
            content = answer.data
            answer.release_conn()
            raise failure(answer.status, content, what, key, self.options)
        return answer

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        redirections: int = 0,
        connection_type: Any = None,
    ) -> tuple[Any, bytes]:
        """Sends a request for Google's library: the answer's head and body. Raises the catalogue's errors."""
        from httplib2 import Response

        del redirections, connection_type
        answer = self._send(method, uri, body, headers or {})
        fields = {name.lower(): value for name, value in answer.headers.items()}
        return Response({**fields, "status": str(answer.status)}), answer.data

    def _send(
        self, method: str, url: str, body: Any, headers: Mapping[str, str], *, stream: bool = False
    ) -> urllib3.BaseHTTPResponse:
        answer = self._once(method, url, body, headers, self._access.header(), stream=stream)
        if answer.status != 401 or hasattr(body, "read"):
            return answer
        answer.release_conn()
        # What was valid by its date may have been taken back.
        return self._once(method, url, body, headers, self._access.header(anew=True), stream=stream)

    def _once(
        self, method: str, url: str, body: Any, headers: Mapping[str, str], proof: str, *, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        sent = {name: value for name, value in headers.items() if name.lower() not in {"accept-encoding", "user-agent"}}
        sent |= {"Authorization": proof, "User-Agent": self._network.user_agent, **dict(self._network.headers)}
        if self.options.resource_key and self.options.root_folder_id:
            sent["X-Goog-Drive-Resource-Keys"] = f"{self.options.root_folder_id}/{self.options.resource_key}"
        self._trace(f"{method} {url}", sent)
        try:
            answer = self._pool.request(
                method, url, body=body, headers=sent, preload_content=not stream, retries=False, redirect=True
            )
        except urllib3.exceptions.HTTPError as error:
            raise lost(error, harmless=method == "GET") from None
        self._trace(f"{answer.status} {answer.reason}", dict(answer.headers))
        return answer

    def _ask_for_token(
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **more: Any
    ) -> Any:
        """What Google's library sends to get a token."""
        from google.auth.exceptions import TransportError
        from google.auth.transport.urllib3 import Request

        del timeout
        try:
            return Request(self._pool)(url, method, body=body, headers=headers, retries=False, **more)  # type: ignore[no-untyped-call]  # (untyped library)
        except OSError as error:
            raise TransportError(str(error)) from None  # type: ignore[no-untyped-call]  # (untyped library)

    def _trace(self, line: str, headers: Mapping[str, str]) -> None:
        trace = self._network.trace
        if trace is None:
            return
        shown = {
            name: value if trace.secrets or name.lower() not in {"authorization", "cookie"} else "XXXX"
            for name, value in headers.items()
        }
        trace.show("\n".join([line, *(f"{name}: {value}" for name, value in shown.items())]))


def _pool(deadlines: Deadlines, network: Network) -> urllib3.PoolManager:
    import urllib3

    proxies = network.proxies if network.proxies is not None else proxies_of(os.environ)
    proxy = proxies.leading_to(HOST, 443, tls=True)
    more: dict[str, Any] = {
        "maxsize": CONNECTIONS,
        "timeout": urllib3.Timeout(connect=deadlines.connect, read=deadlines.idle),
        "ssl_context": tls_context(network),
    }
    if not network.verify:
        more |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
    if network.bind:
        more["source_address"] = (network.bind, 0)
    if network.service:
        raise StoreError("the class of service of requests to Google Drive cannot be set", hint="leave out --dscp")
    if proxy is None:
        return urllib3.PoolManager(**more)
    if proxy.scheme.startswith("socks"):
        raise StoreError("Google Drive is not reached through a SOCKS proxy", hint="name an HTTP proxy")
    asks = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else None
    return urllib3.ProxyManager(f"{proxy.scheme}://{proxy.host}:{proxy.port}", proxy_headers=asks, **more)


def lost(error: Exception, *, harmless: bool) -> PlaitError:
    """The error of a request that had no answer; `harmless`: it cannot have changed anything."""
    import urllib3

    words = str(getattr(error, "reason", None) or error)
    never_sent = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    if isinstance(error, urllib3.exceptions.SSLError):
        return StoreError(f"failed to reach Google Drive: {words}", hint="see --ca-cert, --no-check-certificate")
    if isinstance(error, urllib3.exceptions.ProxyError):
        return TemporaryError(f"failed to reach Google Drive through the proxy: {words}")
    if harmless or isinstance(error, never_sent):
        return TemporaryError(f"failed to reach Google Drive: {words}")
    return UnknownOutcomeError(f"Google Drive did not answer: {words}")


def failure(status: int, content: bytes, what: str, key: str | None, options: DriveOptions) -> PlaitError:
    """The catalogue's error for an answer of the API (Drive API, "Resolve errors")."""
    reason, message = _said(content)
    text = f"{what}: {message or f'status {status}'}" + (f" ({reason})" if reason else "")
    if status == 401 or reason in _REFUSED:
        return SecretError(text, hint="the token of the remote is not accepted", key=key)
    if status == 404:
        return ObjectNotFoundError(text, key=key)
    if status == 429 or status >= 500 or reason in _BUSY:
        stops = options.stop_on_upload_limit and message.startswith("User rate limit exceeded")
        return FatalError(text, key=key) if stops else TemporaryError(text, key=key)
    if reason == "downloadQuotaExceeded" and options.stop_on_download_limit:
        return FatalError(text, key=key)
    if reason in _FULL:
        return FatalError(text, key=key) if options.stop_on_upload_limit else NoSpaceError(text, key=key)
    if reason == "cannotDownloadAbusiveFile":
        hint = "give the remote acknowledge_abuse = true to download it nonetheless"
        return PermissionDeniedError(text, hint=hint, key=key)
    if status == 403:
        return PermissionDeniedError(text, key=key)
    return StoreError(text, key=key)


def _said(content: bytes) -> tuple[str, str]:
    """Reason and message of an error of the API."""
    try:
        error = json.loads(content)["error"]
        reasons = error.get("errors") or [{}]
        return str(reasons[0].get("reason", "")), str(error.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return "", ""


def stream_upload(content: Source, size: int | None, mime_type: str, chunk: int, digests: Digests, key: str) -> Any:
    """Content for a resumable upload, as Google's library wants it."""
    from googleapiclient.http import MediaUpload

    kind = type("StreamUpload", (StreamUpload, MediaUpload), {})
    return kind(content, size, mime_type, chunk, digests, key)


class StreamUpload:
    """Content that is read one chunk ahead: so the last chunk is known for the last, and checked before it is sent."""

    def __init__(
        self, content: Source, size: int | None, mime_type: str, chunk: int, digests: Digests, key: str
    ) -> None:
        self._content = content
        self._digests = digests
        self._expected = size
        self._type = mime_type
        self._chunk = chunk
        self._key = key
        self._start = 0
        self._held = self._read()
        self._ahead = self._read()

    def chunksize(self) -> int:
        return self._chunk

    def mimetype(self) -> str:
        return self._type

    def resumable(self) -> bool:
        return True

    def has_stream(self) -> bool:
        return False

    def size(self) -> int | None:
        """The whole size, once it is known."""
        if self._ahead:
            return self._expected
        return self._start + len(self._held)

    def getbytes(self, begin: int, length: int) -> bytes:
        """The chunk that begins at `begin`: the one held, or the next. Raises IntegrityError for another size."""
        if begin == self._start + len(self._held) and self._ahead:
            self._start, self._held, self._ahead = begin, self._ahead, self._read()
        # A part of a chunk would be taken for the last one.
        if begin != self._start and (self._ahead or not self._start <= begin <= self._start + len(self._held)):
            raise TemporaryError("the upload cannot go on where the server wants it to", key=self._key)
        known = self._start + len(self._held) + len(self._ahead)
        over = self._expected is not None and known > self._expected
        short = self._expected is not None and not self._ahead and known < self._expected
        if over or short:
            words = f"expected {self._expected}, content {'goes on' if over else f'ended at {known}'}"
            raise IntegrityError(f"corrupted on transfer: sizes differ: {words}", key=self._key)
        if not self._ahead:
            self._digests.check(self._key)
        return self._held[begin - self._start :][:length]

    def _read(self) -> bytes:
        parts: list[bytes] = []
        wanted = self._chunk
        while wanted and (block := self._content.read(wanted)):
            parts.append(block)
            self._digests.update(block)
            wanted -= len(block)
        return b"".join(parts)
