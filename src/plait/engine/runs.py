"""Run records: one row a run in a SQLite database that several processes share (`docs/formats/run-record.md`)."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from plait.engine.processes import identity
from plait.model.errors import BusyError, ConfigurationError, ObjectNotFoundError, StoreError, from_os_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import apsw

    from plait.engine.settings import Result

FILE_NAME = "runs.sqlite"
MAJOR, MINOR = 1, 0
_APPLICATION = 0x506C4169
"""SQLite's application ID of a run database: "PlAi"."""
_VERSION = MAJOR * 1000 + MINOR
_BUSY_PAUSE = 0.01
_BUSY_MILLISECONDS = 10_000
_COLUMNS = (
    "id, command, locations, started, ended, status, exit_code, error, attempts, counts, journal, host, pid, process"
)
_NEWEST = f"SELECT {_COLUMNS} FROM runs ORDER BY started DESC, id DESC LIMIT ?"  # noqa: S608  (constants)
_NAMED = f"SELECT {_COLUMNS} FROM runs WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 2"  # noqa: S608  (constants)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT NOT NULL PRIMARY KEY,
    command TEXT NOT NULL,
    locations TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    status TEXT NOT NULL,
    exit_code INTEGER,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    counts TEXT NOT NULL DEFAULT '{}',
    journal TEXT,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_by_start ON runs (started);
"""


class RunStatus(StrEnum):
    """How a run stands. `DIED` is never stored: its process ended without a word."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DIED = "died"


class Counts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the last attempt did: outcomes by verb, bytes, errors."""

    done: dict[str, int] = {}
    skipped: dict[str, int] = {}
    failed: dict[str, int] = {}
    carried: int = 0
    deleted_size: int = 0
    errors: int = 0

    @classmethod
    def of(cls, result: Result) -> Counts:
        """The counts of an attempt's result."""
        return cls(result.done, result.skipped, result.failed, result.carried, result.deleted_size, result.errors)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Times in nanoseconds since the epoch; `journal` is a file name, None where none was kept."""

    id: str
    command: str
    locations: list[str]
    started: int
    ended: int | None = None
    status: RunStatus = RunStatus.RUNNING
    exit_code: int | None = None
    error: str | None = None
    attempts: int = 0
    counts: Counts = Counts()
    journal: str | None = None
    host: str
    pid: int
    process: str


class RunRecords:
    """The runs of one state directory; may be used from several threads and by several processes at once.

    The directory is made with mode 0700 and the database with 0600. Raises ConfigurationError for a database of a newer
    format, BusyError where others hold it for long, StoreError where it cannot be used otherwise.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = Lock()
        self._connection = self._open(directory)

    def begin(self, command: str, locations: Sequence[str], *, journal: bool = True) -> Run:
        """Records that a run of this process begins. `locations` hold no secret."""
        with self._using() as connection:
            while True:
                run = self._new(command, locations, journal=journal)
                row = (
                    run.id,
                    run.command,
                    msgspec.json.encode([_text(location) for location in locations]).decode(),
                    run.started,
                    run.status.value,
                    run.journal,
                    run.host,
                    run.pid,
                    run.process,
                )
                connection.execute(
                    "INSERT INTO runs (id, command, locations, started, status, journal, host, pid, process)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    row,
                )
                if connection.changes():
                    return run

    def finish(
        self,
        run: Run,
        status: RunStatus,
        exit_code: int,
        *,
        counts: Counts,
        attempts: int = 1,
        error: str | None = None,
    ) -> None:
        """Records how a run ended."""
        with self._using() as connection:
            connection.execute(
                "UPDATE runs SET ended = ?, status = ?, exit_code = ?, error = ?, attempts = ?, counts = ?"
                " WHERE id = ?",
                (
                    time.time_ns(),
                    status.value,
                    exit_code,
                    None if error is None else _text(error),
                    attempts,
                    msgspec.json.encode(counts).decode(),
                    run.id,
                ),
            )

    def runs(self, limit: int = 100) -> list[Run]:
        """The newest runs, newest first."""
        with self._using() as connection:
            rows = connection.execute(_NEWEST, (limit,)).fetchall()
        return [_run(row) for row in rows]

    def run(self, name: str) -> Run:
        """The run with this ID, or with an ID that begins so.

        Raises ObjectNotFoundError where there is none, ConfigurationError where there are several.
        """
        with self._using() as connection:
            rows = connection.execute(_NAMED, (len(name), name)).fetchall()
        found = [_run(row) for row in rows if row[0] == name] or [_run(row) for row in rows]
        if not name or not found:
            raise ObjectNotFoundError(f"there is no run {name!r}", hint="`plait runs` lists them")
        if len(found) > 1:
            raise ConfigurationError(f"several runs begin with {name!r}", hint="give more of its ID")
        return found[0]

    def forget(self, run: Run) -> None:
        """Deletes the row of a run."""
        with self._using() as connection:
            connection.execute("DELETE FROM runs WHERE id = ?", (run.id,))

    def close(self) -> None:
        """Closes the database."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _using(self) -> Iterator[apsw.Connection]:
        import apsw

        with self._lock, _catalogued(self.directory):
            try:
                yield self._connection
            except apsw.ConnectionClosedError as error:
                raise StoreError("the run records are closed") from error

    @staticmethod
    def _new(command: str, locations: Sequence[str], *, journal: bool) -> Run:
        now = time.time_ns()
        stamp = datetime.fromtimestamp(now // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{stamp}-{os.urandom(3).hex()}"
        return Run(
            id=name,
            command=command,
            locations=list(locations),
            started=now,
            journal=f"{name}.jsonl" if journal else None,
            host=os.uname().nodename,
            pid=os.getpid(),
            process=identity(os.getpid()) or "",
        )

    @staticmethod
    def _open(directory: Path) -> apsw.Connection:
        import apsw

        path = directory / FILE_NAME
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite would make the file with the mode of the umask. A file that exists is never opened here: closing
            # it would drop the locks of a connection that this process may have.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise from_os_error(error, f"failed to open the run records in {directory}") from error
        with _catalogued(directory):
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                _prepare_patiently(connection, path)
            except BaseException:
                connection.close()
                raise
        return connection


def _prepare_patiently(connection: apsw.Connection, path: Path) -> None:
    """Prepares the database, also while others do: SQLite's own waiting does not cover the change to WAL."""
    import apsw

    deadline = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            return _prepare(connection, path)
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        time.sleep(_BUSY_PAUSE)


def _prepare(connection: apsw.Connection, path: Path) -> None:
    """Checks whose database it is, and lays it out where it is empty."""
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    version, application = (connection.pragma(name) for name in ("user_version", "application_id"))
    if not version and not application:
        connection.pragma("journal_mode", "wal")
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.execute(_SCHEMA)
            connection.pragma("application_id", _APPLICATION)
            connection.pragma("user_version", _VERSION)
        connection.execute("COMMIT")
    elif application != _APPLICATION:
        raise ConfigurationError(f"{path} holds no run records")
    elif version // 1000 > MAJOR:
        raise ConfigurationError(
            f"the run records {path} have format {version // 1000}, this program knows {MAJOR}",
            hint="use the newer version of the program, or another state directory",
        )
    connection.pragma("synchronous", "normal")


@contextmanager
def _catalogued(directory: Path) -> Iterator[None]:
    """Turns SQLite's errors into the catalogue's."""
    import apsw

    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise BusyError(f"the run records in {directory} are in use by others") from error
    except apsw.Error as error:
        raise StoreError(f"the run records in {directory} cannot be used: {error}") from error


def _run(row: tuple[Any, ...]) -> Run:
    (
        name,
        command,
        locations,
        started,
        ended,
        status,
        exit_code,
        error,
        attempts,
        counts,
        journal,
        host,
        pid,
        process,
    ) = row
    run = Run(
        id=name,
        command=command,
        locations=msgspec.json.decode(locations, type=list[str]),
        started=started,
        ended=ended,
        status=RunStatus(status),
        exit_code=exit_code,
        error=error,
        attempts=attempts,
        counts=msgspec.json.decode(counts, type=Counts),
        journal=journal,
        host=host,
        pid=pid,
        process=process,
    )
    died = run.status is RunStatus.RUNNING and host == os.uname().nodename and identity(pid) != process
    return msgspec.structs.replace(run, status=RunStatus.DIED) if died else run


def _text(text: str) -> str:
    """Text that SQLite and JSON can hold: bytes that are not UTF-8 are shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
