"""Writing to an S3 server that misbehaves: nothing is lost and nobody is misled."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, TypeVar

import pytest

from plait.model.errors import (
    AlreadyExistsError,
    IntegrityError,
    NotSupportedError,
    PermissionDeniedError,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.stores.base import Outgoing, PartHashes
from plait.testing.generators import as_source, content
from plait.testing.s3_stub import Seen, Stub, refusal, reply, uploading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plait.model.items import Stat
    from plait.stores.objects.store import S3Store


# Writing


def test_an_etag_that_is_another_hash_is_told(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, etag=f'"{"0" * 32}"')
    with pytest.raises(IntegrityError):
        store.write("key", as_source(b"abc"), 3)
    with pytest.raises(IntegrityError):
        store.write("key", as_source(b"a" * (5 << 20)), 5 << 20)


def test_a_lost_answer_to_a_write_is_unknown(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: None
    with pytest.raises(UnknownOutcomeError):
        store.write("key", as_source(b"abc"), 3)
    with pytest.raises(TemporaryError) as caught:
        store.stat("key")
    assert not isinstance(caught.value, UnknownOutcomeError)


@pytest.mark.parametrize("size", [100, 30 << 20])
def test_a_refusal_before_the_body_was_read_is_understood(stub: Stub, store: S3Store, size: int) -> None:
    stub.reads_bodies = False
    stub.closes_after = 1
    stub.answer = lambda _: refusal(403, "AccessDenied", connection="close")
    with pytest.raises((PermissionDeniedError, UnknownOutcomeError)):
        store.write("key", as_source(bytes(size)), size)


def test_a_body_goes_with_its_hash_and_length(stub: Stub, store: S3Store) -> None:
    data = content(1000)
    stub.answer = lambda seen: reply(200, etag=f'"{hashlib.md5(seen.body).hexdigest()}"')
    store.write("key.txt", as_source(data), 1000, Outgoing(modified=1_500_000_000_250_000_000))
    [seen] = stub.seen
    assert seen.body == data
    assert seen.headers["content-md5"]
    assert seen.headers["x-amz-meta-mtime"] == "1500000000.25"
    assert seen.headers["content-type"] == "text/plain; charset=utf-8"


def test_too_little_content_never_ends_the_body(stub: Stub, store: S3Store) -> None:
    for size in (3, 6 << 20):
        for data in (b"a" * (size - 1), b"a" * (size + 1)):
            with pytest.raises(IntegrityError):
                store.write("key", as_source(data), size)
    assert all(len(seen.body) < int(seen.headers["content-length"]) for seen in stub.seen)


class Failing:
    """Content whose reading fails as a disk does."""

    def read(self, size: int = -1, /) -> bytes:
        raise OSError(5, "Input/output error", str(size))


def test_an_error_of_the_source_is_the_sources(store: S3Store) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        store.write("key", Failing(), 10 << 20)
    with pytest.raises(OSError, match="Input/output error"):
        store.write("key", Failing(), 10)


T = TypeVar("T")

ETAG = f"{hashlib.md5(hashlib.md5(b'abc').digest()).hexdigest()}-1"


def commit(store: S3Store) -> Stat:
    partial = store.begin("key", 3)
    partial.write_part(0, as_source(b"abc"), 3)
    try:
        return partial.commit()
    finally:
        partial.abort()


def test_a_refusal_with_status_200_is_a_refusal(stub: Stub, store: S3Store) -> None:
    uploading(stub, lambda _: reply(200, b"<Error><Code>InternalError</Code><Message>Oops</Message></Error>"))
    with pytest.raises(TemporaryError, match="InternalError"):
        commit(store)
    assert [seen.method for seen in stub.seen] == ["POST", "PUT", "POST", "DELETE"]


def test_a_completion_without_an_answer_is_looked_up(stub: Stub, store: S3Store) -> None:
    uploading(stub, lambda _: None, reply(200, etag=f'"{ETAG}"'))
    assert commit(store).etag == ETAG
    assert [seen.method for seen in stub.seen] == ["POST", "PUT", "POST", "HEAD"]


def test_a_completion_that_cannot_be_looked_up_is_unknown(stub: Stub, store: S3Store) -> None:
    uploading(stub, lambda _: None, reply(404))
    with pytest.raises(UnknownOutcomeError):
        commit(store)


def test_parts_that_were_put_together_wrongly_are_told(stub: Stub, store: S3Store) -> None:
    body = f"<CompleteMultipartUploadResult><ETag>{'0' * 32}-1</ETag></CompleteMultipartUploadResult>"
    uploading(stub, lambda _: reply(200, body.encode()))
    with pytest.raises(IntegrityError):
        commit(store)


def test_a_part_that_fails_for_a_moment_is_sent_again(
    stub: Stub, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plait.stores.objects.multipart.FIRST_PAUSE", 0.01)
    data = content(40 << 20)
    parts: dict[int, bytes] = {}
    failed: set[str] = set()

    def answer(seen: Seen) -> bytes:
        if "uploads" in seen.query:
            return reply(200, b"<X><UploadId>id</UploadId></X>")
        if seen.method == "PUT":
            number = seen.query["partNumber"]
            if number not in failed:
                failed.add(number)
                return refusal(503, "SlowDown")
            parts[int(number)] = seen.body
            return reply(200, etag=f'"{hashlib.md5(seen.body).hexdigest()}"')
        return reply(200, b"<CompleteMultipartUploadResult/>")

    stub.answer = answer
    assert store.write("key", io.BytesIO(data), None).size == len(data)
    assert b"".join(parts[number] for number in sorted(parts)) == data


class InFile:
    """Content that says that it is three bytes of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = io.BytesIO(path.read_bytes())
        self.passed = 0

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(size)

    def pass_file(self, send: Callable[[int, int, int], T]) -> T:
        self.passed += 1
        with self._path.open("rb") as file:
            return send(file.fileno(), 0, 3)


def with_part_hashes(data: bytes, part_size: int = 5 << 20) -> Outgoing:
    value = hashlib.md5(data).hexdigest()
    return Outgoing(hashes={"md5": value}, part_hashes=PartHashes("md5", part_size, value, [value]))


def test_a_part_whose_hash_is_known_is_sent_from_its_file(stub: Stub, store: S3Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    uploading(stub, lambda _: reply(200, f"<X><ETag>{ETAG}</ETag></X>".encode()))
    content = InFile(tmp_path / "file")
    partial = store.begin("key", 3, with_part_hashes(b"abc"))
    partial.write_part(0, content, 3)
    partial.commit()
    assert content.passed == 1
    begun, part, _ = stub.seen
    assert part.body == b"abc"
    assert part.headers["content-md5"] == begun.headers["x-amz-meta-md5chksum"] == "kAFQmDzST7DWlj99KOF/cg=="


def test_hashes_of_other_parts_are_not_used(stub: Stub, store: S3Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    uploading(stub, lambda _: reply(200))
    content = InFile(tmp_path / "file")
    store.begin("key", 3, with_part_hashes(b"xyz", 6 << 20)).write_part(0, content, 3)
    assert content.passed == 0
    assert stub.seen[-1].headers["content-md5"] == "kAFQmDzST7DWlj99KOF/cg=="


def test_a_file_that_ends_while_it_is_sent_never_ends_the_body(stub: Stub, store: S3Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"ab")
    uploading(stub, lambda _: reply(200))
    partial = store.begin("key", 3, with_part_hashes(b"abc"))
    with pytest.raises(TemporaryError):
        partial.write_part(0, InFile(tmp_path / "file"), 3)


# Conditions


def test_conditions_that_are_ignored_are_found_out(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200)
    for how in (Outgoing(if_absent=True), Outgoing(if_match="e")):
        with pytest.raises(NotSupportedError):
            store.write("key", as_source(b"x"), 1, how)
    assert not any(seen.path.endswith("/key") for seen in stub.seen)
    assert stub.seen[-1].method == "DELETE"


def test_conditions_that_are_obeyed_are_used(stub: Stub, store: S3Store) -> None:
    held: set[str] = set()

    def answer(seen: Seen) -> bytes:
        if seen.method == "DELETE":
            held.discard(seen.path)
            return reply(204)
        if seen.path in held or "if-match" in seen.headers:
            return refusal(412, "PreconditionFailed")
        held.add(seen.path)
        return reply(200, etag='"e"')

    stub.answer = answer
    store.write("key", as_source(b"x"), 1, Outgoing(if_absent=True))
    with pytest.raises(AlreadyExistsError):
        store.write("key", as_source(b"x"), 1, Outgoing(if_absent=True))
    assert held == {"/bucket/key"}


# Deleting


def test_each_key_has_its_own_result(stub: Stub, store: S3Store) -> None:
    body = (
        b"<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>No</Message></Error>"
        b"<Error><Key>c</Key><Code>NoSuchKey</Code></Error></DeleteResult>"
    )
    stub.answer = lambda _: reply(200, body)
    results = {result.key: result.error for result in store.delete(["a", "b", "c"])}
    assert results["a"] is None
    assert isinstance(results["b"], PermissionDeniedError)
    assert results["c"] is None
    [seen] = stub.seen
    assert seen.headers["content-md5"]


def test_deletes_one_by_one_where_batches_are_unknown(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda seen: refusal(501, "NotImplemented") if seen.method == "POST" else reply(204)
    assert [result.error for result in store.delete(["a", "b"])] == [None, None]
    assert [seen.method for seen in stub.seen] == ["POST", "DELETE", "DELETE"]
    assert [result.error for result in store.delete(["c", "d"])] == [None, None]
    assert [seen.method for seen in stub.seen[3:]] == ["DELETE", "DELETE"]
