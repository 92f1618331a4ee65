"""The Store protocol: a place that holds bytes under keys.

A store is narrow on purpose. What it *may* do beyond the core is declared in `Features` and offered through the
optional protocols below (`Renames`, `Copies`, …); nothing is guessed from a store's name. `plait.testing` proves every
sentence of these contracts for every store.

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
    from plait.model.items import Item, Page, Stat


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


class CombinedHash(msgspec.Struct, frozen=True):
    """The hash of the hashes of all parts of `part_size` bytes (the last may be shorter), in lower-case hex."""

    name: str
    part_size: int
    value: str


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


@runtime_checkable
class Renames(Protocol):
    """Stores that move an item to another key without carrying its content."""

    def rename(self, origin: str, key: str, *, replace: bool = False, durable: bool = False) -> None:
        """Atomic. Makes missing directories. Raises AlreadyExistsError unless `replace`, ObjectNotFoundError."""
        ...


@runtime_checkable
class Copies(Protocol):
    """Stores that copy an item by themselves (server-side)."""

    def can_copy_from(self, source: Store) -> bool:
        """True where `copy_from` works for every item of `source`."""
        ...

    def copy_from(self, source: Store, item: Item, key: str, how: Outgoing = PLAIN) -> Stat:
        """Copies an item of `source` to `key` here; atomic like `write`, with the same errors."""
        ...


@runtime_checkable
class SetsAttributes(Protocol):
    """Stores that change an item's time or metadata without its content."""

    def set_attributes(
        self, key: str, *, modified: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Sets what is not None; on a directory where `Features.directory_times`. Raises ObjectNotFoundError."""
        ...


@runtime_checkable
class KeepsVersions(Protocol):
    """Stores that may keep what is deleted and overwritten as old versions."""

    def every_version(self) -> Store | None:
        """A store of the same root that lists every version, and deletes it for good; None where none are kept."""
        ...


@runtime_checkable
class Directories(Protocol):
    """Stores in which directories exist by themselves, or in which objects stand for them."""

    def make_directory(self, key: str) -> None:
        """Makes the directory and its parents; one that exists is a success. "" makes the root."""
        ...

    def remove_directory(self, key: str) -> None:
        """Removes an empty directory. Raises StoreError where it is not empty; a missing one is a success."""
        ...


@runtime_checkable
class Hashes(Protocol):
    """Stores that compute or look up hashes on demand."""

    def hash(self, key: str, name: str, *, expected: Stat | None = None) -> str | None:
        """The named hash as lower-case hex; None where this item has none. `expected` as in `read`.

        Raises NotSupportedError for a name that is not in `Features.hashes`, ObjectNotFoundError.
        """
        ...


@runtime_checkable
class HashesParts(Protocol):
    """Stores that hash an item and its parts in one reading."""

    def hash_parts(
        self, key: str, name: str, part_size: int, *, expected: Stat, cancelled: Callable[[], bool]
    ) -> PartHashes | None:
        """The hashes of an item and of its parts; None where this item or hash has none. `expected` as in `read`.

        Raises CancelledError once `cancelled()` is true, ObjectNotFoundError, SourceChangedError.
        """
        ...


@runtime_checkable
class CombinesHashes(Protocol):
    """Stores that know a combined hash of items that came to them in parts."""

    def combined_hash(self, key: str, stat: Stat) -> CombinedHash | None:
        """The combined hash of an item found as `stat`; None where there is none.

        Its form is what such stores usually have: one that is not that of the content proves nothing.
        """
        ...


@runtime_checkable
class HashesTogether(Protocol):
    """Stores that hash many items at once for less than one by one."""

    def hash_together(self, items: Sequence[Item], name: str) -> Sequence[str | None]:
        """One hash for each item, as `hash` gives it; None where only `hash` can tell. Raises nothing of one item."""
        ...


@runtime_checkable
class ComparesPages(Protocol):
    """Stores that compare the contents of many files with those of another store for less than one by one."""

    def can_compare_with(self, other: Store) -> bool:
        """True where `compare_pages` takes this store."""
        ...

    def compare_pages(self, page: Page, other: Store, others: Page) -> Sequence[bool | None]:
        """Whether the contents are equal, of each row of two pages of the same names, all of them files.

        None where only reading the two can tell. Raises nothing of one file.
        """
        ...


class CopyRequest(msgspec.Struct, frozen=True):
    """One file of a batch: the item as listed, and the key to write (in the same directory for a whole batch)."""

    item: Item
    key: str
    replaces: Stat | None = None
    """What is expected under the key: None where it must be absent."""


class CopyResult(msgspec.Struct, frozen=True):
    """What became of one request; `error` None: it is done and `stat` is what stands there now, where known cheaply.

    `moved`: the source stands there itself, and is no longer where it was.
    """

    request: CopyRequest
    error: PlaitError | None = None
    stat: Stat | None = None
    moved: bool = False


@runtime_checkable
class CopiesBatches(Protocol):
    """Stores that carry many small files from another store in one go (local to local)."""

    def can_copy_batches_from(self, source: Store) -> bool: ...

    def copy_batch(
        self,
        source: Store,
        requests: Sequence[CopyRequest],
        how: Outgoing,
        cancelled: Callable[[], bool],
        carried: Callable[[CopyRequest, int], None] | None = None,
    ) -> list[CopyResult]:
        """Carries requests whose items share one directory and whose keys share one directory.

        Each file by itself atomic and checked like `write` (size as listed, source unchanged before and after);
        `how.modified` counts only beside `how.metadata`, which is what each file gets then: else it keeps its own
        item's. `carried` is told of bytes as they are copied, for files large enough that a person may be waiting.
        Requests not begun when `cancelled()` turns true, and a large one under way, end with CancelledError.
        """
        ...


@runtime_checkable
class CopiesPages(Protocol):
    """Stores of `CopiesBatches` that carry new files as columns, too.

    A wrapper that is to see each file does not offer it.
    """

    def copy_page(
        self, source: Store, files: Page, prefix: str, how: Outgoing, cancelled: Callable[[], bool]
    ) -> list[int]:
        """Carries new files of one directory of `source` to where keys begin with `prefix`, each as `copy_batch` does.

        Returns the rows that were not carried, in order; nothing stands in their places by this call. They are for
        `copy_batch`, which can do more and says what is wrong. Raises nothing.
        """
        ...


@runtime_checkable
class MovesBatches(Protocol):
    """Stores that take files over from another store without carrying their content (local to local, by a rename)."""

    def can_move_from(self, source: Store) -> bool:
        """True where `move_batch` may work for items of `source`."""
        ...

    def move_batch(
        self, source: Store, requests: Sequence[CopyRequest], how: Outgoing, cancelled: Callable[[], bool]
    ) -> list[CopyResult | None]:
        """Moves requests whose items share one directory and whose keys share one directory, as far as it can.

        Each file by itself, atomically, with its attributes, and only where source and destination are as expected.
        One result for each request, in their order: moved, or failed and nothing changed; None where the request is to
        be copied instead, because it cannot be moved or is not as expected, and for those not begun when `cancelled()`
        turns true. `how.durable` alone counts.
        """
        ...


class PartialWrite(Protocol):
    """An item being written in parts that may arrive in any order and from several threads."""

    @property
    def part_size(self) -> int:
        """Bytes of every part but the last."""
        ...

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """Stores `length` bytes at `offset`, a multiple of `part_size`. May be repeated with the same bytes."""
        ...

    def commit(self) -> Stat:
        """Makes the item appear, whole and at once."""
        ...

    def abort(self) -> None:
        """Forgets everything; the key holds what it held before."""
        ...


@runtime_checkable
class Rereads(Protocol):
    """Partial writes of which what was written can be read at once."""

    def read_back(self, offset: int, buffer: memoryview) -> None:
        """Fills the buffer with what was written from `offset` on. Raises StoreError."""
        ...

    def md5_each_part(self, offset: int, size: int, part_size: int, stop: bytearray) -> bytes:
        """The MD5s of consecutive parts of what was written, 16 bytes each; b"" once the first byte of `stop` is not 0.

        Raises StoreError.
        """
        ...


@runtime_checkable
class Resumes(Protocol):
    """Partial writes that another one of the same content may go on with (`Outgoing.fingerprint`)."""

    @property
    def written(self) -> Sequence[tuple[int, int]]:
        """Offset and length of each part that an earlier one had written, and that need not be written again."""
        ...

    def suspend(self) -> None:
        """Lets go, and leaves what is there to the next one; forgets it, as `abort` does, where that cannot be."""
        ...


@runtime_checkable
class Parts(Protocol):
    """Stores that write an item in parts: files by ranges, objects by multipart upload."""

    def begin(self, key: str, size: int, how: Outgoing = PLAIN) -> PartialWrite:
        """Begins writing `size` bytes; nothing shows under the key before `commit`."""
        ...


@runtime_checkable
class Leftovers(Protocol):
    """Stores that write beside the final name, where a killed writer may leave a partial file.

    Their listings leave partial files out.
    """

    def remove_leftovers(self) -> Iterator[Deleted]:
        """Removes the partial files that this store's listings have met and that no living writer holds; lazily."""
        ...


@runtime_checkable
class MovesDirectories(Protocol):
    """Stores that take over a whole tree of another one by a rename."""

    def move_directory_from(self, source: Store) -> None:
        """Makes the root of `source` the root here, with everything in it, where nothing stands yet.

        Raises AlreadyExistsError where something does, NotSupportedError where it cannot be done by a rename (another
        kind of store, another file system), StoreError.
        """
        ...


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """How much a store holds and could hold, in bytes; None where that is not known. `objects` is a count."""

    total: int | None = None
    used: int | None = None
    free: int | None = None
    trashed: int | None = None
    other: int | None = None
    objects: int | None = None


@runtime_checkable
class TellsUsage(Protocol):
    """Stores that know how full they are."""

    def usage(self) -> Usage:
        """Asks the store. Raises DirectoryNotFoundError where the root is missing."""
        ...


@runtime_checkable
class Shares(Protocol):
    """Stores that give out links by which everyone who has one can read an item."""

    def share(self, key: str, seconds: float | None = None) -> str:
        """A link to an item, valid for so long (None: as long as the store lets it be). Raises ObjectNotFoundError."""
        ...

    def unshare(self, key: str) -> None:
        """Takes links back. Raises NotSupportedError where that cannot be."""
        ...


@runtime_checkable
class HasCommands(Protocol):
    """Stores with commands of their own (`backend COMMAND` on the command line)."""

    @property
    def commands(self) -> Sequence[str]:
        """The names of the commands."""
        ...

    def command(self, name: str, options: Mapping[str, str], arguments: Sequence[str] = ()) -> object:
        """Runs a command, and gives what JSON can show; None for nothing. Raises ConfigurationError for bad options."""
        ...


@runtime_checkable
class CleansUp(Protocol):
    """Stores that keep what was deleted, or what was begun, and can be told to let it go."""

    def clean_up(self) -> None:
        """Empties the trash, or ends what was abandoned."""
        ...


@runtime_checkable
class Purges(Protocol):
    """Stores that remove a directory with all that is in it by one request."""

    def purge(self) -> None:
        """Removes the root of the store and everything in it. Raises DirectoryNotFoundError, StoreError."""
        ...


@runtime_checkable
class Containers(Protocol):
    """Stores without directories whose root lies in a container that must exist: a bucket."""

    def make_container(self) -> None:
        """Makes the container; one that exists is a success."""
        ...

    def remove_container(self) -> None:
        """Removes the empty container, where the root is the container itself; else does nothing.

        Raises StoreError where it is not empty.
        """
        ...


@runtime_checkable
class ListsLevels(Protocol):
    """Stores that list what lies directly below a prefix without walking through what is below that."""

    def list_level(self, prefix: str = "") -> Iterator[Page]:
        """The items directly below `prefix` ("" or ending with "/"), and as directories what other keys imply.

        In the order of names, directories by theirs alone. Raises DirectoryNotFoundError where the root is missing.
        """
        ...


@runtime_checkable
class Duplicates(Protocol):
    """Stores in which several items may have one name; every other call then means one of them."""

    def duplicates(self) -> Iterator[tuple[str, Sequence[Item]]]:
        """Keys that several files have, with all of them, the first as a listing shows it; `Stat.identifier` is set."""
        ...

    def duplicate_directories(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Keys that several directories have, parents first, with their identifiers, that with the most in it first."""
        ...

    def merge_directories(self, identifiers: Sequence[str]) -> None:
        """Moves what is in the other directories into the first, and removes those that are empty then."""
        ...

    def delete_identified(self, identifier: str) -> None:
        """Deletes one item of several with its name."""
        ...

    def rename_identified(self, identifier: str, key: str) -> None:
        """Renames one item of several with its name."""
        ...
