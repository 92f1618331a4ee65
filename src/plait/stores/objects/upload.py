"""Content on its way to an S3 server: in one request, or in parts.

Every request carries the MD5 of its body, which the server checks before it keeps anything; only content of more than
`HELD` bytes whose MD5 nobody knows beforehand is proven afterwards, by the etag. The last block of a body is held back
until the content has ended where it should and its hashes are right: without it the server keeps nothing.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import md5
from threading import BoundedSemaphore, Lock, Thread
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from plait.model.errors import (
    AlreadyExistsError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    PreconditionError,
    Retry,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.model.items import Kind, Stat
from plait.stores.content import blocks
from plait.stores.hashes import Digests
from plait.stores.objects.failures import Refusal, error_of
from plait.stores.objects.metadata import MD5, PREFIX, md5_of_etag, md5_to_base64, plain_etag, quoted_etag
from plait.stores.objects.request import Request
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import completion, parse, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from xml.etree.ElementTree import Element

    from plait.stores.base import Outgoing, Source
    from plait.stores.objects.request import Answer, Client

Result = TypeVar("Result")

WHAT: Final = "failed to write"
HELD: Final = 4 << 20
"""Content of up to so many bytes is held in memory, so that its MD5 goes ahead of it."""
STREAMED_PART: Final = 16 << 20
"""Bytes of a part, at least, where the size is not known: 10,000 of them are 156 GiB."""
PART_TRIES: Final = 5
FIRST_PAUSE: Final = 0.2


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
    answer = _conditional(target, lambda: client.call(request))
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
        answer = _conditional(target, lambda: client.call(request))
    except _SourceFailed as failure:
        raise failure.error from None
    return _stored(manner, target, answer, size, digest.hexdigest())


def put_in_parts(client: Client, manner: Manner, target: Target, content: Source, size: int | None) -> Stat:
    """Writes content of any size in parts, `concurrency` of them at once; in one request where it is short."""
    part_size = part_size_for(manner, size)
    first = _take(content, part_size)
    if size is None and sum(map(len, first)) < part_size:
        return put_small(client, manner, target, first)
    upload = PartialUpload.begin(client, manner, target, size, part_size)
    try:
        _Crew(upload, manner.concurrency).send(content, first)
        return upload.commit()
    except BaseException:
        upload.abort()
        raise


def part_size_for(manner: Manner, size: int | None) -> int:
    """Bytes of every part but the last: a whole number of MiB, so that `most_parts` suffice."""
    if size is None:
        return max(manner.part_size, STREAMED_PART)
    least = -(-size // manner.most_parts)
    return max(manner.part_size, -(-least // (1 << 20)) << 20)


class PartialUpload:
    """A multipart upload under way; parts may come in any order and from several threads.

    `size` None: whatever the parts add up to.
    """

    def __init__(
        self, client: Client, manner: Manner, target: Target, size: int | None, part_size: int, identifier: str
    ) -> None:
        self._client = client
        self._manner = manner
        self._target = target
        self._size = size
        self._part_size = part_size
        self._identifier = identifier
        self._lock = Lock()
        self._parts: dict[int, _Part] = {}
        self._over = False

    @classmethod
    def begin(cls, client: Client, manner: Manner, target: Target, size: int | None, part_size: int) -> PartialUpload:
        """Begins an upload. Raises the catalogue's errors."""
        request = Request(
            method="POST",
            what=WHAT,
            key=target.key,
            shown=target.shown,
            query=(("uploads", ""),),
            headers=target.headers,
            repeatable=False,
        )
        identifier = _text_of(client.call(request), "UploadId", target)
        return cls(client, manner, target, size, part_size, identifier)

    @property
    def part_size(self) -> int:
        """Bytes of every part but the last."""
        return self._part_size

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """Sends `length` bytes that stand at `offset`; may be repeated."""
        self.send(offset, list(blocks(content, length, self._target.shown)))

    def send(self, offset: int, data: list[bytes]) -> None:
        """Sends one part held in memory."""
        digest = md5(usedforsecurity=False)
        for block in data:
            digest.update(block)
        headers = dict(self._manner.secrets)
        if self._manner.sends_md5:
            headers["content-md5"] = md5_to_base64(digest.hexdigest())
        number = offset // self._part_size + 1
        if number > self._manner.most_parts:
            raise NotSupportedError(
                f"{WHAT}: content needs more than {self._manner.most_parts} parts",
                hint="raise the option chunk_size",
                key=self._target.shown,
            )
        request = self._request("PUT", (("partNumber", str(number)), ("uploadId", self._identifier)), headers, data)
        answer = self._client.call(request)
        etag = answer.headers.get("etag")
        if not etag:
            raise IntegrityError(f"{WHAT}: the server names no etag for a part", key=self._target.shown)
        with self._lock:
            self._parts[number] = _Part(etag, sum(map(len, data)), digest.digest())

    def commit(self) -> Stat:
        """Completes the upload. Raises IntegrityError where parts are missing, and what conditions demand."""
        parts = sorted(self._parts.items())
        size = sum(part.size for _, part in parts)
        if (self._size is not None and size != self._size) or [number for number, _ in parts] != list(
            range(1, len(parts) + 1)
        ):
            raise IntegrityError(f"parts of {size} of {self._size} bytes were written", key=self._target.shown)
        etag = f"{md5(b''.join(part.md5 for _, part in parts), usedforsecurity=False).hexdigest()}-{len(parts)}"
        request = self._request(
            "POST",
            (("uploadId", self._identifier),),
            {**condition_headers(self._target.how), **self._manner.secrets},
            [completion((number, part.etag) for number, part in parts)],
        )
        try:
            found = _conditional(self._target, lambda: self._completed(request))
        except UnknownOutcomeError:
            found = self._settled(etag)
        self._over = True
        checked = self._manner.multipart_etag and self._manner.etag_is_md5
        if checked and found is not None and found.lower() != etag:
            raise IntegrityError(
                f"multipart upload corrupted: etags differ: expected {etag}, got {found}", key=self._target.shown
            )
        known = self._target.how.hashes.get("md5")
        return Stat(
            Kind.FILE,
            size,
            modified=self._target.how.modified,
            etag=found,
            hashes={"md5": known} if known is not None else {},
            metadata=self._target.how.metadata,
            content_type=self._target.headers.get("content-type"),
        )

    def abort(self) -> None:
        """Forgets the parts, as far as the server can be told; repeated calls and one after `commit` do nothing."""
        if self._over or self._manner.keep_parts:
            return
        self._over = True
        request = self._request("DELETE", (("uploadId", self._identifier),), {}, [])
        # The error that led here matters more than one that is met now.
        with suppress(PlaitError):
            _patiently(lambda: self._client.call(request))

    def _request(
        self, method: str, query: tuple[tuple[str, str], ...], headers: Mapping[str, str], data: list[bytes]
    ) -> Request:
        return Request(
            method=method,
            what=WHAT,
            key=self._target.key,
            shown=self._target.shown,
            query=query,
            headers=headers,
            body=data,
            repeatable=method != "POST",
        )

    def _completed(self, request: Request) -> str | None:
        """Completes, and gives the etag. A refusal may come with status 200, after the headers were sent."""
        answer = self._client.call(request)
        root = _parsed(answer, self._target)
        if root.tag == "Error":
            raise error_of(Refusal(500, text(root, "Code"), text(root, "Message")), WHAT, self._target.shown)
        return plain_etag(text(root, "ETag"))

    def _settled(self, etag: str) -> str:
        """Looks whether a completion without an answer took effect; raises UnknownOutcomeError where it cannot tell."""
        from plait.stores.objects.reading import head

        try:
            stat = head(self._client, self._target.key, self._target.shown, self._manner.secrets, etag_is_md5=False)
        except PlaitError:
            stat = None
        if stat is None or stat.etag is None or stat.etag.lower() != etag:
            raise UnknownOutcomeError(f"{WHAT}: the server did not answer in time", key=self._target.shown)
        return stat.etag


class _Part(msgspec.Struct, frozen=True):
    etag: str
    size: int
    md5: bytes


class _Crew:
    """Sends parts on daemon threads while the caller's thread reads the next ones."""

    def __init__(self, upload: PartialUpload, concurrency: int) -> None:
        self._upload = upload
        self._free = BoundedSemaphore(concurrency)
        self._threads: list[Thread] = []
        self._error: BaseException | None = None

    def send(self, content: Source, first: list[bytes]) -> None:
        """Reads `content` to its end after `first`, and returns once every part is sent and every hash is right."""
        target = self._upload._target  # noqa: SLF001  (one upload, two classes)
        size = self._upload._size  # noqa: SLF001
        digests = Digests(target.how.hashes)
        offset = 0
        try:
            data = first
            while data and self._error is None:
                for block in data:
                    digests.update(block)
                self._start(offset, data)
                offset += sum(map(len, data))
                if size is not None and offset >= size:
                    break
                data = _take(content, self._upload.part_size)
        finally:
            for thread in self._threads:
                thread.join()
        if self._error is not None:
            raise self._error
        if size is not None and (offset != size or content.read(1)):
            found = f"content ended at {offset}" if offset < size else "content goes on"
            raise IntegrityError(f"corrupted on transfer: sizes differ: expected {size}, {found}", key=target.shown)
        digests.check(target.shown)

    def _start(self, offset: int, data: list[bytes]) -> None:
        self._free.acquire()
        thread = Thread(target=self._run, args=(offset, data), name="s3-part", daemon=True)
        self._threads = [running for running in self._threads if running.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _run(self, offset: int, data: list[bytes]) -> None:
        try:
            # The caller's content cannot be read again, so a part is repeated here.
            _patiently(lambda: self._upload.send(offset, data), lambda: self._error is not None)
        except BaseException as error:  # noqa: BLE001  (handed to the caller's thread)
            self._error = self._error or error
        finally:
            self._free.release()


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


def _patiently(run: Callable[[], object], given_up: Callable[[], bool] = lambda: False) -> None:
    """Runs what may be repeated, again after a pause where it failed in passing."""
    import time

    for attempt in range(PART_TRIES):
        try:
            run()
        except PlaitError as error:
            if error.retry is not Retry.SOON or attempt + 1 == PART_TRIES or given_up():
                raise
            asked = error.retry_after if isinstance(error, TemporaryError) else None
            time.sleep(asked or FIRST_PAUSE * 2**attempt)
        else:
            return


def _take(content: Source, size: int) -> list[bytes]:
    """The next `size` bytes of content, fewer at its end."""
    data: list[bytes] = []
    while size and (block := content.read(min(size, 1 << 20))):
        data.append(block)
        size -= len(block)
    return data


def _other(hashes: Mapping[str, str]) -> dict[str, str]:
    """The hashes without MD5, which is computed anyway."""
    return {name: value for name, value in hashes.items() if name != "md5"}


def _expect(target: Target, name: str, found: str) -> None:
    expected = target.how.hashes.get(name, found)
    if expected != found:
        raise IntegrityError(
            f"corrupted on transfer: {name} hashes differ: expected {expected}, got {found}", key=target.shown
        )


def _conditional(target: Target, run: Callable[[], Result]) -> Result:
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


def _parsed(answer: Answer, target: Target) -> Element:
    try:
        return parse(answer.document)
    except ProtocolError as error:
        raise UnknownOutcomeError(f"{WHAT}: {error}", key=target.shown) from None


def _text_of(answer: Answer, name: str, target: Target) -> str:
    found = text(_parsed(answer, target), name)
    if not found:
        raise UnknownOutcomeError(f"{WHAT}: the answer has no {name}", key=target.shown)
    return found
