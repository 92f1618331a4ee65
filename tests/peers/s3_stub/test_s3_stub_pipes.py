"""Content from an S3 server straight into a file: through a pipe of the connection's own, without a copy in between."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import IntegrityError, NoSpaceError, TemporaryError
from plait.stores.base import Outgoing, PassesPipe
from plait.stores.local import LocalStore
from plait.stores.pipe import empty_into
from plait.stores.wrappers.retry import RetryPolicy, retrying
from plait.testing.s3_stub import Stub, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plait.stores.objects.store import S3Store

SIZES = [1, 5, 70_000, 3_000_000]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalStore]:
    store = LocalStore(str(tmp_path))
    yield store
    store.close()


def carry(source: S3Store, local: LocalStore, size: int) -> bytes:
    """What stands there once an object of so many bytes was written as one part."""
    partial = local.begin("key", size, Outgoing())
    try:
        with source.read("key") as reader:
            partial.write_part(0, reader, size)
        partial.commit()
    finally:
        partial.abort()
    with local.read("key") as written:
        return written.read()


@pytest.mark.parametrize("size", SIZES)
def test_content_arrives_whole_and_its_connection_is_used_again(
    stub: Stub, store: S3Store, local: LocalStore, size: int
) -> None:
    data = os.urandom(size)
    stub.answer = lambda _: reply(200, data)
    assert carry(store, local, size) == carry(store, local, size) == data
    assert stub.connections == 1


def test_content_in_chunks_is_read(stub: Stub, store: S3Store, local: LocalStore) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    stub.answer = lambda _: head + b"3\r\n012\r\n2\r\n34\r\n0\r\n\r\n"
    assert carry(store, local, 5) == b"01234"


@pytest.mark.parametrize("size", SIZES[1:])
def test_content_that_ends_early_is_a_passing_fault(stub: Stub, store: S3Store, local: LocalStore, size: int) -> None:
    stub.closes_after = 1
    stub.answer = lambda _: reply(200, bytes(size - 1), content_length=str(size))
    with pytest.raises(TemporaryError):
        carry(store, local, size)


@pytest.mark.parametrize("announced", [4, 6])
def test_content_of_another_length_is_refused(stub: Stub, store: S3Store, local: LocalStore, announced: int) -> None:
    stub.answer = lambda _: reply(200, bytes(5))
    with pytest.raises(IntegrityError, match="content goes on" if announced < 5 else "content ended"):
        carry(store, local, announced)


def test_a_broken_reading_goes_on_where_it_was(stub: Stub, store: S3Store, local: LocalStore) -> None:
    data = os.urandom(1_000_000)
    half = len(data) // 2
    rest = reply(206, data[half:], content_range=f"bytes {half}-{len(data) - 1}/{len(data)}")
    answers = iter([reply(200, data[:half], content_length=str(len(data))), rest])
    stub.closes_after = 1
    stub.answer = lambda _: next(answers)
    patient = retrying(store, RetryPolicy(attempts=2), sleep=lambda _: None)
    partial = local.begin("key", len(data), Outgoing())
    with patient.read("key") as reader:
        partial.write_part(0, reader, len(data))
    partial.commit()
    with local.read("key") as written:
        assert written.read() == data
    assert [seen.headers.get("range") for seen in stub.seen] == [None, f"bytes={half}-"]


def test_what_could_not_be_written_does_not_stay_in_the_way(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, b"01234")

    def refuse(_end: int, _count: int) -> None:
        raise NoSpaceError("the disk is full")

    with store.read("key") as reader:
        assert isinstance(reader, PassesPipe)
        with pytest.raises(NoSpaceError):
            reader.pass_pipe(5, refuse)
    with store.read("key") as reader:
        assert reader.read() == b"01234"
    assert stub.connections == 2


def test_an_error_of_the_file_is_not_one_of_the_way(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, b"01234")
    descriptor = os.open(os.devnull, os.O_RDONLY)
    with store.read("key") as reader:
        assert isinstance(reader, PassesPipe)
        with pytest.raises(OSError, match="Bad file descriptor"):
            reader.pass_pipe(5, lambda end, count: empty_into(end, count, descriptor, 0))
    os.close(descriptor)
