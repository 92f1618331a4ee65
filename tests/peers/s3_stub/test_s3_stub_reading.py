"""Reading from an S3 server that misbehaves: nothing hangs and nobody is misled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.model.errors import (
    SourceChangedError,
    StoreError,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.model.items import Kind, Stat
from plait.stores.hashing import CombinedHash
from plait.testing.generators import as_source
from plait.testing.s3_stub import Stub, refusal, reply

if TYPE_CHECKING:
    from plait.stores.objects.store import S3Store


def ranged(body: bytes, first: int, last: int, total: int, status: int = 206) -> bytes:
    return reply(status, body, content_range=f"bytes {first}-{last}/{total}", etag='"e"')


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b"0123456789"),
        reply(206, b"234"),
        ranged(b"012", 0, 2, 10),
        ranged(b"2345", 2, 5, 10),
        ranged(b"23", 2, 3, 10),
        ranged(b"23", 2, 4, 10),
        ranged(b"345", 3, 5, 10, 200),
        reply(206, b"234", content_range="nonsense"),
    ],
)
def test_a_range_that_was_not_asked_for_is_refused(stub: Stub, store: S3Store, answer: bytes) -> None:
    stub.answer = lambda _: answer
    with pytest.raises(TemporaryError, match="another range"):
        store.read("key", 2, 3).read()
    assert stub.seen[0].headers["range"] == "bytes=2-4"


def test_a_range_with_status_200_is_taken_by_what_it_is(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: ranged(b"234", 2, 4, 10, 200)
    with store.read("key", 2, 3) as reader:
        assert reader.read() == b"234"
        assert reader.stat.size == 10


@pytest.mark.parametrize("sent", [b"", b"01234"])
def test_a_body_that_ends_early_is_a_passing_fault(stub: Stub, store: S3Store, sent: bytes) -> None:
    stub.closes_after = 1
    stub.answer = lambda _: reply(200, sent, content_length="10")
    with store.read("key") as reader, pytest.raises(TemporaryError):
        reader.read()


def test_a_stalled_body_ends_within_the_deadline(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, b"01234", content_length="10")
    with store.read("key") as reader:
        with pytest.raises(UnknownOutcomeError):
            reader.read()
        with pytest.raises(TemporaryError):
            reader.read(5)


def test_a_stalled_answer_ends_within_the_deadline(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: b""
    for call in (
        lambda: store.read("key"),
        lambda: store.stat("key"),
        lambda: list(store.list()),
        lambda: store.write("key", as_source(b"x"), 1),
    ):
        with pytest.raises(UnknownOutcomeError):
            call()


def test_a_server_that_stops_reading_ends_within_the_deadline(stub: Stub, store: S3Store) -> None:
    stub.reads_bodies = False
    stub.answer = lambda _: b""
    size = 64 << 20
    with pytest.raises(UnknownOutcomeError):
        store.write("key", as_source(bytes(size)), size)


def test_reads_chunks(stub: Stub, store: S3Store) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: y\r\n\r\n"
    stub.answer = lambda _: chunked
    for _ in range(2):
        with store.read("key") as reader:
            assert reader.read() == b"abcde"
    assert stub.connections == 1


@pytest.mark.parametrize(
    "rest", [b"zz\r\nabc", b"\r\n", b"3\r\nabcX\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"-3\r\nabc\r\n", b"3\r\nab"]
)
def test_broken_chunks_are_a_passing_fault(stub: Stub, store: S3Store, rest: bytes) -> None:
    stub.closes_after = 1
    stub.answer = lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest
    with pytest.raises(TemporaryError):
        store.read("key").read()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_what_is_not_http_is_a_passing_fault(stub: Stub, store: S3Store, answer: bytes) -> None:
    stub.closes_after = 1
    stub.answer = lambda _: answer
    with pytest.raises(TemporaryError):
        store.read("key").read()


def test_an_interim_answer_is_not_the_answer(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: b"HTTP/1.1 100 Continue\r\n\r\n" + reply(200, b"abc")
    with store.read("key") as reader:
        assert reader.read() == b"abc"


def test_an_answer_larger_than_its_bound_is_refused(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, b"x", content_length=str(1 << 40))
    with pytest.raises((StoreError, TemporaryError)):
        list(store.list())


def test_a_changed_object_is_told(stub: Stub, store: S3Store) -> None:
    expected = Stat(Kind.FILE, 3, etag="old")
    stub.answer = lambda _: refusal(412, "PreconditionFailed")
    with pytest.raises(SourceChangedError):
        store.read("key", expected=expected)
    assert stub.seen[0].headers["if-match"] == '"old"'
    stub.answer = lambda _: reply(200, b"abc", etag='"new"')
    with pytest.raises(SourceChangedError):
        store.read("key", expected=expected)


@pytest.mark.parametrize("answer", [reply(501), reply(200, content_length=str(64 << 20))])
def test_parts_of_a_usual_size_are_guessed_where_the_server_does_not_tell(
    stub: Stub, store: S3Store, answer: bytes
) -> None:
    stub.answer = lambda _: answer
    etag = "0123456789abcdef" * 2
    found = store.combined_hash("key", Stat(Kind.FILE, 64 << 20, etag=f"{etag}-8"))
    assert found == CombinedHash("md5", 8 << 20, etag)
    assert store.combined_hash("key", Stat(Kind.FILE, 64 << 20, etag=f"{etag}-9")) is None
    assert [seen.query for seen in stub.seen] == 2 * [{"partNumber": "1"}]
