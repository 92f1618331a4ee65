"""Locks: who writes to a repository, so that nothing in use is removed (format, section 11).

A lock is put first and the others are looked at then, which makes two takers see each other without an atomic create.
Ages are differences between what the store says of two files, so that no machine's clock matters. Reading takes no
lock and waits for none.
"""

from __future__ import annotations

import socket
import time
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Self

from plait.model.errors import BusyError, IntegrityError, NotSupportedError, ObjectNotFoundError, PlaitError
from plait.repository.format import locks
from plait.repository.format.locks import REFRESH_SECONDS, STALE_SECONDS, Lock
from plait.repository.layout import Folder
from plait.repository.signs import Sign, forget, is_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from plait.model.items import Stat
    from plait.repository.files import StoredFiles
    from plait.repository.format.codec import Codec

_SECOND: Final = 1_000_000_000
_ATTEMPTS: Final = 10
"""To refresh a lock, in the time from one refresh to the next."""


class LockLostError(BusyError):
    """The lock of this run was taken away: another program held it for stale. Nothing more may be published."""


class HeldLock:
    """A lock that this process holds: taken when it is made, refreshed until it is released.

    `name` is that of a snapshot in work for a shared lock, random for an exclusive one. `is_listed` tells whether a
    snapshot is part of the repository: a shared lock of one that is protects nothing any more, and is removed, as stale
    locks are. `told` gets a line about what could not be removed. `refresh`: seconds between refreshes.
    Raises BusyError where another lock forbids this one (an exclusive lock any, a shared one an exclusive),
    PreconditionError where the repository was replaced since it was opened; then, as after any error, no lock is left
    behind. Of `files` that are lockless nothing is taken and nobody is waited for.
    """

    def __init__(
        self,
        files: StoredFiles,
        codec: Codec,
        name: bytes,
        *,
        exclusive: bool = False,
        is_listed: Callable[[bytes], bool] = lambda _: False,
        told: Callable[[str], None] = lambda _: None,
        refresh: float = REFRESH_SECONDS,
    ) -> None:
        self._files = files
        self._codec = codec
        self.name = name
        self._exclusive = exclusive
        self._is_listed = is_listed
        self._told = told
        self._every = refresh
        self._changed = Condition()
        self._released = files.lockless
        self._lost = False
        self._stored: Stat
        self._refreshed: float
        if files.lockless:
            files.refuse_replaced()
            return
        # Before the lock, so that nobody sees the one without the other.
        self._sign = Sign(files.signs, name)
        try:
            self._put()
            self._look_round()
            # Who replaces a repository holds its exclusive lock meanwhile: it is known by now.
            files.refuse_replaced()
        except BaseException:
            self.release()
            raise
        Thread(target=self._keep_fresh, name="lock", daemon=True).start()

    def check(self) -> None:
        """Raises LockLostError unless the lock is still held: to be called before anything is published."""
        with self._changed:
            if self._files.lockless:
                return
            if time.monotonic() - self._refreshed > self._every:
                # The process or the machine slept: another may have thought the lock stale.
                self._refresh()
                self._look_round()
            self._verify()

    def release(self) -> None:
        """Removes the lock; where the store refuses, that is told and it goes stale. Repeated calls do nothing."""
        with self._changed:
            if self._released:
                return
            self._released = True
            self._changed.notify_all()
            gone = self._lost or self._remove(self.name, "the lock of this run")
            self._sign.take_down(over=not gone)

    def _put(self) -> None:
        lock = Lock(timestamp=time.time_ns(), host=socket.gethostname(), exclusive=self._exclusive)
        data = locks.write(lock, self._codec)
        self._stored = self._files.put(Folder.LOCKS, self.name, data)
        if _moment(self._stored) is None:
            self._stored = self._files.stat(Folder.LOCKS, self.name)
        self._refreshed = time.monotonic()

    def _look_round(self) -> None:
        for name in self._files.keys(Folder.LOCKS).keys() - {self.name}:
            try:
                stored = self._files.stat(Folder.LOCKS, name)
                data = self._files.read(self._files.key(Folder.LOCKS, name))
            except ObjectNotFoundError:
                # Its holder has just released it.
                continue
            self._judge(name, stored, data)

    def _judge(self, name: bytes, stored: Stat, data: bytes) -> None:
        """Raises BusyError where another lock forbids this one; removes it where it protects nothing."""
        if self._is_stale(stored):
            self._remove(name, "a stale lock")
            return
        if is_over(self._files.signs, name):
            if self._remove(name, "the lock of a run that was killed"):
                forget(self._files.signs, name)
            return
        try:
            lock = locks.read(data, self._codec)
        except (IntegrityError, NotSupportedError) as error:
            raise BusyError(
                f"the lock {name.hex()} cannot be read: {error}",
                hint=f"it is ignored {STALE_SECONDS // 60} minutes after it was written",
            ) from None
        if not lock.exclusive and self._is_listed(name):
            self._remove(name, "the lock of a finished snapshot")
            return
        if lock.exclusive or self._exclusive:
            what = "for maintenance" if lock.exclusive else "by a backup or a sync"
            raise BusyError(
                f"the repository is locked {what} by {lock.host or 'an unknown host'}",
                hint=f"a lock whose holder is gone is ignored after {STALE_SECONDS // 60} minutes",
            )

    def _is_stale(self, stored: Stat) -> bool:
        ours, theirs = _moment(self._stored), _moment(stored)
        return ours is not None and theirs is not None and ours - theirs >= STALE_SECONDS * _SECOND

    def _remove(self, name: bytes, what: str) -> bool:
        """Removes a lock; False where the store refuses, which is told."""
        try:
            self._files.remove(Folder.LOCKS, [name])
        except PlaitError as error:
            # A place where nothing may be deleted: the lock ages, and stands in nobody's way then.
            self._told(f"{what} could not be removed: {error}")
            return False
        return True

    def _verify(self) -> None:
        if not self._lost:
            try:
                self._files.stat(Folder.LOCKS, self.name)
            except ObjectNotFoundError:
                self._lost = True
        if self._lost:
            raise LockLostError(
                "the lock of this run was removed by another program",
                hint="nothing was published; run it again, what was stored is used again",
            )

    def _refresh(self) -> None:
        self._verify()
        self._put()

    def _keep_fresh(self) -> None:
        pause = self._every
        with self._changed:
            while not self._changed.wait_for(self._is_over, pause):
                pause = self._every
                try:
                    self._refresh()
                except LockLostError:
                    return
                except PlaitError as error:
                    # There is time for more attempts before it is stale; `check` decides what may be published.
                    pause = self._every / _ATTEMPTS
                    self._told(f"the lock could not be refreshed: {error}")

    def _is_over(self) -> bool:
        return self._released or self._lost

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def _moment(stat: Stat) -> int | None:
    """When a file was written by the store's clock, in nanoseconds."""
    return stat.modified if stat.stored_at is None else stat.stored_at
