"""The local files of a database, the pages of a whole one, and the connections that keep locks."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.errors import BusyError, IntegrityError, NoSpaceError, ObjectNotFoundError, StoreError
from plait.replication.capture.connections import Connections
from plait.replication.capture.images import whole_image
from plait.replication.capture.local import LocalFiles, metadata_directory, verified
from plait.replication.capture.logfile import LogFile
from plait.replication.ltx.header import Header, lock_page
from plait.replication.ltx.names import Span
from plait.replication.ltx.writer import encode
from plait.replication.wal.frames import FRAME_HEADER_SIZE
from plait.testing.capturing import opened, run

SIZE = 512


def page(number: int) -> bytes:
    return number.to_bytes(4, "big") * (SIZE // 4)


def file(txid: int, commit: int, numbers: list[int]) -> Iterator[bytes]:
    header = Header(page_size=SIZE, commit=commit, min_txid=txid, max_txid=txid, timestamp=1)
    return encode(header, ((number, page(number)) for number in numbers))


@pytest.fixture
def files(tmp_path: Path) -> Iterator[LocalFiles]:
    database = tmp_path / "a.db"
    database.write_bytes(b"")
    database.chmod(0o640)
    made = LocalFiles(metadata_directory(database))
    made.acquire(database)
    yield made
    made.release()


def test_a_file_has_the_name_place_and_mode_that_litestream_gives_it(files: LocalFiles, tmp_path: Path) -> None:
    files.write(Span(1, 1), file(1, 3, [1, 2, 3]))
    path = tmp_path / ".a.db-litestream" / "ltx" / "0" / "0000000000000001-0000000000000001.ltx"
    assert path.stat().st_mode & 0o777 == 0o640 & ~_umask()
    assert files.spans() == [Span(1, 1)]
    assert files.header(Span(1, 1)).commit == 3
    assert files.page(Span(1, 1), 2, SIZE) == page(2)
    assert files.page(Span(1, 1), 4, SIZE) is None
    assert len(files.trailer(Span(1, 1)) or b"") == 16
    assert files.trailer(Span(2, 2)) is None


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def test_what_fails_midway_leaves_nothing(files: LocalFiles) -> None:
    def broken() -> Iterator[bytes]:
        yield b"beginning"
        raise NoSpaceError("full")

    with pytest.raises(NoSpaceError):
        files.write(Span(1, 1), broken())
    assert list(files.directory.iterdir()) == []
    assert files.spans() == []


def test_what_a_killed_process_left_is_removed(files: LocalFiles, tmp_path: Path) -> None:
    (files.directory / "0000000000000001-0000000000000001.ltx.tmp").write_bytes(b"half")
    files.release()
    files.acquire(tmp_path / "a.db")
    assert list(files.directory.iterdir()) == []


def test_one_process_at_a_time(files: LocalFiles, tmp_path: Path) -> None:
    other = LocalFiles(files.root)
    with pytest.raises(BusyError, match="another daemon"):
        other.acquire(tmp_path / "a.db")
    files.release()
    other.acquire(tmp_path / "a.db")
    other.release()


def test_content_is_durable_before_its_name_and_the_name_once_it_is_settled(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def note(real: Callable[[int], None]) -> Callable[[int], None]:
        def call(descriptor: int) -> None:
            synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
            real(descriptor)

        return call

    monkeypatch.setattr(os, "fsync", note(os.fsync))
    monkeypatch.setattr(os, "fdatasync", note(os.fdatasync))
    files.write(Span(1, 1), file(1, 2, [1, 2]))
    assert synced == [f"{files.path(Span(1, 1))}.tmp"]
    files.settle()
    files.settle()
    assert synced[1:] == [str(files.directory)]
    files.write(Span(2, 2), file(2, 2, [1]))
    files.settle()
    assert synced[-1] == str(files.directory)


@pytest.mark.parametrize(
    ("txid", "commit", "numbers", "is_whole"),
    [(1, 2, [1, 2], True), (5, 3, [1, 2, 3], True), (5, 3, [1, 3], False), (5, 0, [], True)],
)
def test_whether_a_file_holds_the_whole_database(
    files: LocalFiles, txid: int, commit: int, numbers: list[int], is_whole: bool
) -> None:
    span = Span(txid, txid)
    files.write(span, file(txid, commit, numbers))
    assert files.is_whole(span) is is_whole
    assert not files.is_whole(Span(9, 9))


def test_a_damaged_file_is_found_and_set_aside(files: LocalFiles) -> None:
    span = Span(1, 1)
    files.write(span, file(1, 2, [1, 2]))
    data = bytearray(files.path(span).read_bytes())
    data[120] ^= 1
    files.path(span).write_bytes(data)
    assert isinstance(verified(files, span), IntegrityError)
    aside = files.set_aside(span)
    assert aside.exists()
    assert files.spans() == []
    with pytest.raises(ObjectNotFoundError):
        files.header(span)


def test_a_file_of_another_name_is_damaged(files: LocalFiles) -> None:
    files.write(Span(2, 2), file(1, 1, [1]))
    assert isinstance(verified(files, Span(2, 2)), IntegrityError)


@given(commit=st.integers(0, 40), in_log=st.sets(st.integers(1, 50)))
def test_each_page_comes_from_the_log_or_else_from_the_file(commit: int, in_log: set[int]) -> None:
    image = b"".join(page(number) for number in range(1, 51))
    log = {number: number * 10_000 for number in in_log}

    def read_log(offset: int, length: int) -> bytes:
        number, rest = divmod(offset - FRAME_HEADER_SIZE, 10_000)
        assert rest == 0
        return page(number + 1000)[:length]

    pages = list(whole_image(log, read_log, lambda at, size: image[at : at + size], commit=commit, page_size=SIZE))
    assert pages == [(number, page(number + 1000 if number in in_log else number)) for number in range(1, commit + 1)]


@pytest.mark.parametrize("page_size", [16384, 65536])
@pytest.mark.parametrize("is_in_log", [False, True])
def test_the_lock_page_is_left_out(page_size: int, is_in_log: bool) -> None:
    lock = lock_page(page_size)
    zeros = bytes(1 << 20)
    log = {lock - 1: 0, lock + 1: 0} if is_in_log else {}
    pages = whole_image(
        log, lambda _, size: zeros[:size], lambda _, size: zeros[:size], commit=lock + 3, page_size=page_size
    )
    assert [number for number, _ in pages] == [*range(1, lock), lock + 1, lock + 2, lock + 3]


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    with LogFile(tmp_path / "a.db-wal") as log:
        assert (log.size, log.read(0, 100)) == (0, b"")


def test_no_lock_falls_when_the_file_is_read(tmp_path: Path) -> None:
    """Another process cannot leave WAL mode, which takes a lock that nobody else may hold, before and after."""
    path = tmp_path / "a.db"
    application = opened(path)
    run(application, "INSERT INTO t (v) VALUES (1)")
    application.close()
    connections = Connections(path, 1.0)
    leave = [
        sys.executable,
        "-c",
        f"import apsw; c = apsw.Connection({str(path)!r}); print(list(c.execute('PRAGMA journal_mode = delete')))",
    ]
    for _ in range(2):
        done = subprocess.run(leave, capture_output=True, text=True, check=False)
        assert "locked" in done.stderr, done.stdout
        with connections.file() as file:
            assert file.read(0, 16) == b"SQLite format 3\0"
            assert file.read(10**9, 8) == bytes(8)
        connections.bump()
        connections.rest()
    connections.close()


def test_what_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"text" * 1000)
    with pytest.raises(IntegrityError):
        Connections(path, 1.0)
    with pytest.raises(StoreError):
        Connections(tmp_path / "missing.db", 1.0)
