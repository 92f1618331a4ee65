"""Walking a local tree in the total order: whole directories as columns, nothing done for each entry.

The walk is a stack of open directories. A directory's entries are read in one native call, and given out as one page up
to each subdirectory, which is then walked before the rest. Symbolic links, special files and entries that could not be
read are rare: only a directory that holds some is touched entry by entry.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import DirectoryNotFoundError, StoreError, from_os_error
from plait.model.items import POSIX_FIELDS, Kind, Page, Posix, order_bytes
from plait.native import scan, scan_pages
from plait.stores.local.ahead import LARGEST, ReadAhead, Upcoming
from plait.stores.local.attributes import posix_of, stat_of
from plait.stores.local.columns import NO_SIZE, WIDTH, Columns, Row
from plait.stores.local.options import LINK_SUFFIX, Links
from plait.stores.local.partials import is_partial_name
from plait.stores.local.paths import components

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.native import Scan
    from plait.stores.local.options import LocalOptions
    from plait.stores.local.paths import Root

KEPT_OPEN = 200
"""Directories of the stack beyond this depth are closed while others are read, to spare descriptors."""
PIECE = 10_000
"""Entries of a huge directory that are held with their attributes at a time."""
LEVELS_AHEAD = 32
"""Down to this depth subdirectories are read ahead; it bounds the descriptors that this takes."""
_DEVICE = Posix.__struct_fields__.index("device")
_SYMLINK, _SPECIAL = bytes([Kind.SYMLINK]), bytes([Kind.SPECIAL])


class _Level:
    """A directory of the stack: what of it is still to come."""

    __slots__ = (
        "answers",
        "columns",
        "descriptor",
        "identity",
        "more",
        "parts",
        "position",
        "prefix",
        "rest",
        "skipping",
        "upcoming",
    )

    def __init__(self, descriptor: int | None, parts: tuple[str, ...], prefix: str, ahead: ReadAhead) -> None:
        self.descriptor = descriptor
        self.parts = parts
        self.prefix = prefix
        self.rest: str | None = None
        self.skipping = ""
        self.columns = Columns([], b"", b"", b"", b"")
        self.more: Iterator[Scan] = iter(())
        self.position = 0
        self.identity: tuple[int, int] | None = None
        self.upcoming = Upcoming(ahead)
        self.answers: dict[int, bool] = {}

    def close(self) -> None:
        """Closes the directory, and what was opened of its subdirectories."""
        self.upcoming.close()
        self.close_directory()

    def close_directory(self) -> None:
        """Closes the directory alone; it can be reached from the root again."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


class Walk:
    """One listing of a tree. `left_over` is told the key of each partial file that is left out."""

    def __init__(
        self,
        root: Root,
        options: LocalOptions,
        notice: Callable[[str, str], None],
        left_over: Callable[[str], None],
        descend: Callable[[str], bool] | None,
    ) -> None:
        self._root = root
        self._options = options
        self._notice = notice
        self._left_over = left_over
        self._descend = descend
        self._device: int | None = None
        self._stack: list[_Level] = []
        self._ahead = ReadAhead()

    def pages(self, prefix: str, start_after: str) -> Iterator[Page]:
        """The pages of everything below `prefix` that stands after `start_after`.

        Raises DirectoryNotFoundError where `prefix` is missing, the catalogue's error where it cannot be read.
        """
        rest = _rest(prefix, start_after)
        if rest is None:
            return
        parts = components(prefix.removesuffix("/"))
        try:
            descriptor = self._root.open(parts)
        except (FileNotFoundError, NotADirectoryError):
            raise DirectoryNotFoundError("directory not found", key=prefix.removesuffix("/")) from None
        except OSError as error:
            raise from_os_error(error, f'failed to open directory "{prefix}"', key=prefix.removesuffix("/")) from None
        if self._options.one_file_system:
            self._device = os.fstat(self._root.descriptor()).st_dev
        try:
            failed = self._enter(descriptor, None, parts, prefix, rest)
            if failed is not None:
                yield failed
            while self._stack:
                yield from self._step(self._stack[-1])
        finally:
            self._ahead.close()
            for level in self._stack:
                level.close()

    def _step(self, level: _Level) -> Iterator[Page]:
        """One run of the uppermost directory: up to its next subdirectory, and into that."""
        columns, start = level.columns, level.position
        count = len(columns.names)
        index = columns.next_directory(start)
        if index < 0:
            if not self._go_on(level):
                self._pop()
            if start < count:
                yield columns.page(level.prefix, start, count)
            return
        level.position = index + 1
        name, rest = columns.names[index], ""
        if level.rest is not None:
            # The directory that the listing goes on below; itself it stands before the point of departure.
            rest, level.rest = level.rest, None
        else:
            yield columns.page(level.prefix, start, index + 1)
        key = level.prefix + name
        found: Scan | None = None
        descriptor: int | None
        read = level.upcoming.take(index)
        if not self._enters(level, index):
            return
        if read is not None:
            descriptor, found = None if read[0] < 0 else read[0], read[1]
        else:
            try:
                descriptor = self._open_below(level, name)
            except OSError as error:
                yield Page.failed(key, from_os_error(error, f'failed to open directory "{key}"', key=key))
                return
        self._look_ahead(level)
        parts = (*level.parts, name)
        if level.position == count and self._options.links is not Links.FOLLOW and not self._go_on(level):
            self._pop()
        failed = self._enter(descriptor, found, parts, key + "/", rest)
        if failed is not None:
            yield failed

    def _look_ahead(self, level: _Level) -> None:
        """Lets the next subdirectories be read while this one is used."""
        if level.upcoming.is_busy:
            return

        def next_entered(index: int) -> int:
            while (index := level.columns.next_directory(index)) >= 0:
                level.answers[index] = self._enters(level, index)
                if level.answers[index]:
                    break
                index += 1
            return index

        if (
            level.descriptor is not None
            and self._options.links is not Links.FOLLOW
            and len(self._stack) <= LEVELS_AHEAD
        ):
            level.upcoming.look(level.descriptor, level.position, next_entered, level.columns.names.__getitem__)

    def _enters(self, level: _Level, index: int) -> bool:
        """Whether a subdirectory is to be entered; asked once for each."""
        answer = level.answers.pop(index, None)
        if answer is None:
            answer = self._descend is None or self._descend(level.prefix + level.columns.names[index])
        return answer

    def _pop(self) -> None:
        self._stack.pop().close()

    def _open_below(self, level: _Level, name: str) -> int:
        if level.descriptor is None:
            return self._root.open((*level.parts, name))
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        if self._options.links is not Links.FOLLOW:
            flags |= os.O_NOFOLLOW
        return os.open(name, flags, dir_fd=level.descriptor)

    def _enter(
        self, descriptor: int | None, found: Scan | None, parts: tuple[str, ...], prefix: str, rest: str
    ) -> Page | None:
        """Puts a directory on the stack that was read, or is read now; returns what went wrong."""
        level = _Level(descriptor, parts, prefix, self._ahead)
        directory = prefix.removesuffix("/")
        try:
            loop = False
            if found is not None:
                level.more = iter((found,))
            elif descriptor is not None:
                loop = self._options.links is Links.FOLLOW and self._leads_back(level, descriptor)
                level.more = iter(()) if loop else self._read(descriptor)
        except OSError as error:
            level.close()
            return Page.failed(
                directory, from_os_error(error, f'failed to read directory "{directory}"', key=directory)
            )
        if loop:
            level.close()
            message = f'failed to open directory "{directory}": a symbolic link leads back to a directory above it'
            return Page.failed(directory, StoreError(message, key=directory))
        self._stack.append(level)
        level.skipping = rest
        self._go_on(level)
        if len(self._stack) > KEPT_OPEN:
            level.close_directory()
        return None

    def _read(self, descriptor: int) -> Iterator[Scan]:
        """What a directory holds; a huge one in pieces, where no link can change the order of its names."""
        if self._options.links is Links.SKIP and os.fstat(descriptor).st_size > LARGEST:
            return scan_pages(descriptor, PIECE)
        return iter((scan(descriptor),))

    def _go_on(self, level: _Level) -> bool:
        """Turns to the next piece of a directory; False where there is none."""
        for piece in level.more:
            level.columns = Columns(*piece)
            level.position = 0
            self._adjust(level)
            if level.skipping:
                self._skip(level, level.skipping)
                if level.position == len(level.columns):
                    continue
                level.skipping = ""
            level.upcoming = Upcoming(self._ahead)
            return True
        return False

    def _leads_back(self, level: _Level, descriptor: int) -> bool:
        found = os.fstat(descriptor)
        level.identity = (found.st_dev, found.st_ino)
        return any(above.identity == level.identity for above in self._stack)

    def _skip(self, level: _Level, rest: str) -> None:
        """Goes on after `rest`, which is relative to the directory."""
        name, slash, below = rest.partition("/")
        start = level.columns.after(order_bytes(name + slash))
        if slash and start and level.columns.names[start - 1] == name:
            start -= 1
            level.rest = below
        level.position = start

    def _adjust(self, level: _Level) -> None:
        """Takes out, with a notice, what a listing does not show, and turns links into what they are shown as."""
        columns = level.columns
        suffix = self._options.partial_suffix
        if suffix in "\0".join(columns.names):
            partial = [i for i, name in enumerate(columns.names) if self._is_left_over(level, i, name)]
            columns = columns.without(partial)
        if _SYMLINK in columns.kinds or _SPECIAL in columns.kinds:
            columns = self._links(columns, level)
            columns = self._without_specials(columns, level)
        if self._device is not None:
            away = [i for i in columns.indexes(Kind.DIRECTORY) if columns.detail(i, _DEVICE) != self._device]
            columns = columns.without(away)
        level.columns = columns

    def _is_left_over(self, level: _Level, index: int, name: str) -> bool:
        suffix = self._options.partial_suffix
        if level.columns.kinds[index] not in {Kind.FILE, Kind.SYMLINK} or not is_partial_name(name, suffix):
            return False
        self._left_over(level.prefix + name)
        return True

    def _without_specials(self, columns: Columns, level: _Level) -> Columns:
        special = list(columns.indexes(Kind.SPECIAL))
        if not self._options.skip_specials:
            for index in special:
                self._notice(level.prefix + columns.names[index], "Can't transfer non file/directory")
        return columns.without(special)

    def _links(self, columns: Columns, level: _Level) -> Columns:
        """Turns links into what they are shown as; one that leads nowhere is an entry that could not be read."""
        links = list(columns.indexes(Kind.SYMLINK))
        if not links:
            return columns
        if self._options.links is Links.SKIP:
            if not self._options.skip_links:
                for index in links:
                    self._notice(level.prefix + columns.names[index], "Can't follow symlink without -L/--copy-links")
            return columns.without(links)
        if self._options.links is Links.TRANSLATE:
            return columns.replaced({index: _translated(columns.row(index)) for index in links})
        if level.descriptor is None:
            raise AssertionError("a directory whose links are followed is open")
        rows: dict[int, Row] = {}
        for index in links:
            row = columns.row(index)
            try:
                rows[index] = _followed(row, level.descriptor)
            except OSError as error:
                number = (error.errno or 0).to_bytes(WIDTH, sys.byteorder, signed=True)
                rows[index] = msgspec.structs.replace(row, kind=Kind.UNREADABLE, size=number)
        return columns.replaced(rows)


def _rest(prefix: str, start_after: str) -> str | None:
    """`start_after` relative to `prefix`; "" where everything below the prefix follows it, None where nothing does."""
    if not start_after or order_bytes(start_after) <= order_bytes(prefix):
        return ""
    if start_after.startswith(prefix):
        return start_after[len(prefix) :]
    return None


def _translated(link: Row) -> Row:
    return Row(link.name + LINK_SUFFIX, Kind.FILE, link.size, link.modified, link.detail)


def _followed(link: Row, directory: int) -> Row:
    """The row of what a link leads to, under the link's name. Raises OSError."""
    found = os.stat(link.name, dir_fd=directory)
    stat = stat_of(found)
    size = NO_SIZE if stat.size is None else _number(stat.size)
    detail = struct.pack(f"={POSIX_FIELDS}q", *msgspec.structs.astuple(posix_of(found)))
    return Row(link.name, stat.kind, size, _number(stat.modified or 0), detail)


def _number(value: int) -> bytes:
    return value.to_bytes(WIDTH, sys.byteorder, signed=True)
