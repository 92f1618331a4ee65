"""What a backup reads from: a tree of folders, each handed out once, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from plait.repository.format.entries import FileInfo
    from plait.repository.format.headers import Importer


class Node(NamedTuple):
    """A path in a folder. `info`: as the source says it; `target`: where a symbolic link leads."""

    info: FileInfo
    target: str = ""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.info.name


class Unreadable(NamedTuple):
    """A path that could not be read, absolute, and why in the original's words."""

    path: str
    error: str


class Content(Protocol):
    """A regular file that is open.

    `info`: as it was when it was opened. `has_holes`: much of it was never written, and `extent` says what.
    """

    info: FileInfo
    has_holes: bool

    def extent(self, position: int, /) -> tuple[int, int]:
        """As in `holes.Sparse`, of one that has holes. Raises OSError."""
        ...

    def xattrs(self) -> Sequence[str]:
        """As `Folder.xattrs`, of the file that is open."""
        ...

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, at least one before the end. Raises OSError or PlaitError."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


class WithoutHoles:
    """A content that is read whole."""

    has_holes = False

    def extent(self, position: int, /) -> tuple[int, int]:
        """As in `Content`: there is nothing to be said."""
        del position
        return 0, 0


class WithoutAttributes:
    """A folder whose nodes have no extended attributes, and that holds nothing open."""

    def xattrs(self, node: Node) -> Sequence[str]:
        """As in `Folder`: none."""
        del node
        return ()

    def xattr(self, node: Node, name: str) -> bytes:
        """As in `Folder`: never called."""
        raise KeyError(node.name, name)

    def hold(self) -> None:
        """Nothing is open."""

    def release(self) -> None:
        """Nothing is open."""


class NodeReader(Protocol):
    """What gives the nodes of a directory."""

    @property
    def path(self) -> str:
        """The absolute path of the directory."""
        ...

    def node(self, name: str) -> Node:
        """A node. Raises OSError or PlaitError where it cannot be read, ObjectNotFoundError where it has gone."""
        ...

    def open(self, node: Node) -> Content:
        """A regular file, for reading. Raises OSError or PlaitError."""
        ...

    def xattrs(self, node: Node) -> Sequence[str]:
        """The names of a node's extended attributes, in order of their bytes. Raises OSError or PlaitError."""
        ...

    def xattr(self, node: Node, name: str) -> bytes:
        """The value of an extended attribute. Raises OSError or PlaitError."""
        ...


class Folder(NodeReader, Protocol):
    """A directory of a source, open for as long as it is held. Threads may share it."""

    @property
    def signature(self) -> bytes:
        """What differs whenever anything of the folder's own nodes does; empty where the source cannot tell."""
        ...

    @property
    def errors(self) -> Sequence[Unreadable]:
        """What of it could not be read: the folder itself, or nodes that are not among its names."""
        ...

    @property
    def subfolders(self) -> Sequence[str]:
        """The names of the directories in it, each of which is, or was, handed out as a folder."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The names of all nodes, in order of their bytes."""
        ...

    @property
    def identity(self) -> tuple[int, int] | None:
        """Device and inode, where another process can open the directory by its path; else None."""
        ...

    @property
    def with_xattrs(self) -> bool:
        """Whether extended attributes are saved."""
        ...

    def weights(self, names: Sequence[str]) -> Sequence[int]:
        """About how many bytes of content nodes have."""
        ...

    def kinds(self, names: Sequence[str]) -> bytes:
        """The kinds of nodes (`plait.model.items.Kind`), one byte each."""
        ...

    def unchanged(self, signature: bytes) -> frozenset[str]:
        """The names of the nodes that are as they were when the folder had this other signature."""
        ...

    def lasting(self) -> bytes:
        """The signature to be kept: a node that may change yet without a trace differs in it from every later one."""
        ...

    def hold(self) -> None:
        """Keeps the folder open until one more `release`."""
        ...

    def release(self) -> None:
        """Frees the folder once everybody has released it."""
        ...


class WithoutFacts:
    """A source of whose reading there is nothing to say."""

    @property
    def facts(self) -> Mapping[str, str]:
        """As in `Source`."""
        return {}


@runtime_checkable
class Countable(Protocol):
    """A source that can be counted beforehand."""

    def count(self, cancelled: Callable[[], bool]) -> tuple[int, int]:
        """Paths, and bytes of their contents; less once cancelled."""
        ...


class Source(Protocol):
    """A tree that can be saved."""

    @property
    def importer(self) -> Importer:
        """Type, origin and directory: what a later backup of the same source has as well."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """What signatures depend on besides the tree; they are worth nothing where this is another one."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """What the snapshot is to say of how it was read, once it was."""
        ...

    def root(self) -> Node:
        """The node of "/"."""
        ...

    def walk(self, cancelled: Callable[[], bool]) -> Iterator[Folder]:
        """Every folder from "/" down, each once, in any order; the taker releases each. Ends early once cancelled."""
        ...
