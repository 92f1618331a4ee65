"""Maintenance: what nothing needs is coloured, and swept a grace period later (format, section 12).

Both steps are the original's, so that one program may colour and the other sweep. A coloured packfile is at once of no
use for reading and writing; its bytes stay until the grace period is over, for a writer that began before and was not
seen, and because people change their minds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from plait.model.errors import ObjectNotFoundError, PlaitError
from plait.repository.colouring import uncoloured
from plait.repository.events import Warned, silent
from plait.repository.format.resources import Resource
from plait.repository.format.states import Delete
from plait.repository.layout import Folder
from plait.repository.recovering import read_index
from plait.repository.upkeep import leftovers
from plait.repository.upkeep.publishing import colour, publish
from plait.repository.upkeep.repacking import Repacked, RepackSettings, planned, rewrite
from plait.repository.upkeep.survey import exclusive, measured_again, survey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from plait.engine.workers import Cancellation
    from plait.repository.events import Listener
    from plait.repository.files import StoredFiles
    from plait.repository.format.codec import Codec
    from plait.repository.locking import HeldLock
    from plait.repository.repository import Repository
    from plait.repository.upkeep.survey import Survey

WEEK: Final = 7 * 24 * 3600 * 1_000_000_000
_AT_ONCE: Final = 1000


class MaintenanceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How maintenance is done.

    `grace` in nanoseconds: from colouring to sweeping, and the age at which what no state names is taken for left over.
    `at_once`: without grace, and what this run colours is swept by it, too; who reads meanwhile may miss something.
    `repack`: packfiles are rewritten first, with the same look at all snapshots. `deletes`: whether files are deleted
    at all. `dry_run`: nothing is changed, and no lock is taken, by repacking neither.
    """

    grace: int = WEEK
    at_once: bool = False
    repack: RepackSettings | None = None
    deletes: bool = True
    dry_run: bool = False

    @property
    def lasting(self) -> int:
        """The grace that counts."""
        return 0 if self.at_once else self.grace


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What maintenance does, by the names of packfiles.

    `colour`: named by states, and needed by no snapshot. `orphans`: named by no state, and older than the grace period;
    they are coloured, too. `young`: the same, but younger: a backup may be about to name them. `uncolour`: coloured,
    and needed again. `sweep`: coloured for long enough. `finish`: files of packfiles that were swept, which somebody
    did not come to delete. `dangling`: places of blobs in packfiles that no state ever named.
    """

    colour: tuple[bytes, ...] = ()
    orphans: tuple[bytes, ...] = ()
    young: tuple[bytes, ...] = ()
    uncolour: tuple[bytes, ...] = ()
    sweep: tuple[bytes, ...] = ()
    finish: tuple[bytes, ...] = ()
    dangling: tuple[tuple[int, bytes, bytes], ...] = ()

    @property
    def just_coloured(self) -> tuple[bytes, ...]:
        """All that is coloured now."""
        return tuple(sorted({*self.colour, *self.orphans}))


class Maintained(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or would be.

    `freed`: bytes of files that are gone; `scheduled`: bytes of what is coloured and will go. `temporary`: files of
    dead writers, which are removed once they are older than the grace period; `locks` that are there. `lost`: contents
    that snapshots need and no repair could bring back. `repacked`: what was rewritten before; in a dry run its
    packfiles are in none of the steps.
    """

    steps: Steps
    sizes: dict[bytes, int]
    freed: int
    scheduled: int
    temporary: tuple[leftovers.LeftOver, ...]
    locks: tuple[leftovers.SeenLock, ...]
    lost: int = 0
    repacked: Repacked | None = None


def decide(
    found: Survey,
    colours: Mapping[bytes, int],
    swept: frozenset[bytes],
    made: Mapping[bytes, int],
    dangling: Iterable[tuple[int, bytes, bytes]],
    cutoff: int,
) -> Steps:
    """What is to be done. Pure.

    `colours`: since when packfiles are coloured. `swept`: packfiles that a state deleted. `made`: when those were made
    that are in the store and that no state names. Times in nanoseconds since the epoch; what is as old as `cutoff` has
    had its grace.
    """
    unused = [name for name in found.shares if not found.is_used(name)]
    strays = [name for name in found.sizes if name not in found.shares and name not in swept and name not in colours]
    # What is lost may be in one that no state names: these stay, coloured ones too.
    old = [] if found.lost else [name for name in strays if made.get(name, cutoff) < cutoff]
    kept = {name for name in colours if name not in found.shares and name not in swept} if found.lost else ()
    due = [
        name
        for name, when in colours.items()
        if when <= cutoff and name not in kept and (name not in swept or name in found.sizes)
    ]
    return Steps(
        colour=tuple(sorted(name for name in unused if name not in colours)),
        orphans=tuple(sorted(old)),
        young=tuple(sorted(set(strays) - set(old))),
        uncolour=tuple(sorted(name for name in colours if found.is_used(name))),
        sweep=tuple(sorted(name for name in due if not found.is_used(name))),
        finish=tuple(sorted(name for name in found.sizes if name in swept and name not in colours)),
        dangling=tuple(dangling),
    )


def maintain(
    repository: Repository,
    settings: MaintenanceSettings,
    *,
    without: Collection[bytes] = (),
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Maintained:
    """Colours what nothing needs, and sweeps what has been coloured for long enough.

    `without`: in a dry run, snapshots that are taken for removed. Raises BusyError where somebody writes to the
    repository or maintains it, IntegrityError where it is not known what snapshots need (nothing is changed then),
    LockLostError, CancelledError, NotSupportedError for an archive, and the store's errors.
    """
    began = time.time_ns()
    if settings.dry_run:
        repository.refresh()
        found = survey(repository, cancellation, without)
        repacked = planned(repository, found, settings.repack) if settings.repack is not None else None
        return _look(repository, settings, found, repacked, began)
    with exclusive(repository, lambda text: listener(Warned(text))) as lock:
        found = survey(repository, cancellation)
        repacked = None
        if settings.repack is not None:
            repacked = rewrite(repository, found, settings.repack, lock, listener, cancellation)
            found = measured_again(repository, found)
        # The run that colours does not sweep it, not even with a grace of nothing, unless that is asked for.
        now = time.time_ns() if settings.at_once else began
        result = _look(repository, settings, found, repacked, now)
        if repacked is not None and repacked.damaged:
            # Of what is damaged, a packfile that seems to be needed for nothing may hold the only whole copy.
            listener(Warned("nothing more is coloured or deleted: packfiles are damaged, which `repair` mends"))
            return replace(result, steps=Steps(young=result.steps.young), freed=0)
        _colour(repository, result.steps, lock)
        _sweep(repository, result.steps, lock, at_once=settings.at_once)
        if settings.deletes:
            _delete(repository.writable_files, result, settings, now, listener)
        return result


def _look(
    repository: Repository, settings: MaintenanceSettings, found: Survey, repacked: Repacked | None, now: int
) -> Maintained:
    files, index = repository.writable_files, repository.index
    known = index.packfiles()
    swept = index.known_packfiles() - known.keys()
    colours = {mac: when for (resource, mac), when in index.colours().items() if resource == Resource.PACKFILE}
    strays = {name: size for name, size in found.sizes.items() if name not in known and name not in swept}
    made = {name: _made(files, repository.codec, name, size) for name, size in strays.items() if name not in colours}
    dangling = index.dangling()
    steps = decide(found, colours, swept, made, dangling, now - settings.lasting)
    sizes = found.sizes
    coloured = set(steps.just_coloured)
    going = {*steps.sweep, *steps.finish, *(coloured if settings.at_once else ())} if settings.deletes else set()
    left = tuple(leftovers.temporary_files(files))
    waiting = {name for name in colours if name in sizes} - {*steps.sweep, *steps.uncolour}
    return Maintained(
        steps=steps,
        sizes=sizes,
        freed=sum(sizes.get(name, 0) for name in going),
        scheduled=sum(sizes.get(name, 0) for name in (coloured | waiting) - going),
        temporary=left,
        locks=tuple(leftovers.seen_locks(files, repository.codec)),
        lost=found.lost,
        repacked=repacked,
    )


def _made(files: StoredFiles, codec: Codec, name: bytes, size: int) -> int:
    """When a packfile was made by what it says itself; where that cannot be read, when it was stored."""
    index = read_index(files, codec, name, size)
    if index is not None:
        return index.timestamp
    try:
        stat = files.stat(Folder.PACKFILES, name)
    except ObjectNotFoundError:
        return time.time_ns()
    stored = stat.modified if stat.stored_at is None else stat.stored_at
    return time.time_ns() if stored is None else stored


def _colour(repository: Repository, steps: Steps, lock: HeldLock) -> None:
    names = steps.just_coloured
    if names:
        colour(repository, [(Resource.PACKFILE, name) for name in names], lock)


def _sweep(repository: Repository, steps: Steps, lock: HeldLock, *, at_once: bool) -> None:
    for name in steps.uncolour:
        for state, record in uncoloured(repository.index, Resource.PACKFILE, name):
            publish(repository, [record], lock, parent=state)
    gone = [
        record
        for name in (*steps.sweep, *(steps.just_coloured if at_once else ()))
        for record in (Delete.of_packfile(name), Delete.colour(Resource.PACKFILE, name))
    ]
    dangling = [Delete.location(*place) for place in steps.dangling]
    if gone or dangling:
        publish(repository, [*dangling, *gone], lock)


def _delete(
    files: StoredFiles, result: Maintained, settings: MaintenanceSettings, now: int, listener: Listener
) -> None:
    """Deletes what no state names any more. What cannot be deleted is told, and tried again by the next maintenance."""
    steps = result.steps
    names = (*steps.sweep, *steps.finish, *(steps.just_coloured if settings.at_once else ()))
    for start in range(0, len(names), _AT_ONCE):
        try:
            files.remove(Folder.PACKFILES, names[start : start + _AT_ONCE])
        except PlaitError as error:
            listener(Warned(f"a packfile that was swept could not be deleted, and is left to the next time: {error}"))
    try:
        leftovers.remove(files, [file for file in result.temporary if file.modified < now - settings.lasting])
    except PlaitError as error:
        listener(Warned(f"a temporary file could not be deleted: {error}"))
