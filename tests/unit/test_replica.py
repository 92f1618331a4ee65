"""Replicas on stores without a server: where the files are, their times, and two daemons on one replica."""

from pathlib import Path

import msgspec
import pytest

from plait.model.errors import BusyError, NotSupportedError, ObjectNotFoundError
from plait.replication.ltx.header import Header
from plait.replication.ltx.names import Span
from plait.replication.ltx.writer import encode
from plait.replication.replica import Chunks, Replica
from plait.stores.base import Features
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

TIMESTAMP = 1_795_226_532_874
SPAN = Span(2, 2)


def ltx(span: Span, fill: int = 1, timestamp: int = TIMESTAMP) -> bytes:
    header = Header(
        page_size=512, commit=2, min_txid=span.min_txid, max_txid=span.max_txid, timestamp=timestamp, wal_offset=32
    )
    return b"".join(encode(header, [(1, bytes([fill]) * 512), (2, bytes(512))]))


def put(replica: Replica, level: int, span: Span, content: bytes, *, replace: bool = False) -> None:
    replica.write(level, span, lambda: Chunks([content]), len(content), TIMESTAMP, replace=replace)


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    return Replica(LocalStore(tmp_path / "rep"))


def test_a_file_replica_has_the_originals_layout_and_times(replica: Replica, tmp_path: Path) -> None:
    content = ltx(SPAN)
    put(replica, 0, SPAN, content)
    path = tmp_path / "rep" / "ltx" / "0" / "0000000000000002-0000000000000002.ltx"
    assert path.read_bytes() == content
    assert path.stat().st_mtime_ns == TIMESTAMP * 10**6
    (file,) = replica.files(0)
    assert (file.level, file.span, file.size, file.created) == (0, SPAN, len(content), TIMESTAMP * 10**6)
    assert b"".join(replica.chunks(file, 100)) == content
    assert replica.open(file, 100, 6).read() == content[100:106]
    assert replica.type == "file"


def test_a_replica_that_was_not_begun_has_no_files(replica: Replica) -> None:
    assert replica.all_files() == []
    assert replica.newest(9) is None


def test_names_of_others_are_passed_over(replica: Replica, tmp_path: Path) -> None:
    put(replica, 0, SPAN, ltx(SPAN))
    level = tmp_path / "rep" / "ltx" / "0"
    for name in (
        "0000000000000003-0000000000000003.ltx.tmp",
        "000000000000000A-000000000000000A.ltx",
        "x",
        "lock.json",
    ):
        (level / name).write_bytes(b"")
    (level / "0000000000000004-0000000000000004.ltx").mkdir()
    assert [file.span for file in replica.files(0)] == [SPAN]


def test_a_listing_begins_where_it_is_asked_to(replica: Replica) -> None:
    spans = [Span(txid, txid) for txid in (1, 9, 10, 16, 255)]
    for span in spans:
        put(replica, 0, span, ltx(span))
    assert [file.span for file in replica.files(0, start=10)] == spans[2:]
    assert replica.newest(0) == replica.files(0)[-1]


def test_the_same_file_may_be_uploaded_again(replica: Replica) -> None:
    put(replica, 0, SPAN, ltx(SPAN))
    put(replica, 0, SPAN, ltx(SPAN))
    assert len(replica.files(0)) == 1


def test_two_daemons_on_one_replica_notice_each_other(replica: Replica) -> None:
    """B8, and the overlapping files that it comes from: the second one's file is refused, the first one's stays."""
    first = ltx(SPAN, fill=1)
    put(replica, 0, SPAN, first)
    with pytest.raises(BusyError, match="with other content") as caught:
        put(replica, 0, SPAN, ltx(SPAN, fill=2))
    assert "another daemon" in str(caught.value.hint)
    (file,) = replica.files(0)
    assert b"".join(replica.chunks(file)) == first


def test_a_compaction_may_replace_its_own_file(replica: Replica) -> None:
    put(replica, 1, SPAN, ltx(SPAN, fill=1))
    put(replica, 1, SPAN, ltx(SPAN, fill=2), replace=True)
    (file,) = replica.files(1)
    assert b"".join(replica.chunks(file)) == ltx(SPAN, fill=2)


def test_what_is_deleted_is_gone_and_may_be_deleted_again(replica: Replica) -> None:
    put(replica, 0, SPAN, ltx(SPAN))
    files = replica.files(0)
    replica.delete(files)
    replica.delete(files)
    assert replica.files(0) == []
    with pytest.raises(ObjectNotFoundError):
        replica.open(files[0])


def test_a_kind_of_store_without_a_layout_carries_no_replica() -> None:
    class Other(MemoryStore):
        @property
        def features(self) -> Features:
            return msgspec.structs.replace(super().features, scheme="tape")

    with pytest.raises(NotSupportedError, match="'tape' carries no replicas"):
        Replica(Other())


def test_a_replica_in_memory_is_like_one_of_files() -> None:
    replica = Replica(MemoryStore())
    put(replica, 9, Span(1, 3), ltx(Span(1, 3)))
    assert [(file.level, file.span) for file in replica.all_files()] == [(9, Span(1, 3))]


def test_chunks_are_read_in_any_sizes() -> None:
    source = Chunks([b"abc", b"", b"defg"])
    assert [source.read(2), source.read(2), source.read(10), source.read(1)] == [b"ab", b"c", b"defg", b""]
    assert Chunks([b"ab", b"c"]).read() == b"abc"
