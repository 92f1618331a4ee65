"""`maintenance`: what no snapshot needs is coloured, and swept a grace period later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.errors import BusyError, ConfigurationError, PlaitError
from plait.model.values.durations import show_go_duration
from plait.model.values.sizes import show_binary_size

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand
    from plait.repository.upkeep.maintenance import Maintained

GRACE_VARIABLE: Final = "PLAKAR_GRACEPERIOD"
_KEEPING_VARIABLE: Final = "PLAKAR_NODELETION"
_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_DAY: Final = 24 * 3600 * 1_000_000_000


def maintenance(command: RepositoryCommand) -> int:
    """Colours what nothing needs, and deletes what has been coloured for long enough."""
    from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain

    values = command.values
    grace = _grace(command)
    settings = MaintenanceSettings(
        grace=grace,
        deletes=command.environment.get(_KEEPING_VARIABLE, "") not in _TRUE,
        dry_run=values.dry_run,
    )
    try:
        done = maintain(command.repository, settings, listener=command.listener, cancellation=command.cancellation)
    except BusyError as error:
        raise refused_lock(command, error) from None
    if done.lost:
        command.output.warn(f"snapshots need {done.lost} contents that are lost; `check` tells which paths are hit")
    if values.json:
        command.record(_record(done, grace, dry_run=values.dry_run))
    elif command.output.silent and not command.is_front:
        pass
    elif values.dry_run:
        _show_plan(command, done)
    else:
        _show(command, done, grace)
    return 0


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


def _show(command: RepositoryCommand, done: Maintained, grace: int) -> None:
    output = command.output
    steps = done.steps
    coloured = len(steps.colour) + len(steps.orphans)
    for name in steps.uncolour:
        output.plain(f"maintenance: Concurrent backup used {name.hex()}, uncolouring the packfile.", error=True)
    output.result(f"maintenance: Coloured {coloured} packfiles ({len(steps.orphans)} orphaned) for deletion")
    if coloured:
        output.result(f"Coloured packfiles are scheduled to be removed in {_days(grace)}")
    gone = len(steps.sweep) + (0 if command.is_front else len(steps.finish))
    output.result(f"maintenance: {len(steps.dangling)} blobs and {gone} packfiles were removed")
    if command.is_front:
        return
    output.result(
        f"maintenance: {show_binary_size(done.freed)} freed, {show_binary_size(done.scheduled)} coloured to be freed"
    )
    _name_leftovers(command, done)


def _show_plan(command: RepositoryCommand, done: Maintained) -> None:
    output = command.output
    steps, sizes = done.steps, done.sizes
    lists = (
        ("would be coloured: no snapshot needs it", steps.colour),
        ("would be coloured: left over by a run that died", steps.orphans),
        ("is named by no state, and stays: a backup may be about to name it", steps.young),
        ("would be taken back: it was coloured, and is needed", steps.uncolour),
        ("would be deleted: its grace is over", steps.sweep),
        ("would be deleted: it was swept already", steps.finish),
    )
    for what, names in lists:
        for name in names:
            output.result(f"{show_binary_size(sizes.get(name, 0)):>10}  {name.hex()}  {what}")
    output.result(
        f"maintenance: would colour {len(steps.colour) + len(steps.orphans)} packfiles and delete "
        f"{len(steps.sweep) + len(steps.finish)}: {show_binary_size(done.freed)} would be freed now, "
        f"{show_binary_size(done.scheduled)} when their grace is over"
    )
    _name_leftovers(command, done)


def _name_leftovers(command: RepositoryCommand, done: Maintained) -> None:
    output = command.output
    if not command.values.dry_run:
        for name in done.steps.young:
            output.info(f"named by no state, but young: packfile {name.hex()}; a backup may be about to name it")
    for file in done.temporary:
        output.info(f"left over by a writer: {file.key} ({show_binary_size(file.size)})")
    for lock in done.locks:
        kind = "exclusive" if lock.exclusive else "shared"
        state = "stale" if lock.is_stale else "held"
        if not (lock.exclusive and not lock.is_stale and not command.values.dry_run):
            output.info(f"{kind} lock {lock.name.hex()} of {lock.host or 'an unknown host'}, {lock.age} s old: {state}")


def _record(done: Maintained, grace: int, *, dry_run: bool) -> dict[str, object]:
    steps = done.steps
    return {
        "dry_run": dry_run,
        "grace": grace,
        "freed": done.freed,
        "scheduled": done.scheduled,
        "lost": done.lost,
        "coloured": [name.hex() for name in steps.colour],
        "orphaned": [name.hex() for name in steps.orphans],
        "young": [name.hex() for name in steps.young],
        "uncoloured": [name.hex() for name in steps.uncolour],
        "removed": [name.hex() for name in (*steps.sweep, *steps.finish)],
        "temporary": [{"key": file.key, "size": file.size} for file in done.temporary],
        "locks": [
            {"name": lock.name.hex(), "host": lock.host, "exclusive": lock.exclusive, "age": lock.age}
            for lock in done.locks
        ],
    }


def _days(grace: int) -> str:
    """A duration as the original says it: of days, and of what is left."""
    if grace <= _DAY:
        return show_go_duration(grace)
    days, left = divmod(grace, _DAY)
    return f"{days}d{show_go_duration(left) if left else ''}"
