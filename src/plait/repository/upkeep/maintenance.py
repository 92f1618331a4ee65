"""Maintenance: what nothing needs is coloured, and swept a grace period later (format, section 12).

Both steps are the original's, so that one program may colour and the other sweep. A coloured packfile is at once of no
use for reading and writing; its bytes stay until the grace period is over, for a writer that began before and was not
seen, and because people change their minds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import ObjectNotFoundError, PlaitError
from plait.repository.events import Warned, silent
from plait.repository.format.resources import Resource
from plait.repository.format.states import Coloured, Delete
from plait.repository.layout import Folder
from plait.repository.recovering import read_index
from plait.repository.upkeep import leftovers
from plait.repository.upkeep.publishing import publish
from plait.repository.upkeep.survey import exclusive, survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    `deletes`: whether files are deleted at all. `dry_run`: nothing is changed, and no lock is taken.
    """

    grace: int = WEEK
    deletes: bool = True
    dry_run: bool = False


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


class Maintained(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or would be.

    `freed`: bytes of files that are gone; `scheduled`: bytes of what is coloured and will go. `temporary`: files of
    dead writers, which are removed once they are older than the grace period; `locks` that are there. `lost`: contents
    that snapshots need and no repair could bring back.
    """

    steps: Steps
    sizes: dict[bytes, int]
    freed: int
    scheduled: int
    temporary: tuple[leftovers.LeftOver, ...]
    locks: tuple[leftovers.SeenLock, ...]
    lost: int = 0


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
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Maintained:
    """Colours what nothing needs, and sweeps what has been coloured for long enough.

    Raises BusyError where somebody writes to the repository or maintains it, IntegrityError where it is not known what
    snapshots need (nothing is changed then), LockLostError, CancelledError, NotSupportedError for an archive, and the
    store's errors.
    """
    began = time.time_ns()
    if settings.dry_run:
        repository.refresh()
        return _look(repository, settings, began, cancellation)
    with exclusive(repository, lambda text: listener(Warned(text))) as lock:
        result = _look(repository, settings, began, cancellation)
        _colour(repository, result.steps, lock)
        _sweep(repository, result.steps, lock)
        if settings.deletes:
            _delete(repository.writable_files, result, began - settings.grace, listener)
        return result


def _look(
    repository: Repository, settings: MaintenanceSettings, now: int, cancellation: Cancellation | None
) -> Maintained:
    files, index = repository.writable_files, repository.index
    found = survey(repository, cancellation)
    known = index.packfiles()
    swept = index.known_packfiles() - known.keys()
    colours = {mac: when for (resource, mac), when in index.colours().items() if resource == Resource.PACKFILE}
    strays = {name: size for name, size in found.sizes.items() if name not in known and name not in swept}
    made = {name: _made(files, repository.codec, name, size) for name, size in strays.items() if name not in colours}
    dangling = index.dangling()
    steps = decide(found, colours, swept, made, dangling, now - settings.grace)
    sizes = found.sizes
    going = (*steps.sweep, *steps.finish) if settings.deletes else ()
    left = tuple(leftovers.temporary_files(files))
    waiting = {name for name in colours if name in sizes} - {*steps.sweep, *steps.uncolour}
    return Maintained(
        steps=steps,
        sizes=sizes,
        freed=sum(sizes.get(name, 0) for name in going),
        scheduled=sum(sizes.get(name, 0) for name in {*steps.colour, *steps.orphans, *waiting}),
        temporary=left,
        locks=tuple(leftovers.seen_locks(files, repository.codec)),
        lost=found.lost,
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
    names = sorted({*steps.colour, *steps.orphans})
    if names:
        now = time.time_ns()
        publish(repository, [Coloured(Resource.PACKFILE, name, now) for name in names], lock)


def _sweep(repository: Repository, steps: Steps, lock: HeldLock) -> None:
    for name in steps.uncolour:
        for state in repository.index.states_that_colour(name):
            publish(repository, [Delete.colour(Resource.PACKFILE, name)], lock, parent=state)
    gone = [
        record for name in steps.sweep for record in (Delete.of_packfile(name), Delete.colour(Resource.PACKFILE, name))
    ]
    dangling = [Delete.location(*place) for place in steps.dangling]
    if gone or dangling:
        publish(repository, [*dangling, *gone], lock)


def _delete(files: StoredFiles, result: Maintained, cutoff: int, listener: Listener) -> None:
    """Deletes what no state names any more. What cannot be deleted is told, and tried again by the next maintenance."""
    names = (*result.steps.sweep, *result.steps.finish)
    for start in range(0, len(names), _AT_ONCE):
        try:
            files.remove(Folder.PACKFILES, names[start : start + _AT_ONCE])
        except PlaitError as error:
            listener(Warned(f"a packfile that was swept could not be deleted, and is left to the next time: {error}"))
    try:
        leftovers.remove(files, [file for file in result.temporary if file.modified < cutoff])
    except PlaitError as error:
        listener(Warned(f"a temporary file could not be deleted: {error}"))
