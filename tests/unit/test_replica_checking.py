"""Checks of replicas, restores that go on, and proofs against the live database."""

import threading
from pathlib import Path

import apsw
import pytest

from plait.model.errors import ConfigurationError, IntegrityError, ObjectNotFoundError, PlaitError, StoreError
from plait.replication.checking import check_replica
from plait.replication.configuration.places import file_place
from plait.replication.configuration.settings import DatabaseSettings, ReplicaSettings, UpkeepSettings
from plait.replication.daemon import Daemon
from plait.replication.ltx.header import Header
from plait.replication.ltx.merge import compact
from plait.replication.ltx.names import Span, file_name
from plait.replication.ltx.reader import Reader
from plait.replication.ltx.writer import encode
from plait.replication.replica import Chunks, Replica
from plait.replication.restoring.following import Follower
from plait.replication.restoring.proving import prove
from plait.replication.restoring.restore import Request
from plait.replication.running import replicate_once
from plait.stores.local.store import LocalStore


def run(path: Path, *statements: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(30_000)
    try:
        return [row for statement in statements for row in connection.execute(statement)]
    finally:
        connection.close()


class Copied:
    """A database and the replica that is written when it is asked for."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "app.db"
        self.directory = directory / "rep"
        self.replica = Replica(LocalStore(self.directory))
        run(self.path, "PRAGMA journal_mode = wal", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")

    def insert(self, count: int = 3) -> None:
        run(self.path, *["INSERT INTO t (v) VALUES (hex(randomblob(500)))"] * count)

    def sync(self, *, snapshot: bool = False) -> int:
        settings = DatabaseSettings(
            path=str(self.path), replicas=(ReplicaSettings(place=file_place(str(self.directory))),)
        )
        failed = replicate_once(
            [settings],
            UpkeepSettings(),
            lambda _: Replica(LocalStore(self.directory)),
            lambda _: None,
            snapshot=snapshot,
        )
        assert failed == []
        return max(file.span.max_txid for file in self.replica.all_files())

    def file(self, level: int, span: Span) -> Path:
        return self.directory / "ltx" / str(level) / file_name(span)

    def rows(self, path: Path) -> int:
        assert run(path, "PRAGMA integrity_check") == [("ok",)]
        (count,) = run(path, "SELECT count(*) FROM t")[0]
        assert isinstance(count, int)
        return count


@pytest.fixture
def copied(tmp_path: Path) -> Copied:
    copied = Copied(tmp_path)
    for _ in range(3):
        copied.insert()
        copied.sync()
    return copied


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)


def test_a_sound_replica_is_sound(copied: Copied) -> None:
    found = check_replica(copied.replica)
    assert found.is_sound
    assert found.findings == ()
    assert (found.files, found.txid) == (3, 3)
    assert check_replica(copied.replica, integrity="none").txid == 3


def test_a_damaged_file_is_named_and_what_it_takes_with_it(copied: Copied) -> None:
    flip(copied.file(0, Span(3, 3)))
    found = check_replica(copied.replica)
    assert not found.is_sound
    assert [one.about for one in found.findings] == ["ltx/0/0000000000000003-0000000000000003.ltx", "restore"]
    assert found.txid == 0


def test_a_damaged_file_for_which_others_stand_in_loses_nothing(copied: Copied) -> None:
    copied.insert()
    copied.sync(snapshot=True)
    flip(copied.file(0, Span(2, 2)))
    found = check_replica(copied.replica)
    assert found.is_sound
    assert [(one.about, one.is_harmless) for one in found.findings] == [
        ("ltx/0/0000000000000002-0000000000000002.ltx", True)
    ]
    assert found.txid == 4


def test_a_missing_file_is_a_gap(copied: Copied) -> None:
    copied.insert()
    copied.sync()
    copied.file(0, Span(3, 3)).unlink()
    found = check_replica(copied.replica)
    assert not found.is_sound
    assert found.findings[0].about == "level 0"
    assert "transactions 0000000000000003 to 0000000000000003 are missing" in found.findings[0].message
    assert found.findings[1].about == "restore"


def test_a_missing_file_that_a_snapshot_covers_is_harmless(copied: Copied) -> None:
    copied.insert()
    copied.sync(snapshot=True)
    copied.insert()
    copied.sync()
    copied.file(0, Span(3, 3)).unlink()
    found = check_replica(copied.replica)
    assert [one.is_harmless for one in found.findings] == [True]
    assert found.txid == 5


def test_no_replica_is_no_sound_one(tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFoundError, match="holds no LTX files"):
        check_replica(Replica(LocalStore(tmp_path)))


def test_what_is_restored_but_no_database_is_found_out(tmp_path: Path) -> None:
    replica = Replica(LocalStore(tmp_path / "rep"))
    header = Header(page_size=512, commit=1, min_txid=1, max_txid=1, timestamp=1)
    data = b"".join(encode(header, [(1, bytes(512))]))
    replica.write(0, Span(1, 1), lambda: Chunks([data]), len(data), 1)
    found = check_replica(replica)
    assert not found.is_sound
    assert "integrity check" in found.findings[0].message
    assert check_replica(replica, integrity="none").is_sound


def test_a_follower_applies_what_comes(copied: Copied, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    follower = Follower(copied.replica, str(copy), Request())
    follower.begin()
    assert (follower.txid, copied.rows(copy)) == (3, 9)
    assert follower.step() == 0
    run(copied.path, "DELETE FROM t WHERE id < 5")
    copied.insert(20)
    last = copied.sync()
    assert follower.step() == last - 3
    assert copied.rows(copy) == copied.rows(copied.path) == 25
    assert (tmp_path / "copy.db-txid").read_text() == f"{last:016x}\n"
    assert not (tmp_path / "copy.db-wal").exists()
    run(copied.path, "DELETE FROM t WHERE id > 7", "VACUUM")
    copied.sync()
    follower.step()
    assert copy.stat().st_size < 40_000
    assert copied.rows(copy) == copied.rows(copied.path)


def test_a_follower_goes_on_where_it_was_and_bridges_what_retention_deleted(copied: Copied, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    Follower(copied.replica, str(copy), Request()).begin()
    copied.insert()
    copied.sync()
    copied.insert()
    copied.sync()
    # A file of level 1, as compaction would write it; those below are gone.
    readers = [Reader(copied.replica.chunks(file)) for file in copied.replica.files(0, start=3)]
    header, chunks = compact(readers)
    data = b"".join(chunks)
    copied.replica.write(1, Span(3, 5), lambda: Chunks([data]), len(data), header.timestamp)
    copied.replica.delete(copied.replica.files(0, start=3))
    again = Follower(copied.replica, str(copy), Request())
    again.begin()
    assert again.txid == 3
    assert again.step() == 1
    assert again.txid == 5
    assert copied.rows(copy) == copied.rows(copied.path)


def test_a_database_of_unknown_position_is_not_followed(copied: Copied, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"mine")
    with pytest.raises(ConfigurationError, match="cannot resume follow mode"):
        Follower(copied.replica, str(copy), Request()).begin()
    assert copy.read_bytes() == b"mine"


def test_a_follower_applies_nothing_of_a_damaged_file(copied: Copied, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    follower = Follower(copied.replica, str(copy), Request())
    follower.begin()
    before = copy.read_bytes()
    copied.insert()
    copied.sync()
    flip(copied.file(0, Span(4, 4)))
    with pytest.raises(IntegrityError) as caught:
        follower.step()
    assert caught.value.key == "ltx/0/0000000000000004-0000000000000004.ltx"
    assert copy.read_bytes() == before
    assert follower.txid == 3


def test_a_follower_tells_what_fails_and_ends_when_asked(copied: Copied, tmp_path: Path) -> None:
    follower = Follower(copied.replica, str(tmp_path / "copy.db"), Request())
    follower.begin()
    copied.insert()
    copied.sync()
    flip(copied.file(0, Span(4, 4)))
    stopped = threading.Event()
    told: list[PlaitError] = []

    def tell(error: PlaitError) -> None:
        told.append(error)
        stopped.set()

    follower.run(0.01, stopped, tell)
    assert isinstance(told[0], IntegrityError)


def test_a_restore_is_proved_against_the_live_database(copied: Copied) -> None:
    place = file_place(str(copied.directory))
    daemon = Daemon(UpkeepSettings(), lambda _: Replica(LocalStore(copied.directory)), lambda _: None)
    daemon.run()
    path = str(copied.path)
    daemon.register(DatabaseSettings(path=path, replicas=(ReplicaSettings(place=place),)))
    daemon.sync(path, wait=True, timeout=60)
    copied.insert(50)
    try:
        proved = prove(copied.replica, path, lambda: daemon.sync(path, wait=True, timeout=60).txid, Request())
        assert proved.txid > 3
        assert proved.pages > 10
    finally:
        daemon.close(60)


def test_a_replica_that_lacks_something_proves_nothing(copied: Copied) -> None:
    last = copied.sync()
    copied.insert()
    with pytest.raises(IntegrityError, match=r"differs from the live one|bytes, the live one"):
        prove(copied.replica, str(copied.path), lambda: last, Request())


def test_a_database_that_cannot_be_read_is_told(copied: Copied) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        prove(copied.replica, str(copied.path.with_name("none") / "x.db"), lambda: 1, Request())
