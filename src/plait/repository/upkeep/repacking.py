"""Repacking: what is needed of packfiles that hold little else is written anew, and they are coloured.

One state names the new packfiles and colours the old ones, after the new ones are stored: at every instant each blob is
where some state says, once, for the original too. Maintenance sweeps the old ones when their grace is over.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from plait.model.errors import IntegrityError, NotSupportedError, ObjectNotFoundError
from plait.repository.blobs import Located, regions
from plait.repository.colouring import coloured
from plait.repository.events import Advanced, Warned, Work, silent
from plait.repository.format.packfiles import read_index
from plait.repository.format.resources import VERSION_1_0_0, Resource
from plait.repository.layout import Folder
from plait.repository.parallel import in_parallel
from plait.repository.upkeep.publishing import publish, taken_back
from plait.repository.upkeep.survey import exclusive, survey
from plait.repository.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.engine.workers import Cancellation
    from plait.repository.events import Listener
    from plait.repository.format.merging import Place
    from plait.repository.format.states import Writable
    from plait.repository.locking import HeldLock
    from plait.repository.repository import Repository
    from plait.repository.upkeep.survey import Share, Survey

SMALL: Final = 1 << 20
"""Bytes of blobs below which a packfile is small."""
MANY: Final = 8
"""So many small packfiles are put together."""
_PUBLISHED: Final = 64 << 20
"""Bytes that are moved between states, at least."""
_AT_ONCE: Final = 1
"""Packfiles that are read while others are written: each is in memory as a whole."""
_WHOLE: Final = 4
"""A packfile of which this part or more is needed is read as a whole."""
_NEVER: Final = float("inf")


class RepackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which packfiles are rewritten.

    `threshold`: those of whose blobs less than this share (0 to 1) is needed. `limit`: bytes that are moved at most,
    None for no limit. `dry_run`: nothing is changed, and no lock is taken.
    """

    threshold: float = 0.5
    limit: int | None = None
    dry_run: bool = False


class Repacked(msgspec.Struct, kw_only=True):
    """What was done, or would be: which packfiles were rewritten, bytes moved, and bytes that will come back.

    `damaged`: packfiles that stay as they are, because not everything that is needed of them can be read.
    `left`: packfiles beyond the limit.
    """

    packfiles: list[bytes] = []
    moved: int = 0
    freed: int = 0
    damaged: list[bytes] = []
    left: int = 0


class _Wanted(NamedTuple):
    """What is needed from a packfile, and of what else it holds, that is needed from another: where that is."""

    packfile: bytes
    located: list[Located[bytes]]
    doubles: list[tuple[Located[bytes], Place]]


class _Content(msgspec.Struct, frozen=True):
    """What is needed of a packfile: kind, identifier and stored bytes of each blob; or why it cannot be read."""

    packfile: bytes
    blobs: list[tuple[int, bytes, bytes]]
    error: IntegrityError | None = None

    def named_only(self) -> _Content:
        """The same without bytes, and of the blobs only headers of snapshots."""
        headers = [(resource, mac, b"") for resource, mac, _ in self.blobs if resource == Resource.SNAPSHOT]
        return _Content(self.packfile, headers)


def candidates(shares: dict[bytes, Share], usable: frozenset[bytes], threshold: float) -> list[bytes]:
    """The packfiles worth rewriting, those that give most for the bytes moved first. Pure.

    `usable`: packfiles that are not coloured. Small ones are among them where there are many.
    """
    there = {name: share for name, share in shares.items() if name in usable and share.size is not None}
    used = {name: share for name, share in there.items() if share.needed}
    sparse = {name for name, share in used.items() if share.needed < threshold * share.blobs}
    small = {name for name, share in used.items() if share.blobs < SMALL}
    chosen = sparse | small if len(small) >= MANY else sparse
    return sorted(chosen, key=lambda name: (used[name].needed / (used[name].size or 1), name))


def repack(
    repository: Repository,
    settings: RepackSettings,
    *,
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Repacked:
    """Rewrites packfiles of which little is needed. Raises as `maintenance.maintain`."""
    if settings.dry_run:
        repository.refresh()
        return planned(repository, survey(repository, cancellation), settings)
    with exclusive(repository, lambda text: listener(Warned(text))) as lock:
        return rewrite(repository, survey(repository, cancellation), settings, lock, listener, cancellation)


def planned(repository: Repository, found: Survey, settings: RepackSettings) -> Repacked:
    """The packfiles that would be rewritten, and what that would come to."""
    names = candidates(found.shares, repository.index.readable_packfiles(), settings.threshold)
    result = Repacked()
    for name in names:
        share = found.shares[name]
        if settings.limit is not None and result.moved + share.needed > settings.limit:
            break
        result.packfiles.append(name)
        result.moved += share.needed
        result.freed += (share.size or 0) - share.needed
    result.left = len(names) - len(result.packfiles)
    return result


def rewrite(
    repository: Repository,
    found: Survey,
    settings: RepackSettings,
    lock: HeldLock,
    listener: Listener,
    cancellation: Cancellation | None,
) -> Repacked:
    """As `repack`, with the lock held and a survey made since."""
    result = planned(repository, found, settings)
    if result.packfiles:
        _Repacking(repository, found, lock, listener, cancellation).run(list(result.packfiles), result)
    return result


class _Repacking:
    def __init__(
        self,
        repository: Repository,
        found: Survey,
        lock: HeldLock,
        listener: Listener,
        cancellation: Cancellation | None,
    ) -> None:
        self._repository = repository
        self._found = found
        self._lock = lock
        self._listener = listener
        self._raise_if_cancelled: Callable[[], None] = (
            cancellation.raise_if_cancelled if cancellation is not None else lambda: None
        )

    def run(self, names: Sequence[bytes], result: Repacked) -> None:
        """Rewrites packfiles; `result` tells of those that were."""
        result.packfiles, result.moved = [], 0
        repository = self._repository
        with Writer(
            repository.writable_files,
            repository.codec,
            repository.index,
            self._lock,
            packfile_size=repository.configuration.packfile.max_size,
            publish_seconds=_NEVER,
        ) as writer:
            waiting: list[_Content] = []
            pending = 0
            read, total = 0, sum(self._found.shares[name].needed for name in names)
            for number, content in enumerate(in_parallel(self._read, self._wanted(names), _AT_ONCE), start=1):
                self._raise_if_cancelled()
                read += self._found.shares[content.packfile].needed
                self._listener(Advanced(Work.REPACK, number, read, len(names), total))
                if content.error is not None:
                    self._listener(Warned(f"packfile {content.packfile.hex()} is left as it is: {content.error}"))
                    result.damaged.append(content.packfile)
                    share = self._found.shares[content.packfile]
                    result.freed -= (share.size or 0) - share.needed
                    continue
                for resource, mac, stored in content.blobs:
                    writer.add_encoded(resource, mac, stored)
                    pending += len(stored)
                waiting.append(content.named_only())
                if pending >= _PUBLISHED:
                    self._publish(writer, waiting, result, pending)
                    waiting, pending = [], 0
            if waiting:
                self._publish(writer, waiting, result, pending)

    def _publish(self, writer: Writer, done: Sequence[_Content], result: Repacked, moved: int) -> None:
        old = [content.packfile for content in done]
        headers = [
            (mac, content.packfile)
            for content in done
            for resource, mac, _ in content.blobs
            if resource == Resource.SNAPSHOT
        ]
        back = taken_back(self._repository.index, headers)
        colours = coloured(self._repository.index, [(Resource.PACKFILE, name) for name in old], time.time_ns())
        writer.publish([*back.now, *colours.now])
        later: list[tuple[bytes, Writable]] = [*back.later, *colours.later]
        for state, record in later:
            publish(self._repository, [record], self._lock, parent=state)
        result.packfiles += old
        result.moved += moved

    def _wanted(self, names: Sequence[bytes]) -> Iterator[_Wanted]:
        """Of each packfile what is needed from it."""
        going = set(names)
        order, chosen = self._found.order, self._found.chosen
        wanted = {name: _Wanted(name, [], []) for name in names}
        doubled: dict[bytes, list[Located[bytes]]] = {}
        for key, place in self._repository.index.locations():
            if place.packfile not in going or key not in chosen:
                continue
            if order[chosen[key]] == place.packfile:
                wanted[place.packfile].located.append(Located(place, key))
            else:
                doubled.setdefault(key, []).append(Located(place, key))
        if doubled:
            for key, place in self._repository.index.locations():
                if key in doubled and order[chosen[key]] == place.packfile:
                    for double in doubled[key]:
                        wanted[double.place.packfile].doubles.append((double, place))
        for name in names:
            yield wanted.pop(name)

    def _read(self, item: _Wanted) -> _Content:
        """The needed blobs of a packfile, and those of which the other copy turns out to be damaged."""
        content = self._read_needed(item.packfile, item.located)
        if content.error is not None:
            return content
        for double, place in item.doubles:
            key = double.wanted
            try:
                self._verified(key, place, self._repository.reader.blobs.stored(place))
            except IntegrityError:
                # Where this one is damaged, too, there is nothing to lose.
                with suppress(IntegrityError):
                    stored = self._repository.reader.blobs.stored(double.place)
                    content.blobs.append(self._verified(key, double.place, stored))
        return content

    def _read_needed(self, packfile: bytes, located: list[Located[bytes]]) -> _Content:
        """The needed blobs of a packfile as they are stored, verified: all at once, or else each of them."""
        share = self._found.shares[packfile]
        if share.needed * _WHOLE >= (share.size or 0):
            together = self._read_whole(packfile, located)
            if together is not None:
                return together
        blobs = self._repository.reader.blobs
        found: list[tuple[int, bytes, bytes]] = []
        try:
            for region in regions(located):
                data = blobs.region(region)
                for place, key in region.items:
                    found.append(self._verified(key, place, data[place.offset - region.offset :][: place.length]))
        except IntegrityError as error:
            return _Content(packfile, [], error)
        return _Content(packfile, found)

    def _read_whole(self, packfile: bytes, located: Sequence[Located[bytes]]) -> _Content | None:
        """The same by the packfile's own checksum, which costs less than opening each blob; None where it does not fit.

        That a blob is where a state says so is compared with what the packfile says.
        """
        files, codec = self._repository.writable_files, self._repository.codec
        try:
            data = files.read(files.key(Folder.PACKFILES, packfile))
            _, body = codec.unwrap(data, Resource.PACKFILE, VERSION_1_0_0)
            held = {(blob.resource, blob.mac, blob.offset, blob.length) for blob in read_index(body, codec).blobs}
        except (IntegrityError, NotSupportedError, ObjectNotFoundError):
            return None
        if any((key[32], key[:32], place.offset, place.length) not in held for place, key in located):
            return None
        return _Content(
            packfile,
            [(key[32], key[:32], body[place.offset : place.offset + place.length]) for place, key in located],
        )

    def _verified(self, key: bytes, place: Place, stored: bytes) -> tuple[int, bytes, bytes]:
        resource, mac = Resource(key[32]), key[:32]
        self._repository.reader.blobs.decode(resource, mac, place, stored)
        return int(resource), mac, stored
