"""The Store protocol: a place that holds bytes under keys.

A store is narrow on purpose. What it *may* do beyond the core is declared in `Features` and offered through the
optional protocols of `abilities`, `copies`, `hashing` and `parts`; nothing is guessed from a store's name.
`plait.testing` proves every sentence of these contracts for every store.

All methods block, may be called from several threads at once, and raise the catalogue's errors only. Every call ends
within the deadlines that the store was opened with (`Deadlines`); a call that ended without an answer raises
`UnknownOutcomeError`, which says neither that it failed nor that the item is absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeVar, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from plait.model.errors import PlaitError
    from plait.model.items import Page, Stat


T = TypeVar("T")


class Deadlines(msgspec.Struct, frozen=True):
    """Bounds in seconds: to connect, and without any byte moving in either direction; None waits for ever."""

    connect: float | None = 60.0
    idle: float | None = 300.0


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What a store can do, declared.

    `scheme`: the rclone name of its type (`local`, `s3`, `memory`).
    `hashes`: names of the hashes it gives, best first (`md5`, …).
    `hashes_in_listing`: they come with listing or stat at no cost; else `Hashes.hash` computes or fetches them.
    `time_precision`: of the modification times it keeps, in nanoseconds; None when it keeps none.
    `times_in_listing`: a listing carries `modified`; else `stat` does, at the price of a request an item.
    `set_times`: `SetsAttributes.set_attributes(modified=…)` works without carrying the content again.
    `directories`: directories exist by themselves (and may be empty).
    `directory_markers`: they do not, but an object stands for each, so that they may be empty.
    `directory_times`: `set_attributes` works for directories.
    `case_sensitive`, `keeps_unicode`: as probed at the root; `keeps_unicode` is False where the store normalises names.
    `conditional_writes`: `if_absent` and `if_match` are atomic. Where False, each of them is either honoured atomically
    all the same or refused with NotSupportedError, never ignored.
    `streaming_writes`: `write` takes a size of None.
    `metadata`: keeps user metadata (`Stat.metadata`); where False, metadata is refused with NotSupportedError.
    `posix`: `Outgoing.mode` is obeyed and `Stat.posix` given.
    `links`: keeps symbolic links as such.
    `batched`: local work: few workers, a directory's worth at a time; else one item at a time and many workers.
    `concurrency`: how many calls at once pay off.
    `part_size`, `part_cutoff`: from `part_cutoff` bytes on, content is carried in parts of at least `part_size`
    (`Parts`); 0 where the store has no parts.
    `most_parts`: how many parts an item may have, 0 for any number (`content.part_size_for`).
    `parts_hash`: name of a hash that an item written in parts carries only if `Outgoing.hashes` brings it along.
    `depends_on_network`: a retry of a failed call may help. `tiers`: items have a storage class (`Stat.tier`).
    `identity`: two stores with equal identities hold the same objects under the same full keys (overlap, server-side
    copy); it holds no secret.
    """

    scheme: str
    identity: str
    hashes: tuple[str, ...] = ()
    hashes_in_listing: bool = False
    time_precision: int | None = None
    times_in_listing: bool = False
    set_times: bool = False
    directories: bool = False
    directory_times: bool = False
    case_sensitive: bool = True
    keeps_unicode: bool = True
    conditional_writes: bool = False
    streaming_writes: bool = True
    metadata: bool = False
    posix: bool = False
    links: bool = False
    batched: bool = False
    concurrency: int = 32
    part_size: int = 0
    part_cutoff: int = 0
    most_parts: int = 0
    parts_hash: str | None = None
    depends_on_network: bool = False
    tiers: bool = False
    directory_markers: bool = False

    @property
    def makes_directories(self) -> bool:
        """True where directories are made and removed (`Directories`)."""
        return self.directories or self.directory_markers


class Reader(Protocol):
    """Content being read, in order; also a context manager that closes it.

    `stat` is the item as it was when the reading began, from the same open file or response.
    """

    @property
    def stat(self) -> Stat: ...

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, at least one before the end (blocking); all that is left for -1; b"" at the end.

        Raises TemporaryError when the connection breaks or the content ends early, SourceChangedError when the item
        is found changed while it is read (checked again at the end).
        """
        ...

    def close(self) -> None:
        """Frees what the reading holds; repeated calls do nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


class Source(Protocol):
    """What `write` reads from."""

    def read(self, size: int = -1, /) -> bytes: ...


@runtime_checkable
class PassesFile(Protocol):
    """Content that is a range of an open file, which the system may send without a copy in between."""

    def pass_file(self, send: Callable[[int, int, int], T]) -> T:
        """Calls `send(descriptor, offset, length)` once for all that is left, and returns what it returns.

        The descriptor's own offset means nothing. Raises what `send` raises, and SourceChangedError where the file is
        found changed afterwards.
        """
        ...


@runtime_checkable
class PassesPipe(Protocol):
    """Content that may arrive in a pipe, from which the system may move it on without a copy in between."""

    def pass_pipe(self, size: int, take: Callable[[int, int], None]) -> int:
        """Has at most `size` bytes, and calls `take(descriptor, count)` once for what is in the pipe; gives the count.

        `take` is to read all of it. 0 says that nothing was passed: then `read` has what comes next, or the end. Raises
        as `read`, and what `take` raises.
        """
        ...


class PartHashes(msgspec.Struct, frozen=True):
    """A hash of content and of each part of `part_size` bytes (the last may be shorter), in lower-case hex."""

    name: str
    part_size: int
    whole: str
    parts: Sequence[str]


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """How an item is to be written.

    `if_absent`: fail with AlreadyExistsError where the key exists. `if_match`: fail with PreconditionError unless the
    stored etag is this one. `modified`: modification time to keep, ns. `metadata`: user metadata. `durable`: on
    return, content and name survive a power loss. `hashes`: expected hashes of the content, checked where the store
    can. `part_hashes`: those of its parts, by which `Parts` may know them beforehand. `fingerprint`: equal for equal
    content only, so that `Parts` may go on where they were interrupted. `in_place`: write the final name directly (not
    atomic; only where a person asked for it). `mode`: POSIX permission bits for a new file where `Features.posix`.
    """

    if_absent: bool = False
    if_match: str | None = None
    modified: int | None = None
    metadata: Mapping[str, str] | None = None
    content_type: str | None = None
    durable: bool = False
    hashes: Mapping[str, str] = {}
    part_hashes: PartHashes | None = None
    fingerprint: str | None = None
    in_place: bool = False
    mode: int | None = None


PLAIN = Outgoing()


class Deleted(msgspec.Struct, frozen=True):
    """What became of one key of `delete`; `error` None: it is gone (or was not there)."""

    key: str
    error: PlaitError | None = None


@runtime_checkable
class Store(Protocol):
    """An opened place that holds bytes under keys; the root of all keys is the location it was opened at."""

    @property
    def features(self) -> Features:
        """What the store can do; fixed once opened."""
        ...

    @property
    def description(self) -> str:
        """The location as a person knows it, without secrets."""
        ...

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        """The items whose key begins with `prefix` and stands after `start_after`, in the total order, as pages.

        `start_after` is a full key, with `/` appended where it names a directory; what is below that directory still
        follows.

        Recursive. A store with directories yields each directory (except the root) as an item of its own, before the
        items below it, as the last item of its page. `prefix` is "" or ends with "/" where the store has directories.
        `descend(key)` is asked once for each such directory, some time before it is opened; where it says False the
        directory is yielded but not entered. Stores without directories do not ask.

        Lazy, and bounded in memory by one directory or one page of the server. Not a snapshot: items that come, go or
        change meanwhile may or may not show.

        Raises DirectoryNotFoundError at the first step where the root or `prefix` is missing (a missing bucket, or a
        missing local directory; a prefix without objects is an empty listing). A directory below it that cannot be
        read is a page with an `error`, and the listing goes on; an entry whose attributes cannot be read is an item of
        kind UNREADABLE. Partial files that a killed writer left (`Leftovers`) are left out.
        """
        ...

    def stat(self, key: str) -> Stat:
        """Everything the store knows of one item cheaply, with `modified` and `metadata` where it keeps them.

        "" is the root. What a listing leaves out is not there. Raises ObjectNotFoundError where there is none, and (as
        `read` does) DirectoryNotFoundError where the root itself is missing.
        """
        ...

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        """Opens the content of an item from `offset` (≥ 0), for `length` bytes or to the end.

        A range is exact: a store that answers another one raises TemporaryError. A range that reaches beyond the end
        stops there, and one that begins at or beyond it is empty. With `expected`, raises
        SourceChangedError where size, time or etag differ from it, now or (as far as the store can tell) at the end.
        Raises ObjectNotFoundError, PermissionDeniedError, TemporaryError.
        """
        ...

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        """Stores `size` bytes (None: until the end) of `content` under the key, atomically.

        On return the key holds all of it; after any error, a kill or a power loss it holds what it held before (the
        whole new content only in the case of UnknownOutcomeError). Missing directories are made. Returns the stat of
        what was stored. Idempotent, not to be repeated with the same `content`.

        Raises IntegrityError when content ends before or goes on after `size` bytes or a hash differs, NoSpaceError,
        AlreadyExistsError, PreconditionError, UnsafeNameError, NotSupportedError for a key that cannot be held
        exactly, and whatever `content.read` raises.
        """
        ...

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        """Deletes files, objects or links; lazily, one result for each key, in any order. Never directories.

        Nothing is deleted before the first result is asked for. A missing key is a success, a directory's key an error
        in its result. Idempotent.
        """
        ...

    def close(self) -> None:
        """Frees connections and descriptors. Repeated calls do nothing."""
        ...
