"""What is known of two repositories together: which blob of the peer says what a blob of the source says.

Identifiers are keyed by repository, so that the two differ and neither tells the other. A pair is noted only once
everything that the peer's blob leads to is part of the peer, and is worth nothing once a packfile of the peer is gone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from plait.repository.format.hashing import plain_checksum
from plait.repository.format.resources import MAC_SIZE
from plait.repository.segments import key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    import apsw

_CHECKSUM: Final = 8
_BUSY_SECONDS: Final = 5
_RECENT: Final = 300_000
"""Pairs of this run that are kept in memory as well: 70 MB."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS pair (source BLOB PRIMARY KEY, peer BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS packfile (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (name BLOB PRIMARY KEY) WITHOUT ROWID;
"""


class Pairs:
    """Pairs of one source and one peer, kept in a file of the cache directory, or in a temporary one.

    The file may be deleted at any time; one that is damaged is made anew.
    """

    def __init__(self, cache: Path | None, source: bytes, peer: bytes) -> None:
        """`source` and `peer` tell the two repositories, in their places, from all others."""
        self._path = ""
        self._new: dict[bytes, bytes] = {}
        self._recent: dict[bytes, bytes] = {}
        self._is_empty = False
        self._database: apsw.Connection | None = None
        if cache is not None:
            directory = cache / "pairs"
            with suppress(OSError):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._path = os.fspath(directory / plain_checksum(source + peer).hex()[:32])
        self._open()

    def _open(self) -> None:
        import apsw

        for _ in range(2):
            try:
                database = apsw.Connection(self._path)
                database.set_busy_timeout(_BUSY_SECONDS * 1000)
                # A lost or torn file costs time only: each pair has a checksum of its own.
                database.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL")
                database.execute(_SCHEMA)
            except apsw.Error:
                self._delete()
            else:
                self._database = database
                return
            self._path = ""

    def _delete(self) -> None:
        if self._path:
            for suffix in ("", "-wal", "-shm"):
                with suppress(OSError):
                    os.unlink(self._path + suffix)

    def verify(self, packfiles: Collection[bytes]) -> None:
        """Forgets everything where a packfile of the peer that was there is none of `packfiles`."""
        import apsw

        if self._database is None:
            return
        try:
            gone = any(name not in packfiles for (name,) in self._database.execute("SELECT name FROM packfile"))
            if gone:
                self._recent = {}
                self._database.execute("DELETE FROM pair; DELETE FROM packfile; DELETE FROM snapshot")
            if not self._recent:
                self._is_empty = not list(self._database.execute("SELECT 1 FROM pair LIMIT 1"))
        except apsw.Error:
            self._start_over()

    def get(self, resource: int, mac: bytes) -> bytes | None:
        """The peer's blob for one of the source, if it is known."""
        key = key_of(resource, mac)
        found = self._new.get(key) or self._recent.get(key)
        if found is not None or self._database is None or self._is_empty:
            return found
        import apsw

        try:
            for (peer,) in self._database.execute("SELECT peer FROM pair WHERE source = ?", (key,)):
                if peer[MAC_SIZE:] == _checksum(key, peer[:MAC_SIZE]):
                    return bytes(peer[:MAC_SIZE])
        except apsw.Error:
            self._start_over()
        return None

    def set(self, resource: int, mac: bytes, peer: bytes) -> None:
        """Notes a pair of the snapshot that is being copied."""
        self._new[key_of(resource, mac)] = peer

    def has(self, snapshot: bytes) -> bool:
        """Whether all that a snapshot teaches is known."""
        import apsw

        if self._database is None:
            return False
        try:
            return bool(list(self._database.execute("SELECT 1 FROM snapshot WHERE name = ?", (snapshot,))))
        except apsw.Error:
            self._start_over()
            return False

    def keep(self, packfiles: Collection[bytes], snapshots: Iterable[bytes] = ()) -> None:
        """Keeps what was noted, now that it is part of the peer, whose packfiles are given.

        `snapshots`: those that this was the last of.
        """
        import apsw

        new, self._new = self._new, {}
        if self._database is None:
            return
        if len(self._recent) + len(new) <= _RECENT:
            self._recent.update(new)
        elif new:
            self._is_empty = False
        try:
            with self._database:
                rows = ((key, peer + _checksum(key, peer)) for key, peer in new.items())
                self._database.executemany("INSERT OR REPLACE INTO pair VALUES (?, ?)", rows)
                names = ((name,) for name in packfiles)
                self._database.executemany("INSERT OR IGNORE INTO packfile VALUES (?)", names)
                learned = ((name,) for name in snapshots)
                self._database.executemany("INSERT OR IGNORE INTO snapshot VALUES (?)", learned)
        except apsw.Error:
            self._start_over()

    def discard(self) -> None:
        """Forgets what was noted since the last `keep`."""
        self._new = {}

    def close(self) -> None:
        """Closes the file. Repeated calls do nothing."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _start_over(self) -> None:
        self._recent = {}
        self.close()
        self._delete()
        self._path = ""
        self._open()


def _checksum(key: bytes, peer: bytes) -> bytes:
    return plain_checksum(key + peer)[:_CHECKSUM]
