"""The databases of directories that are watched: new ones are replicated, those that go are let go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plait.model.errors import PlaitError
from plait.replication import events
from plait.replication.configuration.directories import find_databases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.replication.configuration.settings import DatabaseSettings, DirectorySettings
    from plait.replication.daemon import Daemon

_CALM: Final = 0.25
"""Seconds between the first of some changes and the look at the directory."""
_POLL: Final = 5.0
"""Seconds between two looks where nothing can be heard of changes."""


class DirectoryWatch:
    """The databases of one directory, as a daemon has them."""

    def __init__(self, settings: DirectorySettings, daemon: Daemon, emit: Callable[[events.Event], None]) -> None:
        self._settings = settings
        self._daemon = daemon
        self._emit = emit
        self._paths: set[str] = set()
        self._watched: set[str] = set()
        self._is_asked = False
        self._is_polling = False
        self._is_failing = False

    def look(self) -> None:
        """Register what is new, and let go what is gone. Raises what a directory without databases raises."""
        self._is_asked = False
        is_heard = self._settings.watch and self._watch()
        found = find_databases(self._settings, known=frozenset(self._paths))
        self._is_failing = False
        self._take(found)
        if self._settings.watch and not is_heard:
            self._poll()

    def _look_again(self) -> None:
        """As `look`. What a directory held that cannot be read any more is let go, until it can."""
        try:
            self.look()
        except PlaitError as error:
            if not self._is_failing:
                self._is_failing = True
                self._emit(events.Failed(path=self._settings.directory, error=error, count=1, delay=_POLL))
            if self._settings.watch:
                self._watched.clear()
                self._take([])
                self._poll()

    def _poll(self) -> None:
        """Have another look in a while, one for whoever asks meanwhile."""
        if self._is_polling:
            return
        self._is_polling = True

        def look() -> None:
            self._is_polling = False
            self._look_again()

        self._daemon.later(_POLL, look)

    def _take(self, found: Sequence[DatabaseSettings]) -> None:
        for database in found:
            if database.path not in self._paths:
                self._register(database)
        for path in self._paths - {database.path for database in found}:
            self._paths.discard(path)
            self._emit(events.Gone(path, self._settings.directory))
            self._let_go(path)

    def _register(self, database: DatabaseSettings) -> None:
        """Have a database replicated; where that fails it is told of, and tried again with the next look."""
        try:
            is_new = self._daemon.register(database)
        except PlaitError as error:
            self._emit(events.Failed(path=database.path, error=error, count=1, delay=_POLL))
            self._poll()
            return
        self._paths.add(database.path)
        if is_new:
            self._emit(events.Found(database.path, self._settings.directory))
        else:
            # One whose last upload failed when it was let go is still there, and stopped.
            self._daemon.start(database.path, None)

    def _let_go(self, path: str) -> None:
        try:
            self._daemon.unregister(path, None)
        except PlaitError:
            # Its file is gone: what could not be uploaded any more was told of by the events of its stopping.
            return

    def _watch(self) -> bool:
        """Listen to the directory, and to those below it; whether all of them can be listened to."""
        folders = [self._settings.directory]
        if self._settings.recursive:
            folders += [
                os.path.join(folder, name)
                for folder, names, _ in os.walk(self._settings.directory)
                for name in names
                if not name.endswith("-litestream")
            ]
        for folder in self._watched.difference(folders):
            self._watched.discard(folder)
        for folder in folders:
            if folder not in self._watched:
                if not self._daemon.listen(Path(folder), self._changed):
                    return False
                self._watched.add(folder)
        return True

    def _changed(self, name: str) -> None:
        if name.endswith(("-wal", "-shm", "-journal", "-litestream")) or self._is_asked:
            return
        self._is_asked = True
        if not name:
            # A directory may have gone, and its watch with it.
            self._watched.clear()
        self._daemon.later(_CALM, self._look_again)
