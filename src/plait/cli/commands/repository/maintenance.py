"""`maintenance`: what no snapshot needs is coloured, and swept a grace period later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from plait.cli.repositories import RefusedError
from plait.model.errors import BusyError, ConfigurationError, ExitCode, PlaitError
from plait.model.values.durations import show_go_duration
from plait.model.values.sizes import show_binary_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.upkeep.maintenance import Maintained, MaintenanceSettings
    from plait.repository.upkeep.repacking import Repacked

GRACE_VARIABLE: Final = "PLAKAR_GRACEPERIOD"
_KEEPING_VARIABLE: Final = "PLAKAR_NODELETION"
_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_OF_MAINTENANCE: Final = ("grace", "no_grace", "repack", "threshold", "limit")
_DAY: Final = 24 * 3600 * 1_000_000_000


def maintenance(command: RepositoryCommand) -> int:
    """Colours what nothing needs, and deletes what has been coloured for long enough."""
    if not command.is_front:
        _refuse_at_odds(command)
    return _maintain(command, dry_run=command.values.dry_run)


def refuse_unfit_afterwards(command: RepositoryCommand) -> None:
    """Raises RefusedError where the options for maintenance afterwards cannot be meant; on a front there are none."""
    if command.is_front:
        return
    values = command.values
    alone = [name for name in _OF_MAINTENANCE if values.was_given(name)]
    if alone and not values.maintenance:
        raise RefusedError(f"--{alone[0].replace('_', '-')} goes with --maintenance only")
    _refuse_at_odds(command)


def maintain_afterwards(command: RepositoryCommand, removed: Sequence[bytes]) -> int:
    """Maintenance where it is to follow the removal of snapshots; where they are not removed, how it would be."""
    if command.is_front or not command.values.maintenance:
        return ExitCode.DONE
    if command.values.apply:
        return _maintain(command, dry_run=False)
    return _maintain(command, dry_run=True, without=removed)


def _refuse_at_odds(command: RepositoryCommand) -> None:
    values = command.values
    if values.no_grace and values.was_given("grace"):
        raise RefusedError("--grace and --no-grace: name one of them")
    for name in ("threshold", "limit"):
        if values.was_given(name) and not values.repack:
            raise RefusedError(f"--{name} goes with --repack only")


def _maintain(command: RepositoryCommand, *, dry_run: bool, without: Sequence[bytes] = ()) -> int:
    from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain
    from plait.repository.upkeep.repacking import RepackSettings

    values = command.values
    grace = 0 if not command.is_front and values.no_grace else _grace(command)
    settings = MaintenanceSettings(
        grace=grace,
        deletes=command.environment.get(_KEEPING_VARIABLE, "") not in _TRUE,
        dry_run=dry_run,
    )
    if not command.is_front:
        repack = RepackSettings(threshold=values.threshold, limit=values.limit) if values.repack else None
        settings = replace(settings, at_once=values.no_grace, repack=repack)
    try:
        done = maintain(
            command.repository,
            settings,
            without=without,
            listener=command.listener,
            cancellation=command.cancellation,
        )
    except BusyError as error:
        raise refused_lock(command, error) from None
    if done.lost:
        command.output.warn(f"snapshots need {done.lost} contents that are lost; `check` tells which paths are hit")
    if values.json:
        command.record(_record(done, settings))
    elif not command.output.silent or command.is_front:
        if done.repacked is not None:
            show_repacked(command, done.repacked, dry_run=dry_run, swept=settings.at_once)
        if dry_run:
            _show_plan(command, done, at_once=settings.at_once)
        else:
            _show(command, done, settings)
    return ExitCode.PARTLY if done.repacked is not None and done.repacked.damaged else ExitCode.DONE


def refused_lock(command: RepositoryCommand, error: BusyError) -> PlaitError:
    """The error for a lock that stands in the way, in the words of the face."""
    if command.is_front:
        return PlaitError("can't take exclusive lock, repository is already locked")
    return error


def _grace(command: RepositoryCommand) -> int:
    """The option, else the environment, else a week. Raises ConfigurationError."""
    from plait.cli.upkeep_options import parse_period
    from plait.repository.upkeep.maintenance import WEEK

    if command.values.grace is not None:
        return int(command.values.grace)
    text = command.environment.get(GRACE_VARIABLE, "")
    if not text:
        return WEEK
    try:
        return parse_period(text)
    except ValueError as error:
        if command.is_front:
            # As the original, which passes over what it cannot read.
            return WEEK
        raise ConfigurationError(f"{GRACE_VARIABLE}: {error}") from None


def _show(command: RepositoryCommand, done: Maintained, settings: MaintenanceSettings) -> None:
    output = command.output
    steps = done.steps
    coloured = len(steps.just_coloured)
    for name in steps.uncolour:
        output.plain(f"maintenance: Concurrent backup used {name.hex()}, uncolouring the packfile.", error=True)
    output.result(f"maintenance: Coloured {coloured} packfiles ({len(steps.orphans)} orphaned) for deletion")
    if coloured and not settings.at_once:
        output.result(f"Coloured packfiles are scheduled to be removed in {_days(settings.grace)}")
    gone = len(steps.sweep) + (0 if command.is_front else len(steps.finish))
    gone += coloured if settings.at_once else 0
    output.result(f"maintenance: {len(steps.dangling)} blobs and {gone} packfiles were removed")
    if command.is_front:
        return
    output.result(
        f"maintenance: {show_binary_size(done.freed)} freed, {show_binary_size(done.scheduled)} coloured to be freed"
    )
    _name_leftovers(command, done, dry_run=False)


def _show_plan(command: RepositoryCommand, done: Maintained, *, at_once: bool) -> None:
    output = command.output
    steps, sizes = done.steps, done.sizes
    verb = "deleted" if at_once else "coloured"
    lists = (
        (f"would be {verb}: no snapshot needs it", steps.colour),
        (f"would be {verb}: left over by a run that died", steps.orphans),
        ("is named by no state, and stays: a backup may be about to name it", steps.young),
        ("would be taken back: it was coloured, and is needed", steps.uncolour),
        ("would be deleted: its grace is over", steps.sweep),
        ("would be deleted: it was swept already", steps.finish),
    )
    for what, names in lists:
        for name in names:
            output.result(f"{show_binary_size(sizes.get(name, 0)):>10}  {name.hex()}  {what}")
    coloured, gone = len(steps.just_coloured), len(steps.sweep) + len(steps.finish)
    gone += coloured if at_once else 0
    output.result(
        f"maintenance: would colour {coloured} packfiles and delete {gone}: "
        f"{show_binary_size(done.freed)} would be freed now, "
        f"{show_binary_size(done.scheduled)} when their grace is over"
    )
    _name_leftovers(command, done, dry_run=True)


def _name_leftovers(command: RepositoryCommand, done: Maintained, *, dry_run: bool) -> None:
    output = command.output
    if not dry_run:
        for name in done.steps.young:
            output.info(f"named by no state, but young: packfile {name.hex()}; a backup may be about to name it")
    for file in done.temporary:
        output.info(f"left over by a writer: {file.key} ({show_binary_size(file.size)})")
    for lock in done.locks:
        kind = "exclusive" if lock.exclusive else "shared"
        state = "stale" if lock.is_stale else "held"
        if not (lock.exclusive and not lock.is_stale and not dry_run):
            output.info(f"{kind} lock {lock.name.hex()} of {lock.host or 'an unknown host'}, {lock.age} s old: {state}")


def _record(done: Maintained, settings: MaintenanceSettings) -> dict[str, object]:
    steps = done.steps
    removed = (*steps.sweep, *steps.finish, *(steps.just_coloured if settings.at_once else ()))
    rewritten = {} if done.repacked is None else {"repacked": repacked_record(done.repacked)}
    return {
        "dry_run": settings.dry_run,
        "grace": settings.lasting,
        "freed": done.freed,
        "scheduled": done.scheduled,
        "lost": done.lost,
        "coloured": [name.hex() for name in steps.colour],
        "orphaned": [name.hex() for name in steps.orphans],
        "young": [name.hex() for name in steps.young],
        "uncoloured": [name.hex() for name in steps.uncolour],
        "removed": [name.hex() for name in removed],
        "temporary": [{"key": file.key, "size": file.size} for file in done.temporary],
        "locks": [
            {"name": lock.name.hex(), "host": lock.host, "exclusive": lock.exclusive, "age": lock.age}
            for lock in done.locks
        ],
        **rewritten,
    }


def show_repacked(command: RepositoryCommand, done: Repacked, *, dry_run: bool, swept: bool = False) -> None:
    """Says what was rewritten, or would be; `swept`: the old packfiles go in the same run."""
    moved, freed = show_binary_size(done.moved), show_binary_size(done.freed)
    if dry_run:
        text = f"repack: would rewrite {len(done.packfiles)} packfiles, moving {moved}; {freed} would come back"
    else:
        text = f"repack: rewrote {len(done.packfiles)} packfiles, moving {moved}"
        if done.packfiles:
            text += f"; {freed} come back{'' if swept else ' when maintenance has swept them'}"
    command.output.result(text)
    if done.left:
        command.output.info(f"repack: {done.left} more are beyond the limit")


def repacked_record(done: Repacked) -> dict[str, object]:
    """What was rewritten, for `--json`."""
    return {
        "moved": done.moved,
        "freed": done.freed,
        "packfiles": [name.hex() for name in done.packfiles],
        "damaged": [name.hex() for name in done.damaged],
        "left": done.left,
    }


def _days(grace: int) -> str:
    """A duration as the original says it: of days, and of what is left."""
    if grace <= _DAY:
        return show_go_duration(grace)
    days, left = divmod(grace, _DAY)
    return f"{days}d{show_go_duration(left) if left else ''}"
