"""Which files restore the wanted moment, also where some of them turned out to be damaged or gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError, ObjectNotFoundError, PlaitError
from plait.replication.ltx.names import Span, format_txid
from plait.replication.ltx.plan import Plan, plan_restore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.replication.ltx.plan import File
    from plait.replication.replica import Replica

_LISTINGS: Final = 3
_PAUSE: Final = 0.3


class Target(msgspec.Struct, frozen=True):
    """The wanted moment: the last transaction, transaction `txid`, or the last before a time (`before`, nanoseconds).

    `bounded`: a time of which the replica says nothing is refused, as Litestream does of a replica's URL.
    """

    txid: int | None = None
    before: int | None = None
    bounded: bool = False


class Damage(msgspec.Struct, frozen=True):
    """A file that could not be used, and why."""

    key: str
    error: PlaitError


class Finder:
    """Plans restores of one moment, without the files that were found damaged so far."""

    def __init__(self, replica: Replica, target: Target) -> None:
        self._replica = replica
        self._target = target
        self._damaged: dict[tuple[int, Span], Damage] = {}
        self._missed: dict[tuple[int, Span], Damage] = {}
        self._reached = 0

    @property
    def damaged(self) -> tuple[Damage, ...]:
        """The files that are left out, in the order in which they were found."""
        return tuple(self._damaged.values())

    def plan(self) -> Plan:
        """The plan by a fresh listing.

        Raises ObjectNotFoundError where the moment is not to be had; IntegrityError where files are missing or damaged
        and no others hold the same transactions.
        """
        for attempt in range(1, _LISTINGS + 1):
            files = self._listed()
            try:
                return self._planned(files)
            except IntegrityError:
                # Levels are listed one after another: what moved up meanwhile seems to be missing.
                if attempt == _LISTINGS or self._damaged:
                    raise
                time.sleep(_PAUSE)
        raise AssertionError  # pragma: no cover  (the last attempt returns or raises)

    def leave_out(self, file: File, error: PlaitError) -> None:
        """Notes that a file cannot be used. One that is missing may have been deleted since, and is listed again."""
        place = file.level, file.span
        if isinstance(error, ObjectNotFoundError) and place not in self._missed:
            self._missed[place] = Damage(self._replica.key(*place), error)
            return
        self._damaged[place] = Damage(self._replica.key(*place), error)

    def _listed(self) -> list[File]:
        files = [file for file in self._replica.all_files() if (file.level, file.span) not in self._damaged]
        return files if self._target.before is None else self._replica.with_timestamps(files)

    def _planned(self, files: list[File]) -> Plan:
        target = self._target
        unusable = (*self._damaged.values(), *self._missed.values())
        try:
            plan = plan_restore(files, txid=target.txid, before=target.before, bounded=target.bounded)
        except (IntegrityError, ObjectNotFoundError):
            if not unusable:
                raise
            raise self._irreplaceable(files, unusable) from None
        if plan.txid < self._reached:
            # Without them the plan ends earlier; that is another moment than the one that is wanted.
            raise self._irreplaceable(files, unusable)
        self._reached = plan.txid
        return plan

    def _irreplaceable(self, files: list[File], unusable: Sequence[Damage]) -> IntegrityError:
        first = unusable[0]
        rest = f" (and {len(unusable) - 1} more)" if len(unusable) > 1 else ""
        reached = _reachable(files)
        hint = "no other file holds its transactions"
        if reached:
            hint += f"; transaction {format_txid(reached)} can be restored"
        return IntegrityError(f"{first.key}: {first.error.message}{rest}", hint=hint, key=first.key)


def _reachable(files: list[File]) -> int:
    """The last transaction that files lead to without a gap; 0 for none."""
    latest = max((file.created for file in files), default=0)
    try:
        return plan_restore(files, before=latest + 1, bounded=False).txid
    except ObjectNotFoundError:
        return 0
