"""Programs that write to a database while it is replicated, and what is expected of a daemon that is killed."""

from __future__ import annotations

import random
import subprocess
import threading
from typing import TYPE_CHECKING, Final, Self

import apsw

from plait.replication.configuration.places import parse_replica_url
from plait.replication.restoring.restore import Request, restore
from plait.testing.capturing import Rows, content, opened, restored, run
from plait.testing.replicating import Job, Process, open_place

if TYPE_CHECKING:
    from pathlib import Path

PAGE_SIZES: Final = (512, 1024, 4096, 16384, 65536)
AUTO_VACUUM: Final = ("none", "full", "incremental")
ROUNDS: Final = 4
_LOCK_BYTE: Final = 1 << 30
_BRISK: Final[dict[str, float | list[float] | bool]] = {
    "levels": [1.0, 2.0],
    "snapshot_interval": 3.0,
    "l0_retention": 1.0,
    "l0_retention_check_interval": 0.5,
}


class Application:
    """A program that writes: rows with ascending numbers, each in a transaction, some large, some deleting."""

    def __init__(self, path: Path, page_size: int, auto_vacuum: str, chance: random.Random) -> None:
        self.path = path
        self.chance = chance
        self.connection = self._opened()
        run(self.connection, f"PRAGMA page_size = {page_size}")
        run(self.connection, f"PRAGMA auto_vacuum = {auto_vacuum}")
        run(self.connection, "PRAGMA journal_mode = wal")
        run(self.connection, "CREATE TABLE rows (id INTEGER PRIMARY KEY, v)")
        run(self.connection, "CREATE TABLE bulk (id INTEGER PRIMARY KEY, v)")
        self.written = 0
        self.tables = 0

    def _opened(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(60_000)
        run(connection, f"PRAGMA wal_autocheckpoint = {self.chance.choice([0, 5, 50, 1000])}")
        run(connection, "PRAGMA synchronous = NORMAL")
        return connection

    def write(self) -> None:
        """One transaction; `written` counts those that are committed."""
        run(self.connection, "BEGIN IMMEDIATE")
        run(self.connection, "INSERT INTO rows VALUES (?, ?)", self.written + 1, self.chance.random())
        if self.chance.random() < 0.3:
            size = self.chance.choice([10, 3000, 100_000])
            run(self.connection, "INSERT INTO bulk (v) VALUES (randomblob(?))", size)
        if self.chance.random() < 0.1:
            run(self.connection, "DELETE FROM bulk WHERE id % 2 = ?", self.chance.randrange(2))
        run(self.connection, "COMMIT")
        self.written += 1

    def interfere(self) -> None:
        """What programs do to a log while nobody watches it."""
        match self.chance.randrange(8):
            case 0:
                run(self.connection, "PRAGMA wal_checkpoint(PASSIVE)")
            case 1:
                run(self.connection, "PRAGMA wal_checkpoint(RESTART)")
            case 2:
                run(self.connection, "PRAGMA wal_checkpoint(TRUNCATE)")
            case 3:
                run(self.connection, "VACUUM")
            case 4:
                self.tables += 1
                run(self.connection, f"CREATE TABLE t{self.tables} AS SELECT id FROM rows LIMIT 9")  # noqa: S608  (the names are those of a database of a test)
                run(self.connection, f"ALTER TABLE t{self.tables} ADD COLUMN more")
            case 5:
                # The last connection takes the log into the database and removes it.
                self.connection.close()
                self.connection = self._opened()
            case _:
                self.write()


class Load:
    """The application, writing in a thread of its own until it is stopped."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._application.write()


def killed_under_load(litestream: Path, folder: Path, seed: int) -> None:
    """A daemon killed again and again while an application writes, others interfering while it is down.

    After each kill both programs restore a beginning of what was written, with everything that was acknowledged; after
    each start, all of it.
    """
    chance = random.Random(seed)
    application = Application(
        folder / "a.db", PAGE_SIZES[seed % len(PAGE_SIZES)], AUTO_VACUUM[seed % len(AUTO_VACUUM)], chance
    )
    replica = folder / "replica"
    job = Job(
        databases={str(application.path): [f"file://{replica}"]},
        database={"min_checkpoint_pages": chance.choice([10, 100, 1000])},
        upkeep=_BRISK,
    )
    acknowledged = 0
    for _ in range(ROUNDS):
        with Process(job, folder / "log") as daemon:
            assert not daemon.synced(str(application.path)).error
            with Load(application):
                for _ in range(chance.randrange(1, 6)):
                    acknowledged = application.written
                    daemon.synced(str(application.path))
                threading.Event().wait(chance.random() / 2)
                daemon.kill()
        for found in restored(litestream, replica, folder):
            kept = len(_numbers(found))
            assert _numbers(found) == list(range(1, kept + 1))
            assert acknowledged <= kept <= application.written
        for _ in range(chance.randrange(6)):
            application.interfere()
        with Process(job, folder / "log") as daemon:
            daemon.synced(str(application.path))
            expected = content(application.path)
            for found in restored(litestream, replica, folder):
                assert found == expected
            application.write()
            daemon.close() if chance.random() < 0.5 else daemon.kill()


def beyond_the_lock_page(litestream: Path, folder: Path, page_size: int) -> None:
    """A database that has the page which SQLite never writes, the one at 1 GiB, in its midst, and grows over it."""
    path, replica = folder / "a.db", folder / "replica"
    application = opened(path, page_size=page_size)
    job = Job(databases={str(path): [f"file://{replica}"]}, upkeep=_BRISK)
    with Process(job, folder / "log") as daemon:
        for size in (500, 550, 100, 1):
            run(application, "BEGIN")
            for _ in range(size):
                run(application, "INSERT INTO t (v) VALUES (zeroblob(1000000) || randomblob(1000))")
            run(application, "COMMIT")
            daemon.synced(str(path))
            run(application, "UPDATE t SET v = randomblob(100) WHERE id % 50 = 0")
        daemon.synced(str(path))
        assert path.stat().st_size + path.with_name("a.db-wal").stat().st_size > _LOCK_BYTE
        daemon.close()
    expected = _summary(path)
    restore(open_place(parse_replica_url(f"file://{replica}", {})), str(folder / "ours.db"), Request())
    theirs = folder / "theirs.db"
    subprocess.run([litestream, "restore", "-o", theirs, f"file://{replica}"], check=True, capture_output=True)
    for name in ("ours.db", "theirs.db"):
        assert _summary(folder / name) == expected


def _summary(path: Path) -> list[tuple[object, ...]]:
    """The content of a large table in few words; the database must be sound."""
    connection = apsw.Connection(str(path))
    assert run(connection, "PRAGMA integrity_check") == [("ok",)]
    rows = run(connection, "SELECT count(*), sum(length(v)), group_concat(hex(substr(v, -8)), '') FROM t")
    connection.close()
    return rows


def _numbers(rows: Rows) -> list[object]:
    return [row[0] for row in rows["rows"]]
