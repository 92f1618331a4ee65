"""Differences between two trees: of two snapshots, or of a snapshot and the files of this machine."""

from __future__ import annotations

import os
import stat
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import msgspec

from plait.model.errors import PlaitError, StoreError, from_os_error
from plait.repository.format.entries import MODE_SYMLINK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.repository.format.entries import Entry
    from plait.repository.snapshots import SnapshotReader

_SNIFFED: Final = 512
_LARGEST_TEXT: Final = 16 << 20
"""Bytes of a text up to which its differences are told line by line."""
_BLOCK: Final = 1 << 20
_TEXT: Final = frozenset((*range(0x20, 0x7F), *range(0x80, 0x100), *b"\t\n\r\f"))


class Kind(Enum):
    """What stands under a path."""

    DIRECTORY = "directory"
    FILE = "file"
    LINK = "symbolic link"
    OTHER = "other"


class Side(Protocol):
    """One of the two trees."""

    @property
    def label(self) -> str:
        """What the original calls it: eight digits of the snapshot, or `local`."""
        ...

    def kind(self, path: str) -> Kind:
        """What a path leads to through links. Raises ObjectNotFoundError, IntegrityError, StoreError."""
        ...

    def children(self, path: str) -> dict[str, Kind]:
        """The names in a directory, links as such."""
        ...

    def content(self, path: str) -> Iterator[bytes]:
        """The content of a file."""
        ...

    def target(self, path: str) -> str:
        """Where a symbolic link leads."""
        ...

    def identity(self, path: str) -> object:
        """What files of equal content have in common, None where only reading them tells."""
        ...


class OnlyIn(msgspec.Struct, frozen=True):
    """A name that one side has in a directory and the other has not. `side` is 0 or 1."""

    side: int
    directory: str
    name: str


class CommonDirectories(msgspec.Struct, frozen=True):
    """Both sides have a directory."""

    first: str
    second: str


class KindsDiffer(msgspec.Struct, frozen=True):
    """Both sides have something of the name, of different kinds."""

    first: str
    second: str
    first_kind: Kind
    second_kind: Kind


class ContentsDiffer(msgspec.Struct, frozen=True):
    """Two files differ; `lines` is their unified difference with its headings, None where one of them is no text."""

    first: str
    second: str
    lines: tuple[str, ...] | None


class WithoutContents(msgspec.Struct, frozen=True):
    """Both sides have something of the name, of one kind that has no content: links, devices, pipes.

    `equal`: they lead to the same, where they are links; of others nothing more is known.
    """

    first: str
    second: str
    equal: bool


class NotCompared(msgspec.Struct, frozen=True):
    """Two files or directories that could not be compared, and why."""

    path: str
    error: PlaitError


Difference: TypeAlias = OnlyIn | CommonDirectories | KindsDiffer | WithoutContents | ContentsDiffer | NotCompared


class SnapshotSide:
    """A snapshot."""

    def __init__(self, snapshot: SnapshotReader) -> None:
        self._snapshot = snapshot
        self.label = snapshot.identifier.hex()[:8]

    def kind(self, path: str) -> Kind:
        """As in `Side`."""
        return _kind(self._snapshot.follow(path))

    def children(self, path: str) -> dict[str, Kind]:
        """As in `Side`."""
        directory = self._snapshot.follow(path).path
        return {entry.file_info.name: _kind(entry) for entry in self._snapshot.children(directory)}

    def content(self, path: str) -> Iterator[bytes]:
        """As in `Side`."""
        return self._snapshot.content(self._snapshot.follow(path))

    def target(self, path: str) -> str:
        """As in `Side`."""
        return self._snapshot.entry(path).symlink_target

    def identity(self, path: str) -> object:
        """As in `Side`."""
        return self._snapshot.repository.configuration.repository, self._snapshot.follow(path).object


class LocalSide:
    """The files of this machine."""

    label = "local"

    def kind(self, path: str) -> Kind:
        """As in `Side`."""
        try:
            return _kind_of_mode(os.stat(path).st_mode)
        except OSError as error:
            raise from_os_error(error, path, key=path) from None

    def children(self, path: str) -> dict[str, Kind]:
        """As in `Side`."""
        try:
            with os.scandir(path) as found:
                return {item.name: _kind_of_mode(item.stat(follow_symlinks=False).st_mode) for item in found}
        except OSError as error:
            raise from_os_error(error, path, key=path) from None

    def content(self, path: str) -> Iterator[bytes]:
        """As in `Side`."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                while block := file.read(_BLOCK):
                    yield block
        except OSError as error:
            raise from_os_error(error, path, key=path) from None

    def target(self, path: str) -> str:
        """As in `Side`."""
        try:
            return os.readlink(path)
        except OSError as error:
            raise from_os_error(error, path, key=path) from None

    def identity(self, path: str) -> object:
        """As in `Side`."""
        del path
        return None


def compare(first: Side, first_path: str, second: Side, second_path: str, *, recursive: bool) -> Iterator[Difference]:
    """How two paths differ: two files in their contents, two directories in their names and, `recursive`, all below.

    Without `recursive`, files of both directories are compared too. Raises StoreError where one is a directory and the
    other is none, ObjectNotFoundError where there is no such path, IntegrityError, and what the sides raise for the
    paths themselves; what fails below comes as NotCompared.
    """
    first_kind, second_kind = first.kind(first_path), second.kind(second_path)
    if (first_kind is Kind.DIRECTORY) != (second_kind is Kind.DIRECTORY):
        raise StoreError("can't diff different file types")
    if first_kind is Kind.DIRECTORY:
        yield from _directories(first, first_path, second, second_path, recursive=recursive)
    else:
        difference = _contents(first, first_path, second, second_path)
        if difference is not None:
            yield difference


def _directories(
    first: Side, first_path: str, second: Side, second_path: str, *, recursive: bool
) -> Iterator[Difference]:
    ours, theirs = first.children(first_path), second.children(second_path)
    for name in sorted(ours.keys() | theirs.keys(), key=os.fsencode):
        if name not in theirs:
            yield OnlyIn(0, first_path, name)
        elif name not in ours:
            yield OnlyIn(1, second_path, name)
        else:
            paths = _joined(first_path, name), _joined(second_path, name)
            kinds = ours[name], theirs[name]
            try:
                yield from _pair(first, second, paths, kinds, recursive=recursive)
            except PlaitError as error:
                yield NotCompared(paths[0], error)


def _pair(
    first: Side, second: Side, paths: tuple[str, str], kinds: tuple[Kind, Kind], *, recursive: bool
) -> Iterator[Difference]:
    if kinds == (Kind.DIRECTORY, Kind.DIRECTORY):
        yield CommonDirectories(*paths)
        if recursive:
            yield from _directories(first, paths[0], second, paths[1], recursive=True)
    elif kinds == (Kind.FILE, Kind.FILE):
        difference = _contents(first, paths[0], second, paths[1])
        if difference is not None:
            yield difference
    elif kinds[0] is not kinds[1]:
        yield KindsDiffer(*paths, *kinds)
    else:
        yield WithoutContents(*paths, kinds[0] is not Kind.LINK or first.target(paths[0]) == second.target(paths[1]))


def _contents(first: Side, first_path: str, second: Side, second_path: str) -> ContentsDiffer | None:
    known = first.identity(first_path)
    if known is not None and known == second.identity(second_path):
        return None
    ours, theirs = _Text(first.content(first_path)), _Text(second.content(second_path))
    if ours.is_text and theirs.is_text:
        if ours.data == theirs.data:
            return None
        names = f"{first.label}:{first_path}", f"{second.label}:{second_path}".removeprefix("local:")
        return ContentsDiffer(first_path, second_path, tuple(unified(ours.data, theirs.data, *names)))
    if _equal(ours.blocks(), theirs.blocks()):
        return None
    return ContentsDiffer(first_path, second_path, None)


def unified(first: bytes, second: bytes, first_name: str, second_name: str) -> Iterator[str]:
    """The unified difference of two texts, line by line without ends of lines, with three lines round each change.

    As the original's library cuts it: what is behind the last end of a line, even nothing, is a line too.
    """
    import difflib

    ours, theirs = (text.decode("utf-8", "surrogateescape").split("\n") for text in (first, second))
    return difflib.unified_diff(ours, theirs, first_name, second_name, lineterm="")


class _Text:
    """A content, read into memory as long as it may be a text."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        parts: list[bytes] = []
        size = 0
        self.is_text = True
        for block in blocks:
            if size < _SNIFFED and not _TEXT.issuperset(block[: _SNIFFED - size]):
                self.is_text = False
            parts.append(block)
            size += len(block)
            if not self.is_text or size > _LARGEST_TEXT:
                self.is_text = False
                break
        self.data = b"".join(parts)

    def blocks(self) -> Iterator[bytes]:
        yield self.data
        yield from self._blocks


def _equal(first: Iterable[bytes], second: Iterable[bytes]) -> bool:
    return all(ours == theirs for ours, theirs in zip_longest(_cut(first), _cut(second)))


def _cut(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one size, but for the last."""
    pending = bytearray()
    for block in blocks:
        pending += block
        while len(pending) >= _BLOCK:
            yield bytes(pending[:_BLOCK])
            del pending[:_BLOCK]
    if pending:
        yield bytes(pending)


def _joined(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"


def _kind(entry: Entry) -> Kind:
    if entry.file_info.is_directory:
        return Kind.DIRECTORY
    if entry.file_info.mode & MODE_SYMLINK:
        return Kind.LINK
    return Kind.FILE if entry.file_info.is_regular else Kind.OTHER


def _kind_of_mode(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.FILE if stat.S_ISREG(mode) else Kind.OTHER
