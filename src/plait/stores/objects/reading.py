"""Content on its way from an S3 server: checked against what was asked for, and against what was listed."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from plait.model.closing import Closing
from plait.model.errors import ObjectNotFoundError, PreconditionError, SourceChangedError, TemporaryError
from plait.stores.content import check_expected
from plait.stores.objects.failures import error_of_exchange
from plait.stores.objects.metadata import quoted_etag, stat_of
from plait.stores.objects.request import Request
from plait.stores.objects.wire import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.model.errors import PlaitError
    from plait.model.items import Stat
    from plait.stores.objects.request import Answer, Client, Exchange

T = TypeVar("T")

WHAT: Final = "failed to read"
BLOCK: Final = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_PARTIAL: Final = 206
_NO_SUCH_RANGE: Final = 416


class Wanted(msgspec.Struct, frozen=True):
    """A range of an object: its full key, the key as the caller knows it, where to begin, how long (None: to the end),
    what the object is expected to be, and which version of it is meant (None: the newest).
    """

    key: str
    shown: str
    offset: int = 0
    length: int | None = None
    expected: Stat | None = None
    version: str | None = None


class ObjectReader(Closing):
    """Content being received, in order."""

    def __init__(self, exchange: Exchange | None, stat: Stat, key: str) -> None:
        self.stat = stat
        self._exchange = exchange
        self._key = key
        self._error: PlaitError | None = None

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, at least one before the end; all that is left for -1."""
        if self._exchange is None or size == 0:
            return self._at_end(b"")
        if size < 0:
            blocks = []
            while block := self.read(BLOCK):
                blocks.append(block)
            return b"".join(blocks)
        body = self._exchange.response.body
        try:
            data = body.read(size)
        except (OSError, ProtocolError) as error:
            raise self._broken(error) from None
        if body.ended:
            self.close()
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As `read`, straight into a writable buffer; the number of bytes, 0 at the end."""
        if self._exchange is None:
            return self._at_end(0)
        body = self._exchange.response.body
        try:
            count = body.readinto(buffer)
        except (OSError, ProtocolError) as error:
            raise self._broken(error) from None
        if body.ended:
            self.close()
        return count

    def pass_pipe(self, size: int, take: Callable[[int, int], None]) -> int:
        """See `plait.stores.base.PassesPipe`."""
        exchange = self._exchange
        if exchange is None:
            return self._at_end(0)
        response = exchange.response
        try:
            end, count = response.body.fill_pipe(size)
        except (OSError, ProtocolError) as error:
            raise self._broken(error) from None
        if count:
            try:
                take(end, count)
            except BaseException:
                # What is left in the pipe is nobody's.
                response.lasting = False
                raise
        if response.body.ended:
            self.close()
        return count

    def close(self) -> None:
        """Frees the connection; repeated calls do nothing."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.finish()

    def _broken(self, error: Exception) -> PlaitError:
        self.close()
        self._error = error_of_exchange(error, WHAT, harmless=True, key=self._key)
        return self._error

    def _at_end(self, nothing: T) -> T:
        """What broke stays broken: an end is told only where there is one."""
        if self._error is not None:
            raise self._error
        return nothing


def version_query(version: str | None) -> tuple[tuple[str, str], ...]:
    """The query that asks for a version of an object, none for the newest."""
    return () if version is None else (("versionId", version),)


def head(
    client: Client, key: str, shown: str, headers: Mapping[str, str], *, etag_is_md5: bool, version: str | None = None
) -> Stat:
    """The stat of an object. Raises ObjectNotFoundError, and the catalogue's other errors."""
    return stat_of_head(head_of(client, key, shown, headers, version), etag_is_md5=etag_is_md5)


def head_of(client: Client, key: str, shown: str, headers: Mapping[str, str], version: str | None = None) -> Answer:
    """The answer to HEAD for an object. Raises ObjectNotFoundError, and the catalogue's other errors."""
    request = Request(
        method="HEAD",
        what="failed to read metadata",
        key=key,
        shown=shown,
        query=version_query(version),
        headers=headers,
        harmless=True,
        accepted=(405,),
    )
    answer = client.call(request)
    if answer.status == 405:
        raise ObjectNotFoundError("object not found", key=shown)
    return answer


def stat_of_head(answer: Answer, *, etag_is_md5: bool) -> Stat:
    """What an answer to HEAD says of its object."""
    length = answer.headers.get("content-length", "0")
    return stat_of(answer.headers, int(length) if length.isdigit() else None, etag_is_md5=etag_is_md5)


def open_reader(client: Client, wanted: Wanted, headers: Mapping[str, str], *, etag_is_md5: bool) -> ObjectReader:
    """Opens a range of an object. Raises ObjectNotFoundError, SourceChangedError, TemporaryError."""
    if wanted.length == 0:
        return _empty(client, wanted, headers, etag_is_md5=etag_is_md5)
    ranged = wanted.offset > 0 or wanted.length is not None
    asked = dict(headers)
    if ranged:
        end = "" if wanted.length is None else str(wanted.offset + wanted.length - 1)
        asked["range"] = f"bytes={wanted.offset}-{end}"
    if wanted.expected is not None and wanted.expected.etag is not None:
        asked["if-match"] = quoted_etag(wanted.expected.etag)
    request = Request(
        method="GET",
        what=WHAT,
        key=wanted.key,
        shown=wanted.shown,
        query=version_query(wanted.version),
        headers=asked,
        harmless=True,
        content=True,
        accepted=(405, _NO_SUCH_RANGE),
    )
    try:
        exchange = client.open(request)
    except PreconditionError:
        raise SourceChangedError("can't copy - source file is being updated (etag changed)", key=wanted.shown) from None
    try:
        return _checked(client, exchange, wanted, headers, etag_is_md5=etag_is_md5)
    except BaseException:
        exchange.finish()
        raise


def _checked(
    client: Client, exchange: Exchange, wanted: Wanted, headers: Mapping[str, str], *, etag_is_md5: bool
) -> ObjectReader:
    response = exchange.response
    if response.status == 405:
        raise ObjectNotFoundError("object not found", key=wanted.shown)
    if response.status == _NO_SUCH_RANGE:
        with suppress(OSError, ProtocolError):
            response.body.drain()
        exchange.finish()
        return _empty(client, wanted, headers, etag_is_md5=etag_is_md5)
    size = _size(exchange, wanted)
    stat = stat_of(response.headers, size, etag_is_md5=etag_is_md5)
    check_expected(wanted.expected, stat, wanted.shown)
    return ObjectReader(exchange, stat, wanted.shown)


def _size(exchange: Exchange, wanted: Wanted) -> int | None:
    """The whole object's size; raises TemporaryError where the answer is not the range that was asked for."""
    response = exchange.response
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    length = response.body.length
    if found is None:
        whole = response.status != _PARTIAL and wanted.offset == 0
        if whole and (wanted.length is None or (length is not None and length <= wanted.length)):
            return length
        raise TemporaryError(f"{WHAT}: the server sent another range than was asked for", key=wanted.shown)
    # Some servers answer a range with status 200.
    first, last, total = (int(number) for number in found.groups())
    end = total if wanted.length is None else min(wanted.offset + wanted.length, total)
    if first != wanted.offset or last != end - 1 or length not in {None, last - first + 1}:
        raise TemporaryError(f"{WHAT}: the server sent another range than was asked for", key=wanted.shown)
    return total


def _empty(client: Client, wanted: Wanted, headers: Mapping[str, str], *, etag_is_md5: bool) -> ObjectReader:
    stat = head(client, wanted.key, wanted.shown, headers, etag_is_md5=etag_is_md5, version=wanted.version)
    check_expected(wanted.expected, stat, wanted.shown)
    if wanted.length != 0 and stat.size is not None and stat.size > wanted.offset:
        raise TemporaryError(f"{WHAT}: the server has no such range of the object", key=wanted.shown)
    return ObjectReader(None, stat, wanted.shown)
