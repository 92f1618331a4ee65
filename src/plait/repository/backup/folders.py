"""Folders on their way into a snapshot: put together once all their nodes and all folders below them are done."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from plait.repository.backup.columns import UNSETTLED
from plait.repository.backup.trees import Tree
from plait.repository.format import btrees, dirpacks, summaries, wire
from plait.repository.format.entries import MODE_DIRECTORY, XattrEntry
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.format.summaries import Child, Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.backup.contents import Contents
    from plait.repository.backup.known import Remembering
    from plait.repository.backup.nodes import Made
    from plait.repository.backup.previous import Frame, Previous
    from plait.repository.backup.sources import Unreadable
    from plait.repository.format.codec import Codec
    from plait.repository.format.packed import Glance
    from plait.repository.writing import Writer


class Gathered:
    """What is known of one folder so far.

    `waiting`: pieces of work and folders below that are not done yet; all are counted once it `is_begun`. `changed`:
    its own list of entries is, or may be, another one than before. `made`: the names of entries that are not taken
    over. `goes_by_times`: an entry that says the same of a file is taken over with its content; else what the signature
    does not show to be unchanged is read. `is_settled`: nothing of it has to be looked at again next time. `below`: the
    summaries of the folders below that are not as they were.
    """

    __slots__ = (
        "before",
        "below",
        "changed",
        "errors",
        "frames",
        "goes_by_times",
        "is_begun",
        "is_settled",
        "made",
        "path",
        "signature",
        "subfolders",
        "waiting",
        "xattrs",
    )

    def __init__(self, path: str) -> None:
        self.path = path
        self.waiting = 0
        self.is_begun = False
        self.changed = True
        self.goes_by_times = True
        self.is_settled = True
        self.signature = b""
        self.subfolders: Sequence[str] = ()
        self.before: dict[str, Frame] = {}
        self.frames: dict[str, Frame] = {}
        self.made: set[str] = set()
        self.xattrs: list[tuple[str, bytes]] = []
        self.errors: list[Unreadable] = []
        self.below: dict[str, Summary] = {}

    def take(self, made: Made) -> None:
        """Adds an entry."""
        name = made.frame.glance.name
        self.frames[name] = made.frame
        self.made.add(name)
        self.xattrs += made.xattrs


class Folders:
    """Finishes folders, and gathers what the trees are made of. Threads may share it.

    `from_scratch`: nothing of the snapshot before is taken unseen, so that the trees hold only what is seen now.
    """

    def __init__(
        self, contents: Contents, codec: Codec, writer: Writer, previous: Previous, remembering: Remembering
    ) -> None:
        self._contents = contents
        self._codec = codec
        self._writer = writer
        self._previous = previous
        self._remembering = remembering
        self.from_scratch = previous.known is None
        self._open: dict[str, Gathered] = {}
        self._lock = Lock()
        self._gathering = Lock()
        self.paths = Tree(btrees.VFS)
        self.xattrs = Tree(btrees.XATTRS)
        self.content_types = Tree(btrees.CONTENT_TYPES)
        self.dirpacks = Tree(btrees.INDEX)
        self.summaries = Tree(btrees.INDEX)
        self.removed: set[str] = set()
        self.errors: dict[str, str] = {}
        self.summary: Summary | None = None

    def gathered(self, path: str) -> Gathered:
        """The folder of a path, begun where it is not yet."""
        with self._lock:
            found = self._open.get(path)
            if found is None:
                found = self._open[path] = Gathered(path)
            return found

    def expect(self, folder: Gathered, pieces: int) -> None:
        """So many more pieces of work belong to the folder."""
        with self._lock:
            folder.waiting += pieces

    def begun(self, folder: Gathered) -> None:
        """The folder itself was handed out, and all of its pieces are expected; those below it may be done already."""
        with self._lock:
            folder.is_begun = True
            folder.waiting += 1
        self.done(folder)

    def done(self, folder: Gathered) -> None:
        """A piece of the folder's work is done; the folder is finished with the last one, and so on upwards."""
        current: Gathered | None = folder
        while current is not None:
            with self._lock:
                current.waiting -= 1
                if current.waiting or not current.is_begun:
                    return
                del self._open[current.path]
            current = self._finish(current)

    def _finish(self, folder: Gathered) -> Gathered | None:
        """Puts a folder together; the one that it is in, None for the uppermost."""
        path = folder.path
        summary, packed_before = self._summarize(folder)
        packed = packed_before
        if summary is not None:
            packed = wire.encode(summary)
            if packed != packed_before:
                mac = self._codec.mac(packed)
                self._writer.put(Resource.VFS_SUMMARY, mac, packed)
                with self._gathering:
                    self.summaries.set(path, mac, existed=bool(packed_before))
            else:
                summary = None
        if folder.changed:
            self._store_list(folder)
        signature = folder.signature
        if signature and (folder.errors or not folder.is_settled):
            signature += UNSETTLED
        with self._gathering:
            self._remembering.add(path, signature, packed)
        if path == "/":
            self.summary = summary or wire.decode(packed, Summary)
            return None
        directory, _, name = path.rpartition("/")
        above = self.gathered(directory or "/")
        if summary is not None:
            above.below[name] = summary
        return above

    def _summarize(self, folder: Gathered) -> tuple[Summary | None, bytes]:
        """The summary of a folder, None where it is as it was, and the packed one it had before."""
        _, before = self._previous.folder(folder.path)
        if before and not folder.changed and not folder.below:
            return None, before
        summary = Summary()
        if folder.changed:
            for name in sorted(folder.frames, key=_raw):
                glance = folder.frames[name].glance
                if glance.mode & MODE_DIRECTORY:
                    summaries.add_directory(summary, self._below(folder, name))
                else:
                    has_object = glance.object != NO_MAC
                    child = Child(
                        glance.mode, glance.size, glance.seconds, has_object, glance.content_type, glance.entropy,
                        glance.chunks,
                    )  # fmt: skip
                    summaries.count(summary.directory, child)
        else:
            for name in sorted(folder.subfolders, key=_raw):
                summaries.add_directory(summary, self._below(folder, name))
            summary.directory = wire.decode(before, Summary).directory
        own = sum(1 for path in {error.path for error in folder.errors} if _parent(path) == folder.path)
        summaries.finish(summary, own)
        return summary, before

    def _below(self, folder: Gathered, name: str) -> Summary:
        found = folder.below.get(name)
        if found is None:
            _, packed = self._previous.folder(f"{folder.path.rstrip('/')}/{name}")
            found = wire.decode(packed, Summary)
        return found

    def _store_list(self, folder: Gathered) -> None:
        """Stores the list of a folder's entries, and gathers what changed in it."""
        path, frames = folder.path, folder.frames
        names = sorted(map(_raw, frames))
        listed = [frames[name] for name in sorted(frames, key=_raw)]
        parts = [
            dirpacks.pack(frame.plain, frame.mac, is_directory=bool(frame.glance.mode & MODE_DIRECTORY))
            for frame in listed
        ]
        mac = self._contents.save_dirpack(b"".join(parts))
        before = {} if self.from_scratch else folder.before
        existed = not self.from_scratch and bool(self._previous.folder(path)[1])
        with self._gathering:
            self.dirpacks.set(path, mac, existed=existed)
            prefix = path.rstrip("/")
            if self.from_scratch:
                self._gather_new(_raw(prefix), names, listed)
            else:
                for name, frame in frames.items():
                    old = before.get(name)
                    if frame is not old:
                        self._gather(f"{prefix}/{name}", frame, old)
            for name in before.keys() - frames.keys():
                self._forget(f"{prefix}/{name}", before[name])
            self._gather_xattrs(prefix, folder, before)
            for error in folder.errors:
                self.errors[error.path] = error.error

    def _gather(self, path: str, frame: Frame, old: Frame | None) -> None:
        """Notes an entry for the trees, in place of an old one."""
        key = _typed(frame.glance, path)
        old_key = None
        if old is not None:
            old_key = _typed(old.glance, path)
            if old_key is not None and old_key != key:
                self.content_types.remove(old_key)
            if old.glance.mode & MODE_DIRECTORY and key is not None:
                self.removed.add(path)
        self.paths.set(path, frame.mac, existed=old is not None)
        if key is not None:
            self.content_types.set(key, frame.mac, existed=key == old_key)

    def _gather_new(self, prefix: bytes, names: list[bytes], frames: list[Frame]) -> None:
        """As `_gather`, of all entries of a directory where there was no snapshot before."""
        paths = [b"%b/%b" % (prefix, name) for name in names]
        self.paths.add(paths, [frame.mac for frame in frames])
        typed = [number for number, frame in enumerate(frames) if not frame.glance.mode & MODE_DIRECTORY]
        types = [frames[number].glance.content_type.partition(";")[0].encode() for number in typed]
        keys = [b"/%b%b" % (kind, paths[number]) for kind, number in zip(types, typed, strict=True)]
        self.content_types.add(keys, [frames[number].mac for number in typed])

    def _forget(self, path: str, old: Frame) -> None:
        """Notes that an entry is gone, with all that was below it."""
        key = _typed(old.glance, path)
        self.paths.remove(path)
        if key is None:
            self.removed.add(path)
        else:
            self.content_types.remove(key)
        for name in old.glance.attributes:
            self.xattrs.remove(_xattr_key(path, name))

    def _gather_xattrs(self, prefix: str, folder: Gathered, before: dict[str, Frame]) -> None:
        """Notes the attributes of entries that were made; those of entries taken over stay as they are."""
        old = {
            _xattr_key(f"{prefix}/{name}", attribute)
            for name in folder.made & before.keys()
            for attribute in before[name].glance.attributes
        }
        for key, value in folder.xattrs:
            self.xattrs.set(key, value, existed=key in old)
        for key in old.difference(key for key, _ in folder.xattrs):
            self.xattrs.remove(key)


def _typed(glance: Glance, path: str) -> str | None:
    """A path's key in the index of content types; None for a directory."""
    return None if glance.mode & MODE_DIRECTORY else f"/{glance.content_type.partition(';')[0]}{path}"


def _xattr_key(path: str, name: str) -> str:
    return XattrEntry(path=path, name=name, size=0, object=NO_MAC).key


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
