"""The SQLite connections of one live database.

The reader holds a read transaction: while it does, no checkpoint of another process can let the log be restarted
before what it holds was read. The writer is opened when it is first needed.

Closing a descriptor of the database drops every lock that this process holds on it, so that the file is opened through
SQLite alone, whose own closing waits until no lock is left. Source: section 6.2 of SQLite's "how to corrupt".
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from plait.model.errors import BusyError, IntegrityError, NoSpaceError, PermissionDeniedError, PlaitError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import apsw

T = TypeVar("T")

_SEQUENCE: Final = "CREATE TABLE IF NOT EXISTS _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)"
_LOCK: Final = "CREATE TABLE IF NOT EXISTS _litestream_lock (id INTEGER)"
_BUMP: Final = "INSERT INTO _litestream_seq (id, seq) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET seq = seq + 1"
_PIN: Final = "SELECT COUNT(1) FROM _litestream_seq"

_NO_LIMIT: Final = -1
_CANNOT_OPEN: Final = "may this user read and write it, and are descriptors left? a database takes five (ulimit -n)"


class Backfill(msgspec.Struct, frozen=True):
    """What a checkpoint came to: frames of the log, and how many of them are in the database.

    Both are -1 where another connection was checkpointing.
    """

    frames: int
    taken: int

    @property
    def is_complete(self) -> bool:
        """Whether the next writer may restart the log."""
        return 0 <= self.frames == self.taken


class Connections:
    """The connections of the database at `path`; they are used by one thread at a time.

    Every method raises errors of the catalogue: BusyError where another process holds a lock for longer than
    `busy_timeout` seconds, NoSpaceError, StoreError with SQLite's own words.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        """Open the database in WAL mode (which is set where it is not), with Litestream's two tables, and pin its log.

        Raises StoreError where it cannot be in WAL mode, IntegrityError where it is no database.
        """
        self._path = path
        self._timeout = max(0, round(busy_timeout * 1000))
        self._reader = _translated(self._open)
        self._writer: apsw.Connection | None = None
        self.is_pinned = False
        """Whether the read transaction is held."""
        try:
            self.page_size = _translated(self._prepare)
            """The size of a page in bytes, which cannot change as long as the database is in WAL mode."""
            self.pin()
        except BaseException:
            self.close()
            raise

    def pin(self) -> None:
        """Begin the read transaction."""
        if not self.is_pinned:
            _translated(lambda: _begin_reading(self._reader))
            self.is_pinned = True

    def unpin(self) -> None:
        """End the read transaction."""
        if self.is_pinned:
            self.is_pinned = False
            _translated(lambda: _run(self._reader, "ROLLBACK"))

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        """Meanwhile the writer pins the log at its present end, so that the reader may let go."""
        writer = self._writing()
        _translated(lambda: _begin_reading(writer))
        try:
            yield
        finally:
            _translated(lambda: _run(writer, "ROLLBACK"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Meanwhile nobody else writes. Raises BusyError where another process writes for too long."""
        writer = self._writing()
        _translated(lambda: _run(writer, "BEGIN IMMEDIATE"))
        try:
            yield
        finally:
            _translated(lambda: _run(writer, "ROLLBACK"))

    def checkpoint(self) -> Backfill:
        """Take as much of the log into the database as readers allow, waiting for none; the log must not be pinned."""
        (row,) = _translated(lambda: _run(self._reader, "PRAGMA wal_checkpoint(PASSIVE)"))
        return Backfill(row[1], row[2])

    def bump(self, *, truncate: bool = False) -> None:
        """Write one page to the log: it is restarted if it may be, and with `truncate` its file then made short."""
        writer = self._writing()

        def write() -> None:
            _run(writer, f"PRAGMA journal_size_limit = {0 if truncate else _NO_LIMIT}")
            _run(writer, _BUMP)

        _translated(write)

    def rest(self) -> None:
        """Close the writer until it is needed again: databases are many, and most of them are idle."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(True)

    @contextmanager
    def file(self) -> Iterator[DatabaseFile]:
        """The database's file, without the log."""
        file = DatabaseFile(self._reader.filename)
        try:
            yield file
        finally:
            file.close()

    def close(self) -> None:
        """Close the connections; the log stays as it is."""
        self.is_pinned = False
        self.rest()
        self._reader.close(True)

    def _open(self) -> apsw.Connection:
        import apsw

        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(self._timeout)
        # What stands in the log when the last connection closes is still to be read at the next start.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        for pragma in ("wal_autocheckpoint = 0", "synchronous = NORMAL", "cache_size = -64"):
            _run(connection, f"PRAGMA {pragma}")
        return connection

    def _prepare(self) -> int:
        ((mode,),) = _run(self._reader, "PRAGMA journal_mode = wal")
        if mode != "wal":
            raise StoreError(f"{self._path} cannot be in WAL mode: it stays in mode {mode}")
        _run(self._reader, _SEQUENCE)
        _run(self._reader, _LOCK)
        ((page_size,),) = _run(self._reader, "PRAGMA page_size")
        return int(page_size)

    def _writing(self) -> apsw.Connection:
        if self._writer is None:
            self._writer = _translated(self._open)
        return self._writer


class DatabaseFile:
    """The bytes of a database's file, read through SQLite's own file layer, which keeps the locks of this process."""

    def __init__(self, name: str) -> None:
        import apsw

        flags = [apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_MAIN_DB, 0]
        self._file = _translated(lambda: apsw.VFSFile("", name, flags))
        self.size: int = self._file.xFileSize()

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes; zeros behind the end of the file, which SQLite extends only when it needs to."""
        there = min(length, max(0, self.size - offset))
        data = _translated(lambda: self._file.xRead(there, offset)) if there else b""
        return data.ljust(length, b"\0")

    def close(self) -> None:
        """Close the file; locks that the process holds stay."""
        self._file.xClose()


def _run(connection: apsw.Connection, statement: str) -> list[tuple[Any, ...]]:
    return list(connection.execute(statement))


def _begin_reading(connection: apsw.Connection) -> None:
    _run(connection, "BEGIN")
    try:
        _run(connection, _PIN)
    except BaseException:
        _run(connection, "ROLLBACK")
        raise


def _translated(call: Callable[[], T]) -> T:
    import apsw

    try:
        return call()
    except apsw.Error as error:
        raise _from_sqlite(error) from error


def _from_sqlite(error: apsw.Error) -> PlaitError:
    import apsw

    kinds: dict[type[apsw.Error], type[PlaitError]] = {
        apsw.BusyError: BusyError,
        apsw.LockedError: BusyError,
        apsw.FullError: NoSpaceError,
        apsw.NotADBError: IntegrityError,
        apsw.CorruptError: IntegrityError,
        apsw.PermissionsError: PermissionDeniedError,
        apsw.ReadOnlyError: PermissionDeniedError,
    }
    hint = _CANNOT_OPEN if isinstance(error, apsw.CantOpenError) else None
    return kinds.get(type(error), StoreError)(f"SQLite says: {error}", hint=hint)
