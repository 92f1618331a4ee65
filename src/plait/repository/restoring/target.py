"""Where a snapshot is restored to, as the restore sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from plait.model.errors import PlaitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plait.repository.format.entries import Entry

Attributes = tuple[tuple[str, bytes], ...]
"""Names and values of extended attributes."""


class IncompleteError(PlaitError):
    """An item was restored, but one of its attributes was not."""


class Folder:
    """A directory of the destination while anything in it is under way.

    `name` is its own, "" for the root; `entry` what it is to become in the end, None where it stays as it is.
    `pending` counts what is under way: items, directories in it, and the listing of it.
    """

    __slots__ = ("attributes", "entry", "key", "name", "parent", "parts", "pending")

    def __init__(self, parent: Folder | None, name: str, entry: Entry | None, attributes: Attributes = ()) -> None:
        self.parent = parent
        self.name = name
        self.entry = entry
        self.attributes = attributes
        self.parts: tuple[str, ...] = () if parent is None else (*parent.parts, name)
        self.key = "/".join(self.parts)
        self.pending = 1

    @classmethod
    def at(cls, parts: tuple[str, ...]) -> Folder:
        """A directory by the names that lead to it, of which nothing else is known."""
        folder = cls(None, "", None)
        for name in parts:
            folder = cls(folder, name, None)
        return folder


class Item:
    """Something that is to be restored into a folder."""

    __slots__ = ("attributes", "entry", "folder")

    def __init__(self, folder: Folder, entry: Entry, attributes: Attributes = ()) -> None:
        self.folder = folder
        self.entry = entry
        self.attributes = attributes

    @property
    def name(self) -> str:
        """Its name in the folder."""
        return self.entry.file_info.name

    @property
    def key(self) -> str:
        """Its key below the root of the destination."""
        return f"{self.folder.key}/{self.name}" if self.folder.key else self.name


class Target(Protocol):
    """Writes below the root of a destination, and nowhere else.

    An item appears whole under its name, or what was there stays. All methods raise PlaitError; IncompleteError where
    the item is in place, but not as it was.
    """

    @property
    def workers(self) -> int:
        """How many items at once pay off."""
        ...

    @property
    def hard_links(self) -> bool:
        """Whether `link` works at all."""
        ...

    def make_directory(self, folder: Folder) -> None:
        """Makes a directory, or takes one that is there. Its parent was made before."""
        ...

    def write(self, item: Item, size: int, chunks: Iterable[bytes]) -> None:
        """Writes a regular file of so many bytes; in several threads. Raises what taking the chunks raises."""
        ...

    def write_together(self, files: Sequence[tuple[Item, int, int]], data: memoryview) -> Sequence[bool]:
        """Writes regular files of one folder, given with where in `data` the content of each begins and ends.

        False for those of which nothing was done, and which `write` is to do; in several threads.
        """
        ...

    def link(self, item: Item, first: Item) -> None:
        """Gives a file that was written a further name; in several threads."""
        ...

    def make_special(self, item: Item) -> None:
        """Makes a symbolic link, pipe or socket. Raises NotSupportedError for what the destination cannot hold."""
        ...

    def finish_directory(self, folder: Folder) -> None:
        """Gives a directory its attributes and times, when nothing in it will change any more; in several threads."""
        ...

    def close(self) -> None:
        """Frees what it holds."""
        ...
