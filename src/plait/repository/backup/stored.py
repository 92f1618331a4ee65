"""Any store as the source of a backup: its listing as a tree of folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from plait.engine.listing import EntryFailed, TreeListing
from plait.engine.steps import Side
from plait.model.items import Kind
from plait.repository.backup.opened import go_mode, group_name, user_name
from plait.repository.backup.sources import Node, Unreadable, WithoutAttributes, WithoutFacts, WithoutHoles
from plait.repository.format import entries
from plait.repository.format.entries import FileInfo
from plait.repository.format.headers import Importer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from plait.model.items import Page, Stat
    from plait.repository.backup.excludes import Excludes
    from plait.stores.base import Reader, Store

_DIRECTORY_MODE: Final = entries.MODE_DIRECTORY | 0o750
"""What the original gives directories of which nothing is known."""
_FILE_MODE: Final = 0o640


class StoreSource(WithoutFacts):
    """What a store holds, as a tree at the absolute path `root`.

    `kind`, `origin`: what the snapshot is filed under. `excludes` decides on paths below and including `root`.
    """

    fingerprint = b""

    def __init__(
        self, store: Store, kind: str, origin: str, root: str = "/", *, excludes: Excludes | None = None
    ) -> None:
        self.store = store
        self.path = "/" + root.strip("/")
        self.importer = Importer(kind, origin, self.path)
        self._excludes = excludes

    def root(self) -> Node:
        """As in `Source`."""
        return Node(_directory("/"))

    def walk(self, cancelled: Callable[[], bool]) -> Iterator[StoreFolder]:
        """As in `Source`: a folder once all that is in it is known. Raises DirectoryNotFoundError."""
        yield from self._above()
        stack = [StoreFolder(self, self.path)]
        for page in TreeListing(self.store, Side.SOURCE, cancelled=cancelled).pages(descend=self._enters):
            path = self._path(page.directory if isinstance(page, EntryFailed) else page.prefix.rstrip("/"))
            while len(stack) > 1 and not f"{path}/".startswith(f"{stack[-1].path}/"):
                yield stack.pop()
            folder = stack[-1]
            if folder.path != path:
                # Below a directory that is left out, whose store lists everything all the same.
                continue
            if isinstance(page, EntryFailed):
                where = path if page.name is None else f"{path.rstrip('/')}/{page.name}"
                folder.errors.append(Unreadable(where, f"open {where}: {page.error.message}"))
            else:
                stack += self._take(folder, page)
        while stack and not cancelled():
            yield stack.pop()

    def _above(self) -> Iterator[StoreFolder]:
        """The directories above the root, each with the one that leads there."""
        at = "/"
        for part in [part for part in self.path.split("/") if part]:
            folder = StoreFolder(self, at)
            folder.add_directory(part)
            yield folder
            at = f"{at.rstrip('/')}/{part}"

    def _take(self, folder: StoreFolder, page: Page) -> list[StoreFolder]:
        """Adds the items of a page; the directory that it ends with."""
        if page.error is not None:
            folder.errors.append(Unreadable(folder.path, f"open {folder.path}: {page.error.message}"))
        found = []
        for index, name in enumerate(page.names):
            path = f"{folder.path.rstrip('/')}/{name}"
            is_directory = page.kinds[index] == Kind.DIRECTORY
            if self._excludes is not None and self._excludes.excludes(path, is_directory=is_directory):
                continue
            if is_directory:
                folder.add_directory(name, page.stat(index))
                found.append(StoreFolder(self, path))
            elif page.kinds[index] == Kind.UNREADABLE:
                folder.errors.append(Unreadable(path, f"lstat {path}: it cannot be read"))
            else:
                folder.add(name, page.prefix + name, page.stat(index))
        return found

    def _enters(self, key: str) -> bool:
        """Whether a directory is looked into; as far as the store asks."""
        return self._excludes is None or not self._excludes.excludes(self._path(key), is_directory=True)

    def _path(self, directory: str) -> str:
        return f"{self.path.rstrip('/')}/{directory}".rstrip("/") or "/"


class StoreFolder(WithoutAttributes):
    """A directory of a store."""

    signature = b""
    identity = None
    with_xattrs = False

    def __init__(self, source: StoreSource, path: str) -> None:
        self._store = source.store
        self.path = path
        self.errors: list[Unreadable] = []
        self._found: dict[str, tuple[str, Stat | None]] = {}
        self.subfolders: list[str] = []

    @property
    def names(self) -> Sequence[str]:
        """As in `Folder`."""
        return sorted(self._found, key=_raw)

    def add(self, name: str, key: str, stat: Stat) -> None:
        """Adds an object."""
        self._found[name] = key, stat

    def add_directory(self, name: str, stat: Stat | None = None) -> None:
        """Adds a directory."""
        self._found[name] = "", stat
        self.subfolders.append(name)

    def weights(self, names: Sequence[str]) -> Sequence[int]:
        """As in `Folder`."""
        return [0 if (stat := self._found[name][1]) is None else stat.size or 0 for name in names]

    def kinds(self, names: Sequence[str]) -> bytes:
        """As in `Folder`."""
        return bytes(Kind.FILE if self._found[name][0] else Kind.DIRECTORY for name in names)

    def unchanged(self, signature: bytes) -> frozenset[str]:
        """As in `Folder`."""
        del signature
        return frozenset()

    def lasting(self) -> bytes:
        """As in `Folder`."""
        return b""

    def node(self, name: str) -> Node:
        """As in `Folder`; the store is asked for what its listing does not tell."""
        key, stat = self._found[name]
        if not key:
            return Node(_directory(name, stat))
        if stat is None or stat.modified is None:
            stat = self._store.stat(key)
        return Node(_info(name, stat, _FILE_MODE))

    def open(self, node: Node) -> StoreContent:
        """As in `Folder`."""
        return StoreContent(self._store.read(self._found[node.name][0]), node.info)


class StoreContent(WithoutHoles):
    """An object that is being read."""

    def __init__(self, reader: Reader, info: FileInfo) -> None:
        self._reader = reader
        self.info = info
        self.read = reader.read

    def xattrs(self) -> Sequence[str]:
        """As in `Content`."""
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reader.close()


def _directory(name: str, stat: Stat | None = None) -> FileInfo:
    if stat is None or stat.posix is None:
        return FileInfo(name=name, mode=_DIRECTORY_MODE, mod_time=0 if stat is None else stat.modified or 0)
    return _info(name, stat, _DIRECTORY_MODE)


def _info(name: str, stat: Stat, mode: int) -> FileInfo:
    modified = stat.stored_at if stat.modified is None else stat.modified
    posix = stat.posix
    if posix is None:
        return FileInfo(name=name, size=stat.size or 0, mode=mode, mod_time=modified or 0)
    return FileInfo(
        name=name,
        size=stat.size or 0,
        mode=go_mode(posix.mode),
        mod_time=modified or 0,
        uid=posix.uid,
        gid=posix.gid,
        user=user_name(posix.uid),
        group=group_name(posix.gid),
    )


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
