"""A restored database that goes on with its replica: new files are applied to it in place, as they come.

Programs may read the database meanwhile, by themselves and through SQLite: a file is applied under the locks by which
SQLite keeps readers and writers apart, and afterwards the first page says that the content changed. The database is
in rollback mode, since it has no log of its own.

Source: the follow mode of Litestream 0.5.17; `<database>-txid` holds the last transaction, 16 hexadecimal digits.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import (
    ConfigurationError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    from_os_error,
)
from plait.replication.ltx.names import Span, check_name, file_name, format_txid, parse_txid
from plait.replication.ltx.reader import Reader
from plait.replication.restoring.output import check_output
from plait.replication.restoring.restore import ROLLBACK_MODE, VERSIONS_OFFSET, Request, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.replication.ltx.plan import File
    from plait.replication.ltx.reader import Page
    from plait.replication.replica import Replica

_PENDING_BYTE: Final = 0x40000000
_SHARED_FIRST: Final = _PENDING_BYTE + 2
_SHARED_SIZE: Final = 510
_CHANGE_COUNTER: Final = slice(24, 28)
_SNAPSHOT_LEVELS: Final = range(1, 9)


class Follower:
    """A database at `path` that follows `replica`; `txid` is the last transaction that it has."""

    def __init__(self, replica: Replica, path: str, request: Request) -> None:
        self._replica = replica
        self._path = path
        self._request = request
        self._state = Path(f"{path}-txid")
        self.txid = 0

    def begin(self) -> None:
        """Restores the database; or, where it is there already with its transaction beside it, goes on from there.

        Raises what a restore raises, ConfigurationError where a database is there of which nobody knows where it is.
        """
        if os.path.exists(self._path) and os.path.getsize(self._path) and not self._request.force:
            self.txid = self._read_state()
            return
        check_output(self._path, force=self._request.force)
        self._state.unlink(missing_ok=True)
        request = msgspec.structs.replace(self._request, to_follow=True)
        self.txid = restore(self._replica, self._path, request).txid
        self._write_state()

    def run(self, interval: float, stopped: Event, tell: Callable[[PlaitError], None]) -> None:
        """Applies new files every `interval` seconds until `stopped`; what fails is told, and tried again."""
        while not stopped.wait(interval):
            try:
                self.step()
            except PlaitError as error:
                tell(error)

    def step(self) -> int:
        """Applies the files that came since; how many there were. Raises where one of them cannot be had or is wrong.

        Files of level 0 that retention has deleted meanwhile are bridged by those of higher levels.
        """
        applied = 0
        while (file := self._next()) is not None:
            self._apply_file(file)
            applied += 1
        return applied

    def _next(self) -> File | None:
        for level in (0, *_SNAPSHOT_LEVELS):
            files = self._replica.files(level, start=self.txid + 1) if not level else self._replica.files(level)
            fitting = [one for one in files if one.span.min_txid <= self.txid + 1 and one.span.max_txid > self.txid]
            if fitting:
                return max(fitting, key=lambda one: one.span.max_txid)
        return None

    def _apply_file(self, file: File) -> None:
        key = self._replica.key(file.level, file.span)
        try:
            # Twice through: nothing is written of a file that is not sound to its end.
            verified = Reader(self._replica.chunks(file), checks_index=False)
            check_name(file_name(file.span), Span(verified.header.min_txid, verified.header.max_txid))
            verified.verify()
            reader = Reader(self._replica.chunks(file), checks_index=False)
            self._apply(reader.pages(), reader.header.commit, reader.header.page_size)
        except (IntegrityError, ObjectNotFoundError) as error:
            error.key = error.key or key
            raise
        self.txid = file.span.max_txid
        self._write_state()

    def _apply(self, pages: Iterator[Page], commit: int, page_size: int) -> None:
        """Writes pages in place, under SQLite's locks, and notes in the first page that the content changed."""
        try:
            with open(self._path, "r+b", buffering=0) as file, _locked(file.fileno()):
                descriptor = file.fileno()
                if page_size != _page_size(descriptor):
                    raise NotSupportedError(f"the page size of {self._path} is not that of its replica")
                for number, data in pages:
                    os.pwrite(descriptor, data, (number - 1) * page_size)
                head = bytearray(os.pread(descriptor, 100, 0))
                head[VERSIONS_OFFSET : VERSIONS_OFFSET + len(ROLLBACK_MODE)] = ROLLBACK_MODE
                head[_CHANGE_COUNTER] = secrets.token_bytes(4)
                os.pwrite(descriptor, head, 0)
                os.ftruncate(descriptor, commit * page_size)
                os.fsync(descriptor)
        except OSError as error:
            raise from_os_error(error, f"cannot write {self._path}") from None

    def _read_state(self) -> int:
        try:
            return parse_txid(self._state.read_text(encoding="ascii").strip())
        except FileNotFoundError:
            raise ConfigurationError(
                "cannot resume follow mode: database exists but no -txid file found; "
                f"delete the database to re-restore: {self._path}"
            ) from None
        except (OSError, UnicodeDecodeError, PlaitError):
            raise ConfigurationError(
                f"cannot resume follow mode: {self._state} does not tell the last transaction of {self._path}",
                hint="-force restores it anew",
            ) from None

    def _write_state(self) -> None:
        beside = self._state.with_name(f".{self._state.name}.{secrets.token_hex(4)}")
        try:
            with beside.open("w", encoding="ascii") as file:
                file.write(f"{format_txid(self.txid)}\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._state)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise from_os_error(error, f"cannot write {self._state}") from None


@contextmanager
def until_signal() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set, in place of ending the process."""
    stopped = Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Holds what SQLite holds while it writes a database: the pending lock, and all shared ones."""
    for first, size in ((_PENDING_BYTE, 1), (_SHARED_FIRST, _SHARED_SIZE)):
        fcntl.lockf(descriptor, fcntl.LOCK_EX, size, first)
    try:
        yield
    finally:
        for first, size in ((_SHARED_FIRST, _SHARED_SIZE), (_PENDING_BYTE, 1)):
            fcntl.lockf(descriptor, fcntl.LOCK_UN, size, first)


def _page_size(descriptor: int) -> int:
    size = int.from_bytes(os.pread(descriptor, 2, 16), "big")
    return 65536 if size == 1 else size
