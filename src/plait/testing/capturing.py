"""A live database and its replicas in this process, driven step by step: the parts of a daemon without its threads."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import apsw
import msgspec

from plait.replication import events
from plait.replication.capture.database import Database
from plait.replication.configuration.places import parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, ReplicaSettings, UpkeepSettings
from plait.replication.restoring.restore import Request, restore
from plait.replication.upkeep import Upkeep
from plait.replication.uploading import Uploader
from plait.testing.replicating import open_place

if TYPE_CHECKING:
    from pathlib import Path

    from plait.replication.continuation import Reason

Rows = dict[str, list[tuple[Any, ...]]]
"""Every table of a database with its rows."""

RESTORE_IN = 120


def run(connection: apsw.Connection, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run one statement to its end."""
    return list(connection.execute(statement, values))


def opened(path: Path, *, page_size: int = 4096, auto_vacuum: str = "none") -> apsw.Connection:
    """A connection as an application has it, which checkpoints only when it is told to, with a table `t`."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(60_000)
    for pragma in (
        f"page_size = {page_size}",
        f"auto_vacuum = {auto_vacuum}",
        "journal_mode = wal",
        "wal_autocheckpoint = 0",
        "synchronous = NORMAL",
    ):
        run(connection, f"PRAGMA {pragma}")
    run(connection, "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v)")
    return connection


def content(path: Path) -> Rows:
    """Every table with its rows, but for those that checkpoints write to by themselves. The database must be sound."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(60_000)
    assert run(connection, "PRAGMA integrity_check") == [("ok",)]
    names = [str(row[0]) for row in run(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    tables = [name for name in names if not name.startswith(("sqlite_", "_litestream"))]
    rows = {table: run(connection, f"SELECT * FROM {table} ORDER BY 1") for table in tables}  # noqa: S608  (the names are those of a database of a test)
    connection.close()
    return rows


def restored(litestream: Path, replica: Path, folder: Path, txid: int | None = None) -> list[Rows]:
    """What Plait and the real litestream make of a replica in a directory, in that order."""
    from plait.replication.restoring.finding import Target

    ours, theirs = folder / "restored-by-plait.db", folder / "restored-by-litestream.db"
    for path in (ours, theirs):
        path.unlink(missing_ok=True)
    request = Request(target=Target(txid=txid), check="full")
    restore(open_place(parse_replica_url(f"file://{replica}", {})), str(ours), request)
    flags = [] if txid is None else ["-txid", f"{txid:016x}"]
    done = subprocess.run(
        [litestream, "restore", "-integrity-check", "full", *flags, "-o", theirs, f"file://{replica}"],
        capture_output=True,
        text=True,
        timeout=RESTORE_IN,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [content(ours), content(theirs)]


class Rig:
    """A database at `folder/a.db`, and its replica in the directory `folder/replica`."""

    def __init__(self, folder: Path, upkeep: UpkeepSettings | None = None, **settings: Any) -> None:
        self.folder = folder
        self.path = folder / "a.db"
        self.replica = folder / "replica"
        self.events: list[events.Event] = []
        self._upkeep = upkeep or UpkeepSettings()
        self._settings = DatabaseSettings(path=str(self.path), **settings)
        self.start()

    def start(self) -> None:
        """What a new daemon begins with."""
        self.database = Database(self._settings, self.events.append)
        settings = ReplicaSettings(place=parse_replica_url(f"file://{self.replica}", {}))
        self.uploader = Uploader(self.database, settings, open_place, self.events.append)
        self.upkeep = Upkeep(self.uploader, self._upkeep, self.events.append)

    def restart(self, *, path: Path | None = None) -> None:
        """End, as a killed process does, and start again."""
        self.database.close()
        if path is not None:
            self._settings = msgspec.structs.replace(self._settings, path=str(path))
        self.start()

    def move_replica(self, folder: Path) -> None:
        """Let a new daemon have its replica elsewhere."""
        self.database.close()
        self.replica = folder
        self.start()

    def capture(self) -> None:
        """Capture, and checkpoint where that is due."""
        self.database.sync()

    def sync(self) -> None:
        """Capture and upload everything."""
        self.capture()
        while self.uploader.run() or not self.uploader.is_in_step:
            pass

    def restarts(self) -> int:
        """How often the log was restarted by checkpoints."""
        return sum(isinstance(event, events.Checkpointed) and event.restarted for event in self.events)

    def reasons(self) -> list[Reason | None]:
        """Of every file that was captured, why it holds the whole database."""
        return [event.reason for event in self.events if isinstance(event, events.Captured)]

    def forget(self) -> None:
        """Delete the local files, as somebody does who wants to begin anew."""
        self.database.close()
        shutil.rmtree(self.database.local.root, ignore_errors=True)
        self.start()
