"""Snapshots as an fsspec filesystem, `kloset://`, for pandas, DuckDB, Dask and whatever else opens files through it.

A path is `SNAPSHOT/PATH`: as many first digits of a snapshot's identifier as are needed, or `latest`, and an absolute
path in it. `kloset://@NAME/SNAPSHOT/PATH` names the repository as well, by its entry in stores.yml. Nothing is read but
the chunks in which the wanted ranges are, and nothing can be written.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from plait.model.errors import (
    ConfigurationError,
    DirectoryNotFoundError,
    IntegrityError,
    ObjectNotFoundError,
    UsageError,
)
from plait.repository.browsing import Browser, Node, posix_mode
from plait.repository.configured.catalogue import Catalogue, Section
from plait.repository.configured.names import resolve
from plait.repository.configured.secrets import from_shell
from plait.repository.places import open_place
from plait.repository.repository import Repository
from plait.stores.rclone_config import ConfiguredRemotes
from plait.stores.registry import Opening
from plait.stores.wrappers.retry import RetryPolicy, retrying

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.repository.seeking import SeekableContent
    from plait.stores.base import Store

LATEST: Final = "latest"
"""The newest snapshot, in the place of an identifier."""
_BLOCK: Final = 256 << 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Final = {stat.S_IFDIR: "directory", stat.S_IFREG: "file"}


class KlosetFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A repository of snapshots, read-only.

    Methods raise OSErrors, as those of other filesystems do: FileNotFoundError, IsADirectoryError,
    NotADirectoryError, and OSError with EIO for what is damaged. What is wrong with the repository itself raises the
    catalogue's errors, at the first use.
    """

    protocol: ClassVar[str] = "kloset"
    root_marker: ClassVar[str] = ""

    def __init__(
        self,
        repository: str = "",
        passphrase: str | bytes | None = None,
        *,
        configdir: str | os.PathLike[str] | None = None,
        cachedir: str | os.PathLike[str] | None = None,
        **storage_options: Any,
    ) -> None:
        """Nothing is opened yet.

        `repository`: a path, a URL as in stores.yml, or `@NAME`. `passphrase`: of one that is encrypted, where its
        entry has none. `configdir`: where stores.yml is, if not where the original has it. `cachedir`: where what was
        read of the repository's index is kept for the next time; nowhere by default.
        """
        super().__init__(**storage_options)
        self._location = repository
        self._passphrase = passphrase.encode() if isinstance(passphrase, str) else passphrase
        self._configuration = configdir
        self._cache = None if cachedir is None else Path(cachedir)
        self._guard = RLock()
        self._browser: Browser | None = None

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = os.fspath(path).removeprefix("kloset://").removeprefix("kloset::")
        if text.startswith("@"):
            text = text.partition("/")[2]
        return text.strip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        text = path.removeprefix("kloset://")
        return {"repository": text.partition("/")[0]} if text.startswith("@") else {}

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Name, type and size of a path, and what else the snapshot says of it. Links are followed."""
        del kwargs
        path = self._strip_protocol(path)
        with _as_os_errors(path):
            return self._described(path, self._node(path))

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:  # noqa: FBT001, FBT002  (as fsspec has it)
        """What a directory holds, or the file itself; at the root, the snapshots."""
        del kwargs
        path = self._strip_protocol(path)
        with _as_os_errors(path):
            node = self._node(path)
            if not node.is_directory:
                found = [self._described(path, node)]
            else:
                inner = self._inner(path) if node.entry is None else self._inner_of(path, node)
                children = self._opened.children(inner)
                top = f"{path}/" if path else ""
                found = [self._described(top + name, self._shown(child)) for name, child in children.items()]
        found.sort(key=lambda one: one["name"])
        return found if detail else [one["name"] for one in found]

    def modified(self, path: str) -> datetime:
        """When a path was changed, before it was saved."""
        moment: datetime = self.info(path)["mtime"]
        return moment

    def created(self, path: str) -> datetime:
        """As `modified`: snapshots do not say more."""
        return self.modified(path)

    def ukey(self, path: str) -> str:
        """What is equal for equal contents in one repository."""
        path = self._strip_protocol(path)
        with _as_os_errors(path):
            node = self._node(path)
            return "" if node.entry is None else node.entry.object.hex()

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        """A range of a file, half-open; negative numbers count from its end."""
        del kwargs
        path = self._strip_protocol(path)
        with _as_os_errors(path):
            content = self._content(path)
            first, last, _ = slice(start, end).indices(content.size)
            return content.read(first, max(0, last - first))

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **kwargs: Any) -> KlosetFile:
        kwargs.pop("autocommit", None)
        kwargs.pop("cache_options", None)
        if mode != "rb":
            raise OSError(errno.EROFS, "a snapshot never changes", path)
        path = self._strip_protocol(path)
        with _as_os_errors(path):
            return KlosetFile(self, path, self._content(path), block_size or _BLOCK)

    @property
    def _opened(self) -> Browser:
        with self._guard:
            if self._browser is None:
                repository = self._repository()
                self._browser = Browser(repository, lambda: [found.header for found in repository.snapshots()])
            return self._browser

    def _repository(self) -> Repository:
        """Opens the repository. Raises as `Repository.open`, UsageError where none is named."""
        if not self._location:
            raise UsageError(
                "which repository?", hint='kloset://@NAME/SNAPSHOT/PATH, or storage_options={"repository": …}'
            )
        settings = resolve(self._location, self._catalogue().places(Section.STORES))
        opening = Opening(remotes=ConfiguredRemotes(dict, {}, {}), wrap=_wrapped)
        place = open_place(settings, opening, str(Path.cwd()))

        def passphrase() -> bytes | None:
            found = self._passphrase or settings.get("passphrase")
            if found is None and "passphrase_cmd" in settings:
                found = from_shell(settings["passphrase_cmd"])
            return found.encode("utf-8", "surrogateescape") if isinstance(found, str) else found

        if place.archive is not None:
            return Repository.open_archive(place.store, place.archive, passphrase)
        return Repository.open(place.store, passphrase, cache=self._cache)

    def _catalogue(self) -> Catalogue:
        if self._configuration is not None:
            return Catalogue(Path(self._configuration))
        from platformdirs import user_config_path

        return Catalogue(user_config_path("plakar"))

    def _inner(self, path: str) -> str:
        """A path as the browser has it: its first name is the one that the snapshot's directory has there."""
        name, _, below = path.partition("/")
        if not name:
            return "/"
        snapshots = self._opened.children("/")
        if name == LATEST:
            found = list(snapshots)[:1]
        else:
            prefix = name.lower()
            found = [
                one
                for one, node in snapshots.items()
                if node.snapshot is not None and node.snapshot.identifier.hex().startswith(prefix)
            ]
        if not found:
            raise ObjectNotFoundError(f"there is no snapshot {name}", key=name)
        if len(found) > 1:
            raise UsageError(f"{name} is the beginning of {len(found)} snapshots' identifiers")
        return f"/{found[0]}/{below}".rstrip("/")

    def _inner_of(self, path: str, node: Node) -> str:
        """The browser's path of a directory that links may have led to."""
        top = self._inner(path.partition("/")[0])
        return top if node.entry is None else top + node.entry.path.rstrip("/")

    def _node(self, path: str) -> Node:
        inner = self._inner(path)
        try:
            return self._followed(self._opened.node(inner))
        except ObjectNotFoundError:
            # A directory on the way may be a link.
            snapshot = self._opened.node("/" + inner.split("/")[1]).snapshot
            if snapshot is None:
                raise
            return Node(snapshot, snapshot.follow("/" + "/".join(inner.split("/")[2:])))

    def _followed(self, node: Node) -> Node:
        if node.snapshot is None or node.entry is None or not node.entry.symlink_target:
            return node
        try:
            return Node(node.snapshot, node.snapshot.follow(node.entry.path))
        except ObjectNotFoundError:
            return node

    def _shown(self, node: Node) -> Node:
        """What a listing shows for a node: for a link to a file that file; a link to a directory might lead upwards."""
        target = self._followed(node)
        return node if target.is_directory else target

    def _content(self, path: str) -> SeekableContent:
        node = self._node(path)
        if node.is_directory:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return self._opened.content(node)

    def _described(self, path: str, node: Node) -> dict[str, Any]:
        entry = node.entry
        if entry is None:
            moment = 0 if node.snapshot is None else node.snapshot.header.timestamp
            return {"name": path, "size": 0, "type": "directory", "mtime": _moment(moment)}
        info, mode = entry.file_info, posix_mode(entry)
        kind = _TYPES.get(stat.S_IFMT(mode), "link" if entry.symlink_target else "other")
        return {
            "name": path,
            "size": 0 if info.is_directory else info.size,
            "type": kind,
            "mtime": _moment(info.mod_time),
            "mode": mode,
            "uid": info.uid,
            "gid": info.gid,
            "user": info.user,
            "group": info.group,
            "ino": info.inode,
            "nlink": info.links,
            "content_type": entry.content_type,
        }


class KlosetFile(AbstractBufferedFile):  # type: ignore[misc]  # fsspec ships no types
    """A file of a snapshot, open for reading."""

    def __init__(self, fs: KlosetFileSystem, path: str, content: SeekableContent, block_size: int) -> None:
        self._content = content
        super().__init__(fs, path, "rb", block_size, cache_type="readahead", size=content.size)

    def _fetch_range(self, start: int, end: int) -> bytes:
        with _as_os_errors(self.path):
            return self._content.read(start, end - start)


@contextmanager
def _as_os_errors(path: str) -> Iterator[None]:
    """Raises the OSError that users of filesystems expect for what is wrong with a path."""
    try:
        yield
    except (ObjectNotFoundError, DirectoryNotFoundError) as error:
        raise FileNotFoundError(errno.ENOENT, error.message, path) from None
    except (ConfigurationError, UsageError):
        raise
    except IntegrityError as error:
        raise OSError(errno.EIO, error.message, path) from None


def _moment(nanoseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return _EPOCH


def _wrapped(store: Store) -> Store:
    return retrying(store, RetryPolicy()) if store.features.depends_on_network else store
