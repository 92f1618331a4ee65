"""Content on its way to an S3 server in one request.

Every request carries the MD5 of its body, which the server checks before it keeps anything; only content of more than
`HELD` bytes whose MD5 nobody knows beforehand is proven afterwards, by the etag. The last block of a body is held back
until the content has ended where it should and its hashes are right: without it the server keeps nothing.
"""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from plait.model.errors import (
    AlreadyExistsError,
    IntegrityError,
    ObjectNotFoundError,
    PreconditionError,
)
from plait.model.items import Kind, Stat
from plait.stores.content import blocks
from plait.stores.hashes import Digests
from plait.stores.objects.metadata import MD5, PREFIX, md5_of_etag, md5_to_base64, plain_etag, quoted_etag
from plait.stores.objects.request import Request
from plait.stores.objects.wire import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from plait.stores.base import Outgoing, Source
    from plait.stores.objects.request import Answer, Client

Result = TypeVar("Result")

WHAT: Final = "failed to write"
HELD: Final = 4 << 20
"""Content of up to so many bytes is held in memory, so that its MD5 goes ahead of it."""


class Manner(msgspec.Struct, frozen=True):
    """How a store uploads.

    `headers` go with every object (metadata excepted), `secrets` with every part as well (SSE-C). `etag_is_md5`: the
    etag of an object in one part is its MD5; `multipart_etag`: that of one in parts the MD5 of their MD5s. `part_size`
    in bytes, at least; `most_parts`; `concurrency`: parts at once; `keep_parts`: leave them where an upload fails.
    `sends_md5`: bodies go with Content-MD5; `keeps_md5`: metadata hold an MD5 that the etag is not.
    """

    headers: Mapping[str, str]
    secrets: Mapping[str, str]
    etag_is_md5: bool
    multipart_etag: bool
    part_size: int
    most_parts: int
    concurrency: int
    keep_parts: bool
    sends_md5: bool
    keeps_md5: bool


class Target(msgspec.Struct, frozen=True):
    """What is written: the full key, the key as the caller knows it, its headers and conditions."""

    key: str
    shown: str
    headers: Mapping[str, str]
    how: Outgoing


def condition_headers(how: Outgoing) -> dict[str, str]:
    """The conditions of a write, as headers (RFC 9110, section 13.1)."""
    if how.if_absent:
        return {"if-none-match": "*"}
    if how.if_match is not None:
        return {"if-match": quoted_etag(how.if_match)}
    return {}


def put_small(client: Client, manner: Manner, target: Target, data: list[bytes]) -> Stat:
    """Writes content held in memory, after its hashes were checked."""
    digest = md5(usedforsecurity=False)
    digests = Digests(_other(target.how.hashes))
    for block in data:
        digest.update(block)
        digests.update(block)
    value = digest.hexdigest()
    _expect(target, "md5", value)
    digests.check(target.shown)
    headers = {**target.headers, **condition_headers(target.how)}
    if manner.sends_md5:
        headers["content-md5"] = md5_to_base64(value)
    if manner.keeps_md5 and not manner.etag_is_md5:
        headers[PREFIX + MD5] = md5_to_base64(value)
    request = Request(
        method="PUT",
        what=WHAT,
        key=target.key,
        shown=target.shown,
        headers=headers,
        body=data,
        repeatable=not condition_headers(target.how),
    )
    answer = conditional(target, lambda: client.call(request))
    return _stored(manner, target, answer, sum(map(len, data)), value)


def put_streamed(client: Client, manner: Manner, target: Target, content: Source, size: int) -> Stat:
    """Writes `size` bytes as they come, in one request."""
    headers = {**target.headers, **condition_headers(target.how)}
    known = target.how.hashes.get("md5")
    if known is not None and manner.sends_md5:
        headers["content-md5"] = md5_to_base64(known)
    digest = md5(usedforsecurity=False)
    stream = _Stream(target, content, size, digest.update)
    request = Request(
        method="PUT",
        what=WHAT,
        key=target.key,
        shown=target.shown,
        headers=headers,
        stream=stream.blocks(lambda: _expect(target, "md5", digest.hexdigest())),
        size=size,
        repeatable=False,
    )
    try:
        answer = conditional(target, lambda: client.call(request))
    except _SourceFailed as failure:
        raise failure.error from None
    return _stored(manner, target, answer, size, digest.hexdigest())


class _SourceFailed(Exception):  # noqa: N818  (a messenger, not an error of ours)
    """Carries what reading the content raised past the code that handles a broken connection."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class _Stream:
    """Content as a stream whose last block comes only once everything about it is right."""

    def __init__(self, target: Target, content: Source, size: int, update: Callable[[bytes], object]) -> None:
        self._target = target
        self._content = content
        self._size = size
        self._update = update

    def blocks(self, check: Callable[[], None]) -> Iterator[bytes]:
        """The blocks; `check` is asked before the last one is given."""
        digests = Digests(_other(self._target.how.hashes))
        held = b""
        try:
            for block in blocks(self._content, self._size, self._target.shown):
                self._update(block)
                digests.update(block)
                if held:
                    yield held
                held = block
            check()
            digests.check(self._target.shown)
        except (OSError, ProtocolError) as error:
            raise _SourceFailed(error) from None
        yield held


def _other(hashes: Mapping[str, str]) -> dict[str, str]:
    """The hashes without MD5, which is computed anyway."""
    return {name: value for name, value in hashes.items() if name != "md5"}


def _expect(target: Target, name: str, found: str) -> None:
    expected = target.how.hashes.get(name, found)
    if expected != found:
        raise IntegrityError(
            f"corrupted on transfer: {name} hashes differ: expected {expected}, got {found}", key=target.shown
        )


def conditional(target: Target, run: Callable[[], Result]) -> Result:
    """Runs a write, and names what its condition met."""
    try:
        return run()
    except PreconditionError:
        if target.how.if_absent:
            raise AlreadyExistsError("the object exists already", key=target.shown) from None
        raise PreconditionError("the stored object is another one than expected", key=target.shown) from None
    except ObjectNotFoundError:
        if target.how.if_match is not None:
            raise PreconditionError("the stored object is gone", key=target.shown) from None
        raise


def _stored(manner: Manner, target: Target, answer: Answer, size: int, value: str) -> Stat:
    etag = plain_etag(answer.headers.get("etag", ""))
    kept = md5_of_etag(etag) if manner.etag_is_md5 else None
    if kept is not None and kept != value:
        raise IntegrityError(
            f"corrupted on transfer: md5 hashes differ: source {value}, destination {kept}", key=target.shown
        )
    return Stat(
        Kind.FILE,
        size,
        modified=target.how.modified,
        etag=etag,
        hashes={"md5": value},
        metadata=target.how.metadata,
        content_type=target.headers.get("content-type"),
    )
