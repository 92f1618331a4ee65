"""A restore in one process: walks the snapshot, hands out contents as they lie in packfiles, says what came of all."""

from __future__ import annotations

from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Final

from plait.engine.workers import Cancellation, Workers
from plait.model.errors import CancelledError, IntegrityError, NoSpaceError, NotSupportedError, PlaitError
from plait.model.items import Kind
from plait.repository import contents
from plait.repository.blobs import DamagedBlobError, Region
from plait.repository.events import Begun, Done, Ended, Expected, Failed, Warned, Work
from plait.repository.format import entries
from plait.repository.restoring.links import Links
from plait.repository.restoring.settings import Failure, Restored, RestoreSettings
from plait.repository.restoring.target import Folder, IncompleteError, Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plait.repository.contents import Content, Group, Wanted
    from plait.repository.events import Event, Listener
    from plait.repository.format.entries import Entry
    from plait.repository.restoring.target import Attributes, Target
    from plait.repository.snapshots import SnapshotReader

_BATCH: Final = 1024
"""Files that are put in the order of the packfiles at once."""
_BATCH_SIZE: Final = 128 << 20
_BACKLOG: Final = 24 << 20
"""Bytes of stored content that wait for a worker."""
_LONGEST_ATTRIBUTE: Final = 1 << 20
TOLD: Final = 1000
"""Failures and left-out paths that a result names."""


class Restoring:
    """One restore; `run` is called once."""

    def __init__(
        self,
        snapshot: SnapshotReader,
        target: Target,
        settings: RestoreSettings,
        listener: Listener,
        cancellation: Cancellation,
    ) -> None:
        self._snapshot = snapshot
        self._blobs = snapshot.repository.blobs
        self._target = target
        self._settings = settings
        self._listener = listener
        self._cancellation = Cancellation(cancellation)
        self._received = 0
        self._result = Restored()
        self._lock = Lock()
        self._telling = Lock()
        self._links = Links()
        self._base = ""
        self._waiting: list[tuple[Item, bytes]] = []
        self._waiting_size = 0
        self._workers: Workers[Group[Item]] = Workers(
            self._work, target.workers, _BACKLOG, self._cancellation, "restore"
        )

    def run(self, path: str) -> Restored:
        """Restores what is at and below an absolute path. Raises as `restore`."""
        import time

        began = time.monotonic_ns()
        before = self._blobs.received
        entry = self._snapshot.entry(path)
        self._tell(Begun(Work.RESTORE, self._snapshot.identifier, path))
        self._tell_expected(path, entry)
        try:
            if entry.file_info.is_directory:
                self._base = path.rstrip("/")
                self._restore_below(Folder(None, "", entry, self._attributes(entry)))
            else:
                self._base = entry.parent_path.rstrip("/")
                root = Folder(None, "", None)
                if self._make(root):
                    self._restore_item(root, entry)
                    self._release(root)
            self._flush()
        except BaseException:
            self._cancellation.cancel()
            raise
        finally:
            self._workers.finish()
            self._target.close()
        self._cancellation.raise_if_cancelled()
        result = self._result
        self._tell(
            Ended(
                Work.RESTORE,
                self._snapshot.identifier,
                errors=result.failed,
                duration=time.monotonic_ns() - began,
                read=self._blobs.received - before + self._received,
                written=0,
                size=result.size,
                target=path,
            )
        )
        return result

    def _restore_below(self, root: Folder) -> None:
        if not self._make(root):
            return
        open_folders: list[tuple[Folder, Iterator[Entry]]] = [(root, self._children(root))]
        while open_folders and not self._stopping():
            folder, children = open_folders[-1]
            entry = next(children, None)
            if entry is None:
                open_folders.pop()
                self._release(folder)
            elif entry.file_info.is_directory:
                below = Folder(folder, entry.file_info.name, entry, self._attributes(entry))
                if self._make(below):
                    open_folders.append((below, self._children(below)))
            else:
                self._restore_item(folder, entry)

    def _stopping(self) -> bool:
        return self._cancellation.cancelled()

    def _children(self, folder: Folder, listing: bytes | None = None) -> Iterator[Entry]:
        return self._snapshot.children(self._path(folder.key), self._fail, listing=listing)

    def _make(self, folder: Folder) -> bool:
        """Makes a directory; where that fails, nothing below it is tried."""
        path = self._path(folder.key)
        try:
            self._target.make_directory(folder)
        except PlaitError as error:
            if folder.parent is None:
                raise
            self._fail(path, error, below=True)
            return False
        if folder.parent is not None:
            with self._lock:
                folder.parent.pending += 1
        return True

    def _restore_item(self, folder: Folder, entry: Entry) -> None:
        item = Item(folder, entry, self._attributes(entry))
        with self._lock:
            folder.pending += 1
        if not entry.file_info.is_regular:
            self._restore_special(item)
        elif not entry.has_content:
            self._fail(self._path(item.key), IntegrityError("the snapshot names no content for this file"))
            self._release(folder)
        elif self._target.hard_links and entry.file_info.links > 1 and entry.file_info.inode:
            self._restore_linked(item)
        else:
            self._submit(item)

    def _restore_special(self, item: Item) -> None:
        try:
            self._target.make_special(item)
        except NotSupportedError as error:
            self._leave_out(item, error)
        except PlaitError as error:
            self._fail(self._path(item.key), error)
        else:
            is_link = bool(item.entry.file_info.mode & entries.MODE_SYMLINK)
            with self._lock:
                self._result.symbolic_links += is_link
                self._result.special_files += not is_link
            self._tell_done(item.folder, [item], 0)
        self._release(item.folder)

    def _restore_linked(self, item: Item) -> None:
        """One of several names of a file: the first that comes is written, the others wait for it."""
        match self._links.add(item):
            case None:
                self._submit(item)
            case Item() as first:
                self._link([item], first)
            case PlaitError() as error:
                self._fail(self._path(item.key), error)
                self._release(item.folder)
            case _:
                pass

    def _link(self, items: list[Item], first: Item) -> None:
        for item in items:
            try:
                self._target.link(item, first)
            except PlaitError:
                # Not every file system has hard links, and none has any number of them.
                self._write_alone(item)
                continue
            with self._lock:
                self._result.hard_links += 1
            self._tell_done(item.folder, [item], 0)
            self._release(item.folder)

    def _write_alone(self, item: Item) -> None:
        try:
            found = self._blobs.object(item.entry.object)
        except IntegrityError as error:
            self._fail(self._path(item.key), error)
        else:
            if self._write(contents.Content(item, found.size, self._blobs.content(found))):
                self._tell_done(item.folder, [item], found.size)
        self._release(item.folder)

    def _submit(self, item: Item) -> None:
        self._waiting.append((item, item.entry.object))
        self._waiting_size += item.entry.file_info.size
        if len(self._waiting) >= _BATCH or self._waiting_size >= _BATCH_SIZE:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting, self._waiting_size = self._waiting, [], 0
        for group in contents.plan(self._blobs, waiting):
            if isinstance(group, contents.Unreadable):
                self._finish(group.file, group.error)
                self._release(group.file.folder)
            else:
                self._dispatch(group)

    def _dispatch(self, group: Group[Item]) -> None:
        """Gives a piece of work to a worker."""
        weight = group.length if isinstance(group, Region) else min(group.object.size, _BACKLOG // 4)
        self._workers.submit(group, weight + 1)

    def _work(self, group: Group[Item]) -> None:
        """A worker's share: some files, of which those of one folder are told together."""
        if isinstance(group, Region):
            self._work_together(group)
        elif not self._stopping():
            item, found = group
            if self._write(contents.Content(item, found.size, self._blobs.content(found))):
                self._close([item], found.size)
            else:
                self._release(item.folder)

    def _work_together(self, region: Region[Wanted[Item]]) -> None:
        begun = 0
        for opened in self._blobs.opened_together(region, contents.identifiers(region)):
            files = [located.wanted for located in region.items[begun : begun + len(opened.spans)]]
            begun += len(files)
            for _, share in groupby(zip(files, opened.spans, strict=True), key=_folder_of):
                if self._stopping():
                    return
                self._write_together(list(share), opened.room)

    def _write_together(self, files: Sequence[tuple[Wanted[Item], tuple[int, int] | None]], data: memoryview) -> None:
        """Writes files of one folder, given with where in `data` their contents are, if they are whole there."""
        whole = [
            (wanted.file, *span)
            for wanted, span in files
            if span is not None and contents.is_whole(wanted, span[1] - span[0])
        ]
        flags = self._target.write_together(whole, data) if whole else ()
        written = {item: flag for (item, _, _), flag in zip(whole, flags, strict=True)}
        done: list[Item] = []
        size = 0
        for (item, found), span in files:
            if written.get(item):
                self._count(found.size)
                is_done = self._finish(item, None)
            elif item in written and span is not None:
                is_done = self._write(contents.Content(item, found.size, (bytes(data[span[0] : span[1]]),)))
            else:
                is_done = self._write(contents.Content(item, found.size, self._blobs.content(found)))
            if is_done:
                done.append(item)
                size += found.size
            else:
                self._release(item.folder)
        if done:
            self._close(done, size)

    def _close(self, items: list[Item], size: int) -> None:
        self._tell_done(items[0].folder, items, size)
        self._release(items[0].folder, len(items))

    def _write(self, content: Content[Item]) -> bool:
        """Writes a file; whether all of it is as it was."""
        error: PlaitError | None = None
        try:
            self._target.write(content.file, content.size, self._until_cancelled(content.chunks))
        except CancelledError:
            return False
        except NoSpaceError as full:
            self._end_as_full(full)
            error = full
        except PlaitError as trouble:
            error = trouble
        if error is None or isinstance(error, IncompleteError):
            self._count(content.size)
        return self._finish(content.file, error)

    def _count(self, size: int) -> None:
        with self._lock:
            self._result.files += 1
            self._result.size += size

    def _until_cancelled(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        """The same, but for a long content that nobody waits for any more: raises CancelledError then."""
        if isinstance(chunks, tuple):
            return chunks
        return self._unless_cancelled(chunks)

    def _unless_cancelled(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for number, chunk in enumerate(chunks):
            if number and self._stopping():
                raise CancelledError("the restore was interrupted")
            yield chunk

    def _end_as_full(self, error: NoSpaceError) -> None:
        """Nothing more is tried where there is no space left."""
        self._cancellation.cancel(error)

    def _finish(self, item: Item, error: PlaitError | None) -> bool:
        """Says what became of a file, and links the names that waited for it."""
        if error is not None:
            self._fail(self._path(item.key), error)
        if error is None or isinstance(error, IncompleteError):
            self._link(self._links.finish(item, None), item)
        else:
            for other in self._links.finish(item, error):
                self._fail(self._path(other.key), error)
                self._release(other.folder)
        return error is None

    def _release(self, folder: Folder, count: int = 1) -> None:
        """So many things in a folder are done; the last one gives it, and perhaps those above, their attributes."""
        at: Folder | None = folder
        while at is not None:
            with self._lock:
                at.pending -= count
                if at.pending:
                    return
            try:
                self._target.finish_directory(at)
            except PlaitError as error:
                self._fail(self._path(at.key), error)
            else:
                with self._lock:
                    self._result.directories += at.entry is not None
                self._tell_directory(at)
            at, count = at.parent, 1

    def _attributes(self, entry: Entry) -> Attributes:
        """The extended attributes of an entry, as far as the snapshot has them."""
        if not entry.extended_attributes or not self._settings.attributes:
            return ()
        found = []
        for name in entry.extended_attributes:
            try:
                attribute = self._snapshot.xattr(entry.path, name)
                if attribute is None:
                    self._warn(entry.path, f"the snapshot does not have the value of the attribute {name}")
                    continue
                found.append((name, self._value(name, attribute.object)))
            except IntegrityError as error:
                self._fail(entry.path, error)
        return tuple(found)

    def _value(self, name: str, mac: bytes) -> bytes:
        item = self._blobs.object(mac)
        if item.size > _LONGEST_ATTRIBUTE:
            raise IntegrityError(f"the attribute {name} is too long: {item.size} bytes")
        return b"".join(self._blobs.content(item))

    def _path(self, key: str) -> str:
        """The path in the snapshot."""
        return f"{self._base}/{key}" if key else self._base or "/"

    def _fail(self, path: str, error: PlaitError, *, below: bool = False) -> None:
        packfiles = error.packfiles if isinstance(error, DamagedBlobError) else ()
        reason = f"{error}; nothing in it was restored" if below else str(error)
        with self._lock:
            self._result.failed += 1
            if len(self._result.failures) < TOLD:
                self._result.failures.append(Failure(self._snapshot.identifier, path, reason, packfiles))
        self._tell(Failed(self._snapshot.identifier, self._shown(path), reason))

    def _leave_out(self, item: Item, error: PlaitError) -> None:
        path = self._path(item.key)
        with self._lock:
            self._result.skipped += 1
            if len(self._result.left_out) < TOLD:
                self._result.left_out.append(path)
        self._warn(path, f"left out: {error}")

    def _warn(self, path: str, text: str) -> None:
        self._tell(Warned(text, self._shown(path)))

    def _shown(self, path: str) -> str:
        """A path as the original shows it: below what is restored."""
        return path.removeprefix(self._base) or "/"

    def _tell_expected(self, path: str, entry: Entry) -> None:
        try:
            summary = self._snapshot.summary(path) if entry.file_info.is_directory else None
        except IntegrityError:
            # It says no more than how much there is to do.
            summary = None
        if summary is not None:
            inside, below = summary.directory, summary.below
            self._tell(Expected(inside.children + below.children + 1, inside.size + below.size))

    def _tell_done(self, folder: Folder, items: list[Item], size: int) -> None:
        kinds = bytes(_kind(item.entry) for item in items)
        names = [item.name for item in items]
        self._tell(Done(self._snapshot.identifier, f"/{folder.key}", names, kinds, size))

    def _tell_directory(self, folder: Folder) -> None:
        self._tell(Done(self._snapshot.identifier, f"/{folder.key}", [""], bytes([Kind.DIRECTORY])))

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._listener(event)


def _folder_of(pair: tuple[Wanted[Item], object]) -> Folder:
    return pair[0].file.folder


def _kind(entry: Entry) -> Kind:
    if entry.file_info.is_regular:
        return Kind.FILE
    return Kind.SYMLINK if entry.file_info.mode & entries.MODE_SYMLINK else Kind.SPECIAL
