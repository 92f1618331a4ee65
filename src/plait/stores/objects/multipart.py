"""Content on its way to an S3 server in parts: many at once, in any order, from several threads.

Source: Amazon S3 API Reference, "Uploading and copying objects using multipart upload". Each part goes with the MD5 of
its content; the object appears, whole, when the upload is completed.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import md5
from threading import BoundedSemaphore, Lock, Thread
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from plait.model.errors import (
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    Retry,
    StoreError,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.model.items import Kind, Stat
from plait.stores.base import PassesFile
from plait.stores.content import blocks
from plait.stores.content import part_size_for as stores_part_size_for
from plait.stores.hashes import Digests
from plait.stores.objects.failures import Refusal, error_of
from plait.stores.objects.metadata import md5_of_etag, md5_to_base64, plain_etag
from plait.stores.objects.notes import VERSION, UploadNote, hash_of
from plait.stores.objects.request import Request
from plait.stores.objects.upload import WHAT, Manner, Target, condition_headers, conditional, put_small
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import completion, parse, parse_parts, parse_uploads, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from xml.etree.ElementTree import Element

    from plait.stores.base import Source
    from plait.stores.objects.notes import HeldNote
    from plait.stores.objects.request import Answer, Client
    from plait.stores.objects.xml import Upload, Uploaded

Result = TypeVar("Result")

STREAMED_PART: Final = 16 << 20
"""Bytes of a part, at least, where the size is not known: 10,000 of them are 156 GiB."""
PART_TRIES: Final = 5
FIRST_PAUSE: Final = 0.2


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
    return stores_part_size_for(size, manner.part_size, manner.most_parts)


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
        self.identifier = identifier
        self._lock = Lock()
        self._parts: dict[int, _Part] = {}
        self._over = False
        self._note: HeldNote | None = None
        self.written: Sequence[tuple[int, int]] = ()

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

    @classmethod
    def begin_or_go_on(
        cls, client: Client, manner: Manner, target: Target, size: int, part_size: int, note: HeldNote | None
    ) -> PartialUpload:
        """Goes on with the upload that a note tells of, where it was for the same; else begins one and notes it.

        Raises the catalogue's errors; the note is let go of then.
        """
        if note is None or target.how.part_hashes is None:
            return cls.begin(client, manner, target, size, part_size)
        content = target.how.part_hashes.whole
        try:
            wanted = UploadNote(VERSION, "", part_size, hash_of(target.headers), content)
            if note.known is not None and msgspec.structs.replace(note.known, identifier="") == wanted:
                upload = cls(client, manner, target, size, part_size, note.known.identifier)
                if upload.goes_on(note):
                    return upload
            upload = cls.begin(client, manner, target, size, part_size)
            upload.noted(note, wanted)
        except BaseException:
            note.release()
            raise
        return upload

    def noted(self, note: HeldNote, wanted: UploadNote) -> None:
        """Notes what the upload is, so that another run may go on with it."""
        self._note = note
        try:
            note.write(msgspec.structs.replace(wanted, identifier=self.identifier))
        except OSError:
            # Without a note, the upload is begun anew another time.
            self._note = None
            note.forget()

    def goes_on(self, note: HeldNote) -> bool:
        """Takes over the parts that are what the source has; False where the upload is over."""
        try:
            found = self.remember()
        except ObjectNotFoundError:
            return False
        self._note = note
        self.written = [(offset, length) for offset, length in found if self._is_the_sources(offset)]
        numbers = {offset // self._part_size + 1 for offset, _ in self.written}
        self._parts = {number: part for number, part in self._parts.items() if number in numbers}
        return True

    def _is_the_sources(self, offset: int) -> bool:
        number = offset // self._part_size + 1
        return self._parts[number].md5 == self._known(number - 1)

    def remember(self) -> list[tuple[int, int]]:
        """Takes over the whole parts that the server has already; gives their offsets and lengths in bytes.

        Only parts whose etag is the MD5 of their content are taken: others cannot be told from wrong ones.
        """
        found = []
        for part in uploaded_parts(self._client, self._target.key, self.identifier, self._manner.secrets):
            offset = (part.number - 1) * self._part_size
            whole = self._size is not None and part.size == min(self._part_size, self._size - offset)
            value = md5_of_etag(plain_etag(part.etag)) if self._manner.etag_is_md5 else None
            if whole and value is not None:
                self._parts[part.number] = _Part(part.etag, part.size, bytes.fromhex(value))
                found.append((offset, part.size))
        return found

    @property
    def part_size(self) -> int:
        """Bytes of every part but the last."""
        return self._part_size

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """Sends `length` bytes that stand at `offset`; may be repeated."""
        known = self._known(offset // self._part_size)
        if known is not None and isinstance(content, PassesFile):
            content.pass_file(lambda *file: self._put(offset, length, known, file=file))
        else:
            self.send(offset, list(blocks(content, length, self._target.shown)))

    def send(self, offset: int, data: list[bytes]) -> None:
        """Sends one part held in memory."""
        digest = md5(usedforsecurity=False)
        for block in data:
            digest.update(block)
        self._put(offset, sum(map(len, data)), digest.digest(), data)

    def _known(self, index: int) -> bytes | None:
        """The MD5 of a part, where it was given beforehand and the server will compare it."""
        hashes = self._target.how.part_hashes
        if hashes is None or hashes.name != "md5" or hashes.part_size != self._part_size or not self._manner.sends_md5:
            return None
        return bytes.fromhex(hashes.parts[index])

    def _put(
        self,
        offset: int,
        length: int,
        digest: bytes,
        data: Sequence[bytes] = (),
        file: tuple[int, int, int] | None = None,
    ) -> None:
        headers = dict(self._manner.secrets)
        if self._manner.sends_md5:
            headers["content-md5"] = md5_to_base64(digest.hex())
        number = offset // self._part_size + 1
        if number > self._manner.most_parts:
            raise NotSupportedError(
                f"{WHAT}: content needs more than {self._manner.most_parts} parts",
                hint="raise the option chunk_size",
                key=self._target.shown,
            )
        if file is not None and file[2] != length:
            raise IntegrityError(f"a part of {file[2]} of {length} bytes was read", key=self._target.shown)
        query = (("partNumber", str(number)), ("uploadId", self.identifier))
        request = self._request("PUT", query, headers, data, file)
        answer = self._client.call(request)
        etag = answer.headers.get("etag")
        if not etag:
            raise IntegrityError(f"{WHAT}: the server names no etag for a part", key=self._target.shown)
        with self._lock:
            self._parts[number] = _Part(etag, length, digest)

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
            (("uploadId", self.identifier),),
            {**condition_headers(self._target.how), **self._manner.secrets},
            [completion((number, part.etag) for number, part in parts)],
        )
        try:
            found = conditional(self._target, lambda: self._completed(request))
        except UnknownOutcomeError:
            found = self._settled(etag)
        self._ended()
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
            self._released()
            return
        self._ended()
        request = self._request("DELETE", (("uploadId", self.identifier),), {}, [])
        # The error that led here matters more than one that is met now.
        with suppress(PlaitError):
            _patiently(lambda: self._client.call(request))

    def suspend(self) -> None:
        """Leaves the parts to the next run where there is a note of them; else forgets them."""
        if self._note is None or not self._parts or self._over:
            self.abort()
            return
        self._over = True
        self._released()

    def _ended(self) -> None:
        self._over = True
        if self._note is not None:
            self._note.forget()

    def _released(self) -> None:
        if self._note is not None:
            self._note.release()

    def _request(
        self,
        method: str,
        query: tuple[tuple[str, str], ...],
        headers: Mapping[str, str],
        data: Sequence[bytes],
        file: tuple[int, int, int] | None = None,
    ) -> Request:
        return Request(
            method=method,
            what=WHAT,
            key=self._target.key,
            shown=self._target.shown,
            query=query,
            headers=headers,
            body=data,
            file=file,
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


def uploads_under_way(client: Client, prefix: str) -> Iterator[Upload]:
    """The uploads whose full key begins with `prefix` and that were neither completed nor aborted."""
    markers: tuple[str, str] | None = None
    while True:
        query = [("uploads", ""), ("prefix", prefix), ("encoding-type", "url")]
        if markers is not None:
            query += [("key-marker", markers[0]), ("upload-id-marker", markers[1])]
        answer = client.call(Request(method="GET", what="failed to list uploads", query=query, harmless=True))
        uploads, following = _understood(answer, parse_uploads)
        yield from (upload for upload in uploads if upload.key.startswith(prefix))
        if following is None or following == markers:
            return
        markers = following


def uploaded_parts(client: Client, key: str, identifier: str, headers: Mapping[str, str]) -> Iterator[Uploaded]:
    """The parts of an upload that the server has. Raises ObjectNotFoundError where there is no such upload."""
    marker: str | None = None
    while True:
        query = [("uploadId", identifier)]
        if marker is not None:
            query.append(("part-number-marker", marker))
        answer = client.call(
            Request(method="GET", what="failed to list parts", key=key, query=query, headers=headers, harmless=True)
        )
        parts, following = _understood(answer, parse_parts)
        yield from parts
        if following is None or following == marker:
            return
        marker = following


def _understood(answer: Answer, read: Callable[[bytes], Result]) -> Result:
    try:
        return read(answer.document)
    except ProtocolError as error:
        raise StoreError(f"failed to list uploads: {error}") from None


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
        size = self._upload._size  # noqa: SLF001  (one upload, two classes)
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
