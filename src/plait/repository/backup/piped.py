"""What a pipe gives as the source of a backup: one file, whose size is known once it has been read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from plait.model.errors import UsageError
from plait.model.items import Kind
from plait.repository.backup.sources import Node, WithoutAttributes, WithoutFacts, WithoutHoles
from plait.repository.format.entries import MODE_DIRECTORY, FileInfo
from plait.repository.format.headers import Importer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from plait.repository.backup.sources import Unreadable

_FILE_MODE: Final = 0o644
_DIRECTORY_MODE: Final = MODE_DIRECTORY | 0o755
_KIND: Final = "stdin"


class PipedSource(WithoutFacts):
    """The file `/NAME` with what a stream gives; the name may have directories. Raises UsageError where it is none."""

    fingerprint = b""

    def __init__(self, stream: BinaryIO, name: str, origin: str) -> None:
        self._parts = name.strip("/").split("/")
        if any(part in {"", ".", ".."} for part in self._parts):
            raise UsageError(f"{_KIND}:{name}: a name for the file is needed")
        self.importer = Importer(_KIND, origin, "/")
        self._stream = stream

    def root(self) -> Node:
        """As in `Source`."""
        return Node(_info("/", is_directory=True))

    def walk(self, cancelled: Callable[[], bool]) -> Iterator[PipedFolder]:
        """As in `Source`."""
        path = ""
        for number, part in enumerate(self._parts, 1):
            if not cancelled():
                yield PipedFolder(path or "/", part, None if number < len(self._parts) else self._stream)
            path += f"/{part}"


class PipedFolder(WithoutAttributes):
    """A directory with one name in it: that of the file, or of the directory that leads there, without a `stream`."""

    signature = b""
    identity = None
    with_xattrs = False
    errors: Sequence[Unreadable] = ()

    def __init__(self, path: str, name: str, stream: BinaryIO | None) -> None:
        self.path = path
        self.names = [name]
        self.subfolders = [name] if stream is None else []
        self._stream = stream

    def weights(self, names: Sequence[str]) -> Sequence[int]:
        """As in `Folder`: unknown."""
        return [0] * len(names)

    def kinds(self, names: Sequence[str]) -> bytes:
        """As in `Folder`."""
        return bytes((Kind.DIRECTORY if self.subfolders else Kind.FILE,)) * len(names)

    def unchanged(self, signature: bytes) -> frozenset[str]:
        """As in `Folder`."""
        del signature
        return frozenset()

    def lasting(self) -> bytes:
        """As in `Folder`."""
        return b""

    def node(self, name: str) -> Node:
        """As in `Folder`."""
        return Node(_info(name, is_directory=self._stream is None))

    def open(self, node: Node) -> PipedContent:
        """As in `Folder`."""
        assert self._stream is not None  # noqa: S101  (only files are opened)
        return PipedContent(self._stream, node.info)


class PipedContent(WithoutHoles):
    """What the stream gives."""

    def __init__(self, stream: BinaryIO, info: FileInfo) -> None:
        self.info = info
        self.read = stream.read

    def xattrs(self) -> Sequence[str]:
        """As in `Content`."""
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The stream is the caller's."""


def _info(name: str, *, is_directory: bool) -> FileInfo:
    return FileInfo(name=name, mode=_DIRECTORY_MODE if is_directory else _FILE_MODE, mod_time=time.time_ns())
