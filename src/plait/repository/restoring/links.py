"""Hard links: which names of a snapshot are names of one file."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from plait.model.errors import PlaitError
    from plait.repository.restoring.target import Item

_File: TypeAlias = tuple[int, int, bytes]
"""Device, inode and object: a file that changed while it was saved is not one with its other names."""


class _Names:
    """The names of one file: the first, whether it is written or failed, those that wait, and how many are to come."""

    __slots__ = ("error", "first", "left", "waiting", "written")

    def __init__(self, first: Item) -> None:
        self.first = first
        self.written = False
        self.error: PlaitError | None = None
        self.waiting: list[Item] = []
        self.left = first.entry.file_info.links - 1


class Links:
    """The files with several names that are under way. Several threads may share it."""

    def __init__(self) -> None:
        self._files: dict[_File, _Names] = {}
        self._lock = Lock()

    def add(self, item: Item) -> Item | PlaitError | Literal["waits"] | None:
        """Takes in a name: None where it is the first and is to be written, else the written one or why it failed.

        "waits": the first is not written yet; `finish` gives this name back.
        """
        with self._lock:
            names = self._files.get(_file(item))
            if names is None:
                self._files[_file(item)] = _Names(item)
                return None
            names.left -= 1
            if names.error is None and not names.written:
                names.waiting.append(item)
                return "waits"
            if names.left <= 0:
                del self._files[_file(item)]
            return names.error or names.first

    def finish(self, item: Item, error: PlaitError | None) -> list[Item]:
        """The first name is written, or failed; those that waited for it."""
        with self._lock:
            names = self._files.get(_file(item))
            if names is None or names.first is not item:
                return []
            names.written, names.error = error is None, error
            waiting, names.waiting = names.waiting, []
            if names.left <= 0:
                del self._files[_file(item)]
            return waiting


def _file(item: Item) -> _File:
    info = item.entry.file_info
    return info.device, info.inode, item.entry.object
