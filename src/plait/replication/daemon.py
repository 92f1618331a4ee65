"""The replication of any number of databases in one process."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import TYPE_CHECKING, Final

from plait.model.errors import PlaitError
from plait.replication.control.controlled import (
    Changed,
    DatabaseStatus,
    DatabaseUnknownError,
    Information,
    Synced,
)
from plait.replication.levels import until_next
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.managed import Managed, Shop
from plait.replication.notification import Notifications
from plait.replication.scheduling import Answer, Pool
from plait.stores.descriptors import allow_many_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from plait.replication import events
    from plait.replication.configuration.settings import DatabaseSettings, Place, UpkeepSettings
    from plait.replication.replica import Replica

_SWEEP: Final = 15.0
"""Seconds between two looks at databases of which nothing was told."""
_ABORT_CHECK: Final = 0.1
"""Seconds after which somebody who waits for the end is heard who does not want to."""
_STOPPING: Final = 32
"""How many databases are stopped at once."""


class Daemon:
    """The databases that are replicated; what the control socket asks is `Controlled`.

    `open_replica` opens the replica at a place; `emit` takes events, from any thread, and must not block.
    """

    def __init__(
        self,
        upkeep: UpkeepSettings,
        open_replica: Callable[[Place], Replica],
        emit: Callable[[events.Event], None],
    ) -> None:
        self._upkeep = upkeep
        self._open_replica = open_replica
        self._shop = Shop(upkeep, Notifications(), emit)
        self._lock = Lock()
        self._databases: dict[str, Managed] = {}
        self._started_at = time.time_ns()
        self._is_closing = False

    def run(self) -> None:
        """Begin; returns at once."""
        # Each database needs five.
        allow_many_files()
        self._shop.loop.start()
        self._every(_SWEEP, self._sweep)
        self._every(self._upkeep.l0_retention_check_interval, lambda: self._keep(Managed.retire))
        for level, interval in enumerate(self._upkeep.levels, 1):
            self._at_boundaries(level, interval)
        self._at_boundaries(SNAPSHOT_LEVEL, self._upkeep.snapshot_interval)
        if self._upkeep.validation_interval:
            self._every(self._upkeep.validation_interval, lambda: self._keep(Managed.validate))

    def close(self, timeout: float | None = None, aborted: Callable[[], bool] = lambda: False) -> list[PlaitError]:
        """Stop all databases, each with a last sync and upload, within `timeout` seconds (None: the settings').

        Returns what kept databases from being in step; what is missing follows at the next start. Once `aborted()`,
        nothing more is waited for.
        """
        self._is_closing = True
        limit = self._upkeep.shutdown_sync_timeout if timeout is None else timeout
        pool = Pool("stop", _STOPPING)
        answers: list[Answer[Changed]] = []
        for managed in self._all():
            answer: Answer[Changed] = Answer()
            answers.append(answer)
            pool.submit(lambda answer=answer, managed=managed: answer.settle(lambda: managed.stop(limit, aborted)))  # type: ignore[misc]  # mypy infers no type of a lambda with a default
        errors = []
        end = time.monotonic() + limit + 1
        for answer in answers:
            try:
                while not answer.is_settled(_ABORT_CHECK) and not aborted() and time.monotonic() < end:
                    pass
                answer.wait(0, "the last upload did not end in time")
            except PlaitError as error:
                errors.append(error)
        self._shop.loop.stop()
        self._shop.notifications.close()
        for managed in self._all():
            managed.close()
        return errors

    def listen(self, directory: Path, listener: Callable[[str], None]) -> bool:
        """Call `listener` with the names of what changes in a directory; False where that cannot be heard of."""
        return self._shop.notifications.directory(directory, listener)

    def later(self, delay: float, work: Callable[[], None]) -> None:
        """Have `work` done in `delay` seconds, on a thread that may block."""
        self._shop.loop.after(delay, lambda: self._shop.keeping.submit(work))

    def info(self) -> Information:
        """The daemon itself."""
        return Information(pid=os.getpid(), started_at=self._started_at, database_count=len(self._databases))

    def list(self) -> Sequence[DatabaseStatus]:
        """All databases, in the order of their paths."""
        return [managed.status() for managed in sorted(self._all(), key=lambda managed: managed.path)]

    def status(self, path: str) -> DatabaseStatus:
        """One database."""
        return self._managed(path).status()

    def sync(self, path: str, *, wait: bool, timeout: float | None) -> Synced:
        """Capture what was committed; with `wait`, also upload it. Raises DatabaseClosedError for a stopped one."""
        return self._managed(path).sync(wait=wait, timeout=timeout)

    def start(self, path: str, timeout: float | None) -> Changed:  # noqa: ARG002  (it begins; nothing is waited for)
        """Begin replication; returns before the first sync."""
        managed = self._managed(path)
        return Changed(managed.start(), managed.database.newest_local())

    def stop(self, path: str, timeout: float | None) -> Changed:
        """End replication with a last sync and upload; the database stays registered."""
        return self._managed(path).stop(timeout)

    def register(self, settings: DatabaseSettings) -> bool:
        """Add a database and start it; False where one of this path is there already."""
        with self._lock:
            if settings.path in self._databases:
                return False
            managed = Managed(settings, self._open_replica, self._shop)
            self._databases[settings.path] = managed
        managed.start()
        return True

    def unregister(self, path: str, timeout: float | None) -> Changed:
        """Stop and forget a database. A path that is not registered changes nothing."""
        with self._lock:
            managed = self._databases.get(path)
        if managed is None:
            return Changed(False, 0)
        managed.stop(timeout)
        with self._lock:
            self._databases.pop(path, None)
        managed.close()
        return Changed(True, managed.database.txid)

    def _managed(self, path: str) -> Managed:
        with self._lock:
            managed = self._databases.get(path)
        if managed is None:
            raise DatabaseUnknownError(path)
        return managed

    def _all(self) -> Sequence[Managed]:
        with self._lock:
            return tuple(self._databases.values())

    def _sweep(self) -> None:
        for managed in self._all():
            managed.look()

    def _keep(self, work: Callable[[Managed], None]) -> None:
        for managed in self._all():
            if not self._is_closing:
                work(managed)

    def _every(self, interval: float, work: Callable[[], None]) -> None:
        """Have `work` done by the threads of upkeep, again and again."""

        def once() -> None:
            try:
                work()
            finally:
                self.later(interval, once)

        self.later(interval, once)

    def _at_boundaries(self, level: int, interval: float) -> None:
        def once() -> None:
            try:
                self._keep(lambda managed: managed.keep(level, interval))
            finally:
                wait()

        def wait() -> None:
            self.later(until_next(time.time_ns(), interval), once)

        wait()
