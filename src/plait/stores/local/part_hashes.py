"""The MD5 of a file and of its parts, for stores that want to know them before the content comes."""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING

from plait.model.errors import CancelledError, SourceChangedError, from_os_error
from plait.native import md5_parts
from plait.stores.base import PartHashes
from plait.stores.local.attributes import stat_of
from plait.stores.local.reading import check_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.model.items import Stat

LOOK = 0.2
"""Seconds between two looks at the cancellation."""
_DIGEST = 16


def hash_file_parts(
    descriptor: int, part_size: int, expected: Stat, key: str, *, check: bool, cancelled: Callable[[], bool]
) -> PartHashes:
    """Reads an open file once. Raises CancelledError, SourceChangedError (only where `check`), StoreError."""
    before = stat_of(os.fstat(descriptor))
    if check:
        check_file(expected, before, key)
    size = before.size or 0
    work = _Work(descriptor, size, part_size)
    work.run(cancelled)
    if work.error is not None:
        raise from_os_error(work.error, "failed to read", key=key) from None
    if work.read < size:
        if cancelled():
            raise CancelledError("interrupted")
        raise SourceChangedError(
            f"can't copy - source file is being updated (size changed from {size} to {work.read})", key=key
        )
    if check:
        check_file(before, stat_of(os.fstat(descriptor)), key)
    values = [work.digests[start : start + _DIGEST].hex() for start in range(0, len(work.digests), _DIGEST)]
    return PartHashes("md5", part_size, values[0], values[1:])


class _Work:
    """One reading, on a thread of its own: the caller's watches for a cancellation."""

    def __init__(self, descriptor: int, size: int, part_size: int) -> None:
        self._arguments = (descriptor, size, part_size)
        self._flag = bytearray(1)
        self.digests = b""
        self.read = 0
        self.error: OSError | None = None

    def run(self, cancelled: Callable[[], bool]) -> None:
        thread = Thread(target=self._hash, name="part-hashes", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(LOOK)
            if cancelled():
                self._flag[0] = 1

    def _hash(self) -> None:
        try:
            self.digests, self.read = md5_parts(*self._arguments, self._flag)
        except OSError as error:
            self.error = error
