"""A log file that begins anew where it would grow too large; old ones stay beside it, with the time in their names.

`sync.log` becomes `sync-2026-11-21T02-44-19.000.log`, the shape that rclone gives them.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODE: Final = 0o640
"""What names files is not for everybody; as with rclone."""
_STAMP = "%Y-%m-%dT%H-%M-%S"
_STAMP_LENGTH = len("2026-11-21T02-44-19.000")


def open_to_append(path: Path) -> TextIO:
    """A log file, made where there is none. Raises OSError."""
    return open(path, "a", encoding="utf-8", errors="surrogateescape", opener=partial(os.open, mode=MODE))


class RotatingFile:
    """Takes the place of a text stream; one writer at a time.

    `most` bytes are in one file; so many `backups` are kept (0: all), each for `seconds` (0: for ever), `compressed`
    with gzip on request. Raises OSError where a file cannot be opened.
    """

    def __init__(self, path: Path, most: int, *, backups: int, seconds: float, compressed: bool) -> None:
        self._path = path
        self._most = most
        self._backups = backups
        self._seconds = seconds
        self._compressed = compressed
        self._file: TextIO = self._open()
        self._size = path.stat().st_size

    def write(self, text: str) -> int:
        """Writes text, in a new file where this one would grow too large."""
        size = len(text.encode("utf-8", "surrogateescape"))
        if self._size and self._size + size > self._most:
            self._rotate()
        self._size += size
        return self._file.write(text)

    def flush(self) -> None:
        """Hands everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Ends the log."""
        self._file.close()

    def _open(self) -> TextIO:
        return open_to_append(self._path)

    def _rotate(self) -> None:
        self._file.close()
        now = time.time()
        stamp = time.strftime(_STAMP, time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}"
        old = self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}")
        self._path.rename(old)
        self._file = self._open()
        self._size = 0
        if self._compressed:
            _compress(old)
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Removes the old files that are too many or too old."""
        kept = sorted(self._old(), key=lambda path: path.name, reverse=True)
        for number, path in enumerate(kept):
            too_many = 0 < self._backups <= number
            too_old = self._seconds > 0 and path.stat().st_mtime < now - self._seconds
            if too_many or too_old:
                path.unlink(missing_ok=True)

    def _old(self) -> Iterator[Path]:
        begin = f"{self._path.stem}-"
        for path in self._path.parent.iterdir():
            name = path.name.removesuffix(".gz")
            ends = name.endswith(self._path.suffix)
            if name.startswith(begin) and ends and len(name) == len(begin) + _STAMP_LENGTH + len(self._path.suffix):
                yield path


def _compress(path: Path) -> None:
    import gzip
    import shutil

    with path.open("rb") as plain, gzip.open(path.with_name(path.name + ".gz"), "wb") as packed:
        shutil.copyfileobj(plain, packed)
    path.unlink()
