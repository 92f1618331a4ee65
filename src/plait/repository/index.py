"""What a repository holds and where, kept on disk: the sum of its states.

The index of a store is a directory of sorted files (`segments`) and one small file, `summary`, that says which states
they are made of. It holds nothing that the states do not say: whatever is missing, damaged or of another store is made
again. It is verified against what the store lists each time it is opened: a state that is new is taken in, and where
one has disappeared (a store rolled back, a copy) or is another file than the one that was read, the index is made anew.

Processes may share it. Who changes it holds a lock; files are written beside and renamed, and those in use elsewhere
stay readable.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import tempfile
import weakref
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError, StoreError, from_os_error
from plait.repository import index_summary as summaries
from plait.repository.format import states
from plait.repository.format.merging import Holdings, Lineage, Place, last_words, order
from plait.repository.format.resources import MAC_SIZE, STATE_VERSION, Resource
from plait.repository.format.states import Coloured, Delete, Location, Packfile
from plait.repository.index_summary import IN_SUMMARY, SegmentFile, State, Summary, sorted_out
from plait.repository.layout import Folder
from plait.repository.parallel import in_parallel
from plait.repository.segments import MISSING, Gathering, Segment, SegmentError, Written, key_of, merge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from plait.model.errors import PlaitError
    from plait.repository.files import Listed, RepositoryFiles
    from plait.repository.format.codec import Codec

_LOCK: Final = "lock"
_GATHERED: Final = 400_000
"""Records that are sorted in memory."""
_RATIO: Final = 4
"""A segment is merged with the next unless it is so many times longer."""
_IN_MEMORY: Final = ("/dev/shm",)  # noqa: S108  (a directory of its own is made in it)
"""Where the index is kept when no disk has room for it."""
_READ_AT_ONCE: Final = 8
_ATTEMPTS: Final = 8


class _Part(NamedTuple):
    """A segment, and of each of its packfiles, whether blobs may be taken from it."""

    segment: Segment
    usable: list[bool]


class _View(NamedTuple):
    """What look-ups go by; replaced as a whole, so that threads need no lock."""

    small: Holdings
    gone: frozenset[tuple[int, bytes, bytes]]
    parts: tuple[_Part, ...]


class StoredIndex:
    """The index of a repository, as of its last `refresh`. Threads may share it.

    `circular_states`: names of states whose parents run in a circle; they are read all the same, the original does not.
    `damaged_states`: keys of states that cannot be read, and why; what only they know is missing here.
    """

    def __init__(
        self,
        files: RepositoryFiles,
        codec: Codec,
        identity: bytes,
        cache: Path | None,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`identity`: of the store, and of the repository in it. `cache`: a directory; None for one of its own.

        `told` gets a line where the cache cannot be written, and a directory of its own is used instead. Raises
        NotSupportedError for a state of a newer version, NoSpaceError and the like where no directory can be written,
        and the store's errors.
        """
        self.damaged_states: dict[str, str] = {}
        self._files = files
        self._codec = codec
        self._identity = identity
        self._lock = Lock()
        self._told = told
        self._remove: Callable[[], object] = lambda: None
        self._elsewhere: list[str | None] = [None, *_IN_MEMORY]
        self._states: dict[bytes, State] = {}
        self._stamps: dict[bytes, str] = {}
        self._missing: frozenset[bytes] = frozenset()
        self._own: set[bytes] = set()
        """States that this process stored, so that nobody needs to read what is in them."""
        self._segments: list[tuple[SegmentFile, Segment]] = []
        self._view = _View(Holdings(), frozenset(), ())
        self._seen: object = None
        self.circular_states: tuple[bytes, ...] = ()
        self._directory = self._make_directory(cache)
        self._load()
        self.refresh()

    def _make_directory(self, cache: Path | None) -> Path:
        if cache is None:
            return self._other_directory()
        directory = cache / "index" / self._identity.hex()[:32]
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (directory / _LOCK).open("ab"):
                return directory
        except OSError as error:
            return self._instead_of(directory, error)

    def _instead_of(self, directory: Path, error: OSError) -> Path:
        """A directory that this process alone uses, in place of one that cannot be written.

        A cache is a help only: without one everything is read from the store. Raises the catalogue's error where there
        is no other place.
        """
        trouble = from_os_error(error, f"failed to write the index in {directory}")
        if len(self._elsewhere) > len(_IN_MEMORY):
            self._told(f"going on without a cache: {trouble}")
        return self._other_directory(trouble)

    def _other_directory(self, trouble: PlaitError | None = None) -> Path:
        self._remove()
        while self._elsewhere:
            try:
                own = tempfile.mkdtemp(prefix="plait-index-", dir=self._elsewhere.pop(0))
            except OSError as error:
                trouble = trouble or from_os_error(error, "failed to make a temporary directory for the index")
                continue
            self._remove = weakref.finalize(self, shutil.rmtree, own, ignore_errors=True)
            return Path(own)
        raise trouble or StoreError("there is no place for the index")

    def refresh(self) -> None:
        """Takes in what the store lists now. Raises as the constructor."""
        listed = self._files.listed(Folder.STATES)
        there = {one.key for one in listed.values()}
        self.damaged_states = {key: reason for key, reason in self.damaged_states.items() if key in there}
        whole = {name: one.stamp for name, one in listed.items() if one.key not in self.damaged_states}
        if whole.keys() == self._states.keys() and whole == self._stamps:
            return
        with self._lock:
            self._change(lambda: self._take_in_new(listed))

    def _take_in_new(self, listed: Mapping[bytes, Listed]) -> None:
        self._catch_up()
        if self._states.keys() - listed.keys():
            # Another process may have stored more meanwhile, and taken it in.
            listed = self._files.listed(Folder.STATES)
        if self._states.keys() - listed.keys() or not all(map(self._is_as_read, self._states, repeat(listed))):
            self._forget()
        self._stamps = {name: listed[name].stamp for name in self._states}
        self._take_in({name: one for name, one in listed.items() if name not in self._states})

    def _is_as_read(self, name: bytes, listed: Mapping[bytes, Listed]) -> bool:
        """Whether the file of a state is the one that was read, or that was stored here."""
        key, stamp = listed[name]
        known = self._stamps.get(name)
        if known is not None or name in self._own or not stamp:
            return known in {None, stamp}
        try:
            self._codec.unwrap(self._files.read(key), Resource.STATE, STATE_VERSION)
        except IntegrityError:
            return False
        return True

    def add_state(self, name: bytes, stream: bytes) -> None:
        """Takes in a state that was just stored, from its plain stream. Raises as `refresh`."""
        self.add_states([(name, stream)])

    def add_states(self, added: Sequence[tuple[bytes, bytes]]) -> None:
        """As `add_state` for several, given by name and stream: far cheaper than one by one."""
        with self._lock:
            self._change(lambda: self._add_stored(added))

    def _add_stored(self, added: Sequence[tuple[bytes, bytes]]) -> None:
        known = self._states.keys()
        self._catch_up()
        lost = known - self._states.keys()
        if lost:
            listed = self._files.listed(Folder.STATES)
            self._take_in({name: listed[name] for name in lost if name in listed})
        gathering = Gathering()
        for name, stream in added:
            self._own.add(name)
            # Another process may have taken it in from the store already, and would have its blobs twice.
            if name not in self._states:
                self._states[name] = sorted_out(name, states.read_runs(stream, STATE_VERSION), gathering)
        self._append(gathering)
        self._save()

    def places(self, resource: int, mac: bytes) -> Sequence[Place]:
        """Every place where a blob can be read, that of the lowest packfile name first, as the original takes it."""
        view = self._view
        if resource in IN_SUMMARY:
            return view.small.places(resource, mac)
        key = key_of(resource, mac)
        found: list[Place] = []
        for segment, usable in view.parts:
            found += segment.find(key, usable)
        if len(found) < 2 and not view.gone:
            return found
        by_name: dict[bytes, Place] = {}
        for place in found:
            by_name.setdefault(place.packfile, place)
        return [by_name[name] for name in sorted(by_name) if (resource, mac, name) not in view.gone]

    def all_places(self, resource: int, macs: Sequence[bytes]) -> list[Sequence[Place]]:
        """As `places`, of many blobs of one kind."""
        view = self._view
        if resource in IN_SUMMARY or view.gone:
            return [self.places(resource, mac) for mac in macs]
        found: list[Sequence[Place]] = [()] * len(macs)
        keys = b"".join(key_of(resource, mac) for mac in macs)
        for segment, usable in view.parts:
            numbers = segment.find_all(keys)
            for index, number in enumerate(numbers[::3]):
                if number == MISSING:
                    continue
                if number < 0 or found[index]:
                    found[index] = self.places(resource, macs[index])
                elif usable[number]:
                    offset, length = numbers[3 * index + 1], numbers[3 * index + 2]
                    found[index] = (Place(segment.packfiles[number], offset, length),)
        return found

    def every_place(self, resource: int, mac: bytes) -> Sequence[Place]:
        """As `places`, with those in packfiles that are coloured and not swept yet."""
        view = self._view
        if resource in IN_SUMMARY:
            return view.small.places(resource, mac, coloured=True)
        key = key_of(resource, mac)
        found = {
            place.packfile: place
            for part in view.parts
            for place in part.segment.find(key)
            if view.small.is_known(place.packfile) and (resource, mac, place.packfile) not in view.gone
        }
        return [found[name] for name in sorted(found)]

    def locations(self) -> Iterator[tuple[bytes, Place]]:
        """The key (`segments.key_of`) and the place of every blob in every packfile that is not swept yet.

        Padding is left out. Those of packfiles that no state names at all come, too.
        """
        view = self._view
        for resource, mac, place in view.small.locations():
            yield key_of(resource, mac), place
        swept = view.small.known_packfiles() - view.small.packfiles().keys()
        for part in view.parts:
            names = [None if name in swept else name for name in part.segment.packfiles]
            for key, number, offset, length in part.segment.unpacked():
                name = names[number]
                if name is not None and (not view.gone or (key[32], key[:32], name) not in view.gone):
                    yield key, Place(name, offset, length)

    def dangling(self) -> list[tuple[int, bytes, bytes]]:
        """Kind, identifier and packfile of blobs in packfiles that no state ever named."""
        known = self.known_packfiles()
        if all(name in known for part in self._view.parts for name in part.segment.packfiles):
            return []
        return [(key[32], key[:32], place.packfile) for key, place in self.locations() if place.packfile not in known]

    def holds(self, resource: int, mac: bytes) -> bool:
        """Whether a blob can be read."""
        return bool(self.places(resource, mac))

    def hold(self, keys: Iterable[bytes]) -> list[bool]:
        """As `holds`, of many blobs by their keys (`segments.key_of`)."""
        wanted = list(keys)
        view = self._view
        if view.gone:
            return [self.holds(key[MAC_SIZE], key[:MAC_SIZE]) for key in wanted]
        found = [False] * len(wanted)
        for segment, usable in view.parts:
            numbers = segment.find_all(b"".join(wanted))
            for index, number in enumerate(numbers[::3]):
                if number >= 0:
                    found[index] = found[index] or usable[number]
                elif number != MISSING and not found[index]:
                    found[index] = self.holds(wanted[index][MAC_SIZE], wanted[index][:MAC_SIZE])
        return found

    def blobs(self) -> Iterator[tuple[int, bytes]]:
        """Kind and identifier of every blob that can be read, padding left out; one in two packfiles comes twice."""
        view = self._view
        yield from view.small.blobs()
        for part in view.parts:
            for record in part.segment.records():
                if self.places(record[32], record[:32]):
                    yield record[32], record[:32]

    def snapshots(self) -> list[bytes]:
        """The identifiers of the snapshots that are listed, in order."""
        return self._view.small.snapshots()

    def packfiles(self) -> dict[bytes, Packfile]:
        """The packfiles that a state names and none deletes, coloured or not."""
        return self._view.small.packfiles()

    def known_packfiles(self) -> frozenset[bytes]:
        """The packfiles that any state names, deleted ones too."""
        return self._view.small.known_packfiles()

    def readable_packfiles(self) -> frozenset[bytes]:
        """The packfiles that blobs may be taken from."""
        small = self._view.small
        return frozenset(name for name in small.packfiles() if small.is_readable(name)) - self._missing

    def leave_out(self, packfiles: Iterable[bytes]) -> None:
        """Takes no blobs from these packfiles any more, whatever the states say: they are missing."""
        with self._lock:
            self._missing = frozenset(packfiles)
            self._settle()

    def colours(self) -> dict[tuple[int, bytes], int]:
        """What is coloured, by kind and identifier, and since when in nanoseconds since the epoch."""
        return self._view.small.colours()

    def headers_of(self, snapshot: bytes) -> Iterator[tuple[bytes, Location]]:
        """Where a snapshot's header is, each with the state that says so. What was taken back is left out."""
        gone = self._view.gone
        for state in tuple(self._states.values()):
            for record in state.records():
                if (
                    isinstance(record, Location)
                    and (record.resource, record.mac) == (Resource.SNAPSHOT, snapshot)
                    and (record.resource, record.mac, record.packfile) not in gone
                ):
                    yield state.name, record

    def last_on_colours(self, blobs: Collection[tuple[int, bytes]]) -> dict[tuple[int, bytes], dict[bytes, bool]]:
        """The states that have the last word on whether blobs are coloured, given by kind and identifier: no descendant
        of theirs says more. True: the state colours it, False: it takes a colour back.

        The original applies them in any order: a blob is what all of them say, and it is by chance where they differ.
        """
        said: dict[tuple[int, bytes], dict[bytes, bool]] = {blob: {} for blob in blobs}
        for state in tuple(self._states.values()):
            for record in state.records():
                if isinstance(record, Coloured) or (isinstance(record, Delete) and record.is_colour):
                    blob = record.resource, record.mac
                    if blob in said:
                        said[blob][state.name] = isinstance(record, Coloured)
        lineages = self._lineages()
        return {
            blob: {name: colours[name] for name in sorted(last_words(lineages, colours))}
            for blob, colours in said.items()
        }

    def ancestors(self, name: bytes) -> set[bytes]:
        """A state, its parent, and so on, as far as known: what the original has read when it reads the state."""
        found: set[bytes] = set()
        while name in self._states and name not in found:
            found.add(name)
            name = self._states[name].parent
        return found

    def newest_state(self) -> bytes | None:
        """The name of the newest state, by its own time."""
        newest = max(self._states.values(), key=lambda state: (state.timestamp, state.name), default=None)
        return None if newest is None else newest.name

    def close(self) -> None:
        """Frees its files. Repeated calls do nothing."""
        self._segments = []
        self._view = _View(Holdings(), frozenset(), ())
        self._remove()

    def _take_in(self, listed: Mapping[bytes, Listed]) -> None:
        try:
            gathering = Gathering()
            for name, data in self._read_states(listed):
                try:
                    version, payload = self._codec.unwrap(data, Resource.STATE, STATE_VERSION)
                    read = states.read_runs(self._codec.decode(payload), version)
                    self._states[name] = sorted_out(name, read, gathering)
                    self._stamps[name] = listed[name].stamp
                except IntegrityError as error:
                    # The blobs of a malformed one do not count, as no state that is known names their packfile.
                    self.damaged_states[listed[name].key] = str(error)
                if gathering.count >= _GATHERED:
                    self._append(gathering)
                    gathering = Gathering()
            self._append(gathering)
            self._save()
        except OSError:
            # All is taken in anew elsewhere; until then, look-ups go by what was known.
            raise
        except BaseException:
            # What was gathered is lost, so that the states it came from are not known after all.
            self._forget()
            raise

    def _read_states(self, listed: Mapping[bytes, Listed]) -> Iterator[tuple[bytes, bytes]]:
        """Names and bytes of states, several of them read at once."""
        return in_parallel(lambda name: (name, self._files.read(listed[name].key)), listed, _READ_AT_ONCE)

    def _append(self, gathering: Gathering) -> None:
        """Adds a segment, and merges the last ones while they are of like lengths."""
        if not gathering.count:
            return
        path = self._new_path()
        self._open(path, gathering.write(path))
        while len(self._segments) > 1 and self._segments[-2][0].count < _RATIO * self._segments[-1][0].count:
            newer, older = self._segments.pop(), self._segments.pop()
            path = self._new_path()
            self._open(path, merge(path, older[1], newer[1]))

    def _open(self, path: Path, written: Written) -> None:
        self._segments.append((SegmentFile(path.name, *written), Segment(path, written)))

    def _new_path(self) -> Path:
        return self._directory / f"{secrets.token_hex(8)}.segment"

    def _save(self) -> None:
        """Makes what is known the index of the directory."""
        self._settle()
        segments = tuple(described for described, _ in self._segments)
        summary = Summary(self._identity, tuple(self._states.values()), segments, self._stamps)
        summaries.write(self._directory, summary)
        kept = {described.file for described in segments} | {summaries.FILE, _LOCK}
        for path in self._directory.iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _settle(self) -> None:
        """Makes the sum of the small records, and says of each segment's packfiles which can be read from."""
        names, self.circular_states = order(self._lineages())
        small = Holdings()
        for name in names:
            small.apply(self._states[name].records())
        missing = self._missing

        def readable(packfile: bytes) -> bool:
            return small.is_readable(packfile) and packfile not in missing

        parts = (_Part(segment, list(map(readable, segment.packfiles))) for _, segment in self._segments)
        self._view = _View(small, small.gone_places, tuple(parts))

    def _lineages(self) -> dict[bytes, Lineage]:
        return {state.name: Lineage(state.parent, state.timestamp) for state in tuple(self._states.values())}

    def _catch_up(self) -> None:
        """Takes over what another process has made of the directory."""
        if summaries.stamp(self._directory) != self._seen:
            self._load()

    def _load(self) -> None:
        """Opens what the directory holds; nothing where that is no whole index of this repository."""
        for _ in range(_ATTEMPTS):
            self._seen = summaries.stamp(self._directory)
            summary = summaries.read(self._directory, self._identity)
            if summary is None:
                break
            try:
                self._segments = [self._described(segment) for segment in summary.segments]
            except SegmentError:
                if summaries.stamp(self._directory) == self._seen:
                    break
                # Another process has just replaced it.
                continue
            self._states = {state.name: state for state in summary.states}
            self._stamps = summary.stamps
            self._settle()
            return
        self._forget()

    def _described(self, segment: SegmentFile) -> tuple[SegmentFile, Segment]:
        return segment, Segment(self._directory / segment.file, Written(segment.count, segment.checksum))

    def _forget(self) -> None:
        self._segments = []
        self._states = {}
        self._stamps = {}
        self._settle()

    def _change(self, work: Callable[[], None]) -> None:
        """Does what changes the directory; where it cannot be written, everything is taken in anew in another one."""
        while True:
            try:
                with self._changing():
                    work()
            except OSError as error:
                self._directory = self._instead_of(self._directory, error)
                work = self._take_in_all
            else:
                return

    def _take_in_all(self) -> None:
        self._segments, self._states, self._stamps = [], {}, {}
        self._take_in(self._files.listed(Folder.STATES))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keeps other processes from changing the directory. Raises OSError."""
        # A cache may be deleted at any time.
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._directory / _LOCK).open("ab") as lock:
            with suppress(OSError):
                # A file system without locks: files are renamed into place all the same; a lost one is made again.
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
