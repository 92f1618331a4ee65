"""Nodes of folders, made into entries many at once: small files by processes, long ones by threads.

Python runs one thread of a process at a time, which is what limits trees of small files; a long content is compressed
and encrypted without holding the others up, and need not travel from one process to another.
"""

from __future__ import annotations

import os
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from plait.engine.workers import Cancellation, Workers
from plait.repository.backup.contents import Contents
from plait.repository.backup.nodes import Failure, Made, Nodes, Vanished
from plait.repository.backup.opened import OpenDirectory
from plait.repository.backup.previous import Frame
from plait.repository.backup.sources import Unreadable
from plait.repository.crew import Crew
from plait.repository.format import packed
from plait.repository.format.resources import Resource
from plait.repository.packing import Encoded
from plait.repository.segments import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.repository.backup.folders import Gathered
    from plait.repository.backup.sources import Folder, NodeReader
    from plait.repository.format.chunking import Chunker
    from plait.repository.format.codec import Codec
    from plait.repository.index import StoredIndex
    from plait.repository.writing import Writer

_CHUNK: Final = int(Resource.CHUNK)
_NOTHING: Final[Mapping[str, Made | None]] = MappingProxyType({})
_MOST_NODES: Final = 128
_MOST_BYTES: Final = 1 << 20
_LONG: Final = 512 << 10
"""Bytes from which on a content is one thread's work."""
_BACKLOG: Final = 8
_MOST_PROCESSES: Final = 4
"""More could not be kept busy by one that puts everything together."""


class Batch(NamedTuple):
    """Nodes of one folder that are made by one worker."""

    folder: Folder
    gathered: Gathered
    names: Sequence[str]
    are_directories: bool = False

    @property
    def before(self) -> Mapping[str, Frame]:
        """The entries that may be taken over."""
        gathered = self.gathered
        return gathered.before if self.are_directories or gathered.goes_by_times else {}


class Outcome(NamedTuple):
    """What became of a batch. `vanished`: paths that were gone before they could be read."""

    made: list[Made]
    errors: list[Unreadable]
    vanished: list[str]


class _Task(NamedTuple):
    """A batch for another process. `identity`: device and inode of the directory that the path has to lead to."""

    number: int
    path: str
    identity: tuple[int, int]
    with_xattrs: bool
    names: Sequence[str]
    before: Mapping[str, tuple[bytes, bytes]]


class _Remote(NamedTuple):
    """A batch in another process."""

    folder: OpenDirectory
    names: Sequence[str]
    before: Mapping[str, Frame]
    are_directories: bool = False


class _Result(NamedTuple):
    """What another process has made: blobs, encoded, and entries, as plain tuples."""

    number: int
    blobs: list[Encoded]
    made: list[tuple[bytes, bytes, tuple[object, ...], Sequence[tuple[str, bytes]], int, bool]]
    errors: list[Unreadable]
    vanished: list[str]


class Batches:
    """Makes nodes. Use it in a `with`, from one thread.

    `finished` is called for each batch, from any thread, once all of its blobs are added.
    """

    def __init__(  # noqa: PLR0917  (each is another thing that the work needs)
        self,
        writer: Writer,
        codec: Codec,
        index: StoredIndex,
        chunker: Chunker,
        carried: Callable[[str, int], None],
        finished: Callable[[Batch, Outcome], None],
        cancellation: Cancellation,
        workers: int,
    ) -> None:
        self._writer = writer
        self._finished = finished
        self._cancellation = Cancellation(cancellation)
        self.nodes = Nodes(writer, codec, index, Contents(writer, codec, chunker), carried)
        self._threads: Workers[Batch] = Workers(self._work, workers, _BACKLOG, self._cancellation, "backup")
        processes = min(len(os.sched_getaffinity(0)), _MOST_PROCESSES) if sys.platform == "linux" else 1
        helper = _Helper(codec, index, chunker)
        self._crew: Crew[_Task, _Result] = Crew(helper.make, processes if workers > 1 else 1, self._cancellation)
        helper.stopping = self._crew.stopping
        self._sent: dict[int, Batch] = {}
        self._number = 0

    def add(self, folder: Folder, gathered: Gathered, names: Sequence[str]) -> list[Batch]:
        """The batches that some nodes of a folder come in; `start` is to be called for each."""
        subfolders = frozenset(folder.subfolders)
        directories = [name for name in names if name in subfolders] if subfolders else []
        names = [name for name in names if name not in subfolders] if subfolders else names
        weights = folder.weights(names)
        long = [[name] for name, weight in zip(names, weights, strict=True) if weight > _LONG]
        found = [Batch(folder, gathered, part) for part in (*_parts(names, weights), *long)]
        return [Batch(folder, gathered, directories, are_directories=True), *found] if directories else found

    def start(self, batch: Batch) -> None:
        """Has a batch made, now or soon; takes in what others have finished. Raises what storing raises."""
        batch.folder.hold()
        if batch.are_directories:
            self._work(batch)
            return
        identity = batch.folder.identity
        # Processes are forked before a thread of ours does anything: it might hold a lock that they would wait for.
        self._crew.start()
        if identity is None or batch.folder.weights(batch.names[:1])[0] > _LONG:
            if not self._threads.submit(batch):
                batch.folder.release()
            return
        before = batch.before
        self._number += 1
        self._sent[self._number] = batch
        frames = {name: before[name][:2] for name in batch.names if name in before} if before else {}
        folder = batch.folder
        self._crew.submit(_Task(self._number, folder.path, identity, folder.with_xattrs, batch.names, frames))
        while self._crew.pending and not self._crew.is_hungry:
            self._take()

    def finish(self) -> None:
        """Waits for all that was started. Raises what storing raises."""
        while self._crew.pending and not self._cancellation.cancelled():
            self._take()
        self._threads.finish()

    def _take(self) -> None:
        """Takes in what another process has made."""
        result = self._crew.take()
        if result is None:
            return
        for blobs in result.blobs:
            self._writer.add_new(blobs)
        made = [
            Made(Frame(plain, mac, packed.Glance._make(glance)), xattrs, size, unchanged)
            for plain, mac, glance, xattrs, size, unchanged in result.made
        ]
        batch = self._sent.pop(result.number)
        batch.folder.release()
        self._finished(batch, Outcome(made, result.errors, result.vanished))

    def _work(self, batch: Batch) -> None:
        """Makes a batch in a thread."""
        try:
            outcome = make(self.nodes, batch, self._cancellation.cancelled)
        finally:
            batch.folder.release()
        self._cancellation.raise_if_cancelled()
        self._finished(batch, outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._cancellation.cancel()
        self._crew.__exit__()
        self._threads.finish()


class _Nodes(Protocol):
    """What `make` needs of a batch, in this process or in another."""

    @property
    def folder(self) -> NodeReader: ...

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def before(self) -> Mapping[str, Frame]: ...

    @property
    def are_directories(self) -> bool: ...


def make(
    nodes: Nodes, batch: _Nodes, stopping: Callable[[], bool], made: Mapping[str, Made | None] = _NOTHING
) -> Outcome:
    """Makes the entries of a batch, but for those that are `made`; ends early once `stopping`.

    Raises what storing raises.
    """
    outcome = Outcome([], [], [])
    folder, before = batch.folder, batch.before
    directories = batch.are_directories
    parent = packed.text(folder.path)
    for name in batch.names:
        if stopping():
            break
        found = made.get(name)
        if found is not None:
            outcome.made.append(found)
            continue
        try:
            outcome.made.append(nodes.make(folder, parent, name, before.get(name), outcome.errors, directories))
        except Vanished:
            outcome.vanished.append(f"{folder.path.rstrip('/')}/{name}")
        except Failure as failure:
            outcome.errors.append(Unreadable(f"{folder.path.rstrip('/')}/{name}", failure.error))
    return outcome


class _Helper:
    """The work of another process: makes entries, and gathers the blobs that the repository may not hold yet."""

    def __init__(self, codec: Codec, index: StoredIndex, chunker: Chunker) -> None:
        self._collected = _Collecting(codec, index)
        contents = Contents(self._collected, codec, chunker)
        self._nodes = Nodes(self._collected, codec, index, contents, lambda _, __: None)
        self._codec = codec
        self.stopping: Callable[[], bool] = lambda: False

    def make(self, task: _Task) -> _Result:
        """Makes the entries of a task."""
        try:
            with OpenDirectory.at(task.path, task.identity, with_xattrs=task.with_xattrs) as folder:
                before = dict(self._frames(task.before))
                # What the snapshot before has need not be read.
                new = [name for name in task.names if name not in before]
                made = dict(zip(new, self._nodes.make_small(folder, packed.text(task.path), new), strict=True))
                outcome = make(self._nodes, _Remote(folder, task.names, before), self.stopping, made)
        except OSError:
            # The directory has been moved away since it was listed, and what is in it with it.
            outcome = Outcome([], [], [f"{task.path.rstrip('/')}/{name}" for name in task.names])
        plain_made = [
            (item.frame.plain, item.frame.mac, tuple(item.frame.glance), item.xattrs, item.size, item.unchanged)
            for item in outcome.made
        ]
        return _Result(task.number, self._collected.take(), plain_made, outcome.errors, outcome.vanished)

    @staticmethod
    def _frames(before: Mapping[str, tuple[bytes, bytes]]) -> Iterator[tuple[str, Frame]]:
        for name, (plain, mac) in before.items():
            glance = packed.glance(plain)
            if glance is not None:
                yield name, Frame(plain, mac, glance)


class _Collecting:
    """What a writer does, where blobs are only gathered."""

    def __init__(self, codec: Codec, index: StoredIndex) -> None:
        self._codec = codec
        self._index = index
        self._seen: set[bytes] = set()
        self._chunks = _Column()
        self._others = _Column()

    def claim(self, resource: int, mac: bytes) -> bool:
        """As `Writer.claim`, as far as this process knows."""
        key = key_of(resource, mac)
        if key in self._seen or self._index.holds(resource, mac):
            return False
        if len(self._seen) < _REMEMBERED:
            self._seen.add(key)
        return True

    def add(self, resource: int, mac: bytes, plain: bytes) -> None:
        """Gathers a blob."""
        column = self._chunks if resource == _CHUNK else self._others
        column.keys.append(key_of(resource, mac))
        column.blobs.append(self._codec.encode(plain))

    def put(self, resource: int, mac: bytes, plain: bytes) -> None:
        """Gathers a blob that is new."""
        if self.claim(resource, mac):
            self.add(resource, mac, plain)

    def take(self) -> list[Encoded]:
        """What was gathered."""
        taken = [column.encoded() for column in (self._chunks, self._others) if column.keys]
        self._chunks, self._others = _Column(), _Column()
        return taken


class _Column:
    """Blobs of one lane that are gathered: their keys and bytes."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.blobs: list[bytes] = []

    def encoded(self) -> Encoded:
        """All of them."""
        return Encoded(b"".join(self.keys), list(map(len, self.blobs)), b"".join(self.blobs))


_REMEMBERED: Final = 200_000
"""Blobs that a process remembers to have made; one that is made twice is stored once all the same."""


def _parts(names: Sequence[str], weights: Sequence[int]) -> Iterator[list[str]]:
    """The names of short contents, so many together as one batch takes."""
    part: list[str] = []
    size = 0
    for name, weight in zip(names, weights, strict=True):
        if weight > _LONG:
            continue
        part.append(name)
        size += weight
        if size >= _MOST_BYTES or len(part) >= _MOST_NODES:
            yield part
            part, size = [], 0
    if part:
        yield part
