"""Which LTX files restore a moment of a database, in the order of their merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.replication.ltx.header import HEADER_SIZE
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.ltx.names import Span, format_txid

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT_AVAILABLE: Final = "no matching backup files available"


class File(msgspec.Struct, frozen=True):
    """A file of a replica, as its listing tells: `size` in bytes, `created` in nanoseconds since the epoch."""

    level: int
    span: Span
    size: int
    created: int


class Gap(msgspec.Struct, frozen=True):
    """Transactions that no file holds: those behind `reached` and before `resumes`."""

    reached: int
    resumes: int


class Plan(msgspec.Struct, frozen=True):
    """The files of a restore, and what it comes to.

    `gap` is set where files of the wanted time exist behind it that cannot be reached: the restored moment is a true
    one, but not the last before that time.
    """

    files: tuple[File, ...]
    txid: int
    gap: Gap | None = None


def plan_restore(
    files: Iterable[File], *, txid: int | None = None, before: int | None = None, bounded: bool = True
) -> Plan:
    """The plan for the last transaction; for `txid`; or for the last of the files made before a time (nanoseconds).

    `bounded`: a time that is not between those of the first and of the last file is refused; otherwise a later one
    stands for the last transaction, which is right as long as the replica was in step.

    A snapshot first, where there is one, then always the file that reaches furthest. To restore around a file that is
    damaged, plan again without it. Raises ObjectNotFoundError where the moment is not to be had, among them a
    transaction in the middle of a file; IntegrityError where the last transaction is asked for and files behind the end
    of the chain tell that something is missing.
    """
    if txid is not None and before is not None:
        raise ValueError("a restore is of a transaction or of a time")
    files = list(files)
    if bounded:
        refuse_time_outside(files, before)
    wanted = [
        file
        for file in files
        if (txid is None or file.span.max_txid <= txid) and (before is None or file.created < before)
    ]
    usable = [file for file in wanted if file.size >= HEADER_SIZE]
    chain = _chain(usable)
    reached = chain[-1].span.max_txid if chain else 0
    beyond = [file for file in wanted if file.span.max_txid > reached]
    if txid is None and before is None:
        _refuse_what_is_missing(beyond, reached)
    if not chain or (txid is not None and reached != txid):
        raise ObjectNotFoundError(NOT_AVAILABLE, hint=_nearest(chain, txid))
    gap = Gap(reached, min(file.span.min_txid for file in beyond)) if before is not None and beyond else None
    return Plan(tuple(chain), reached, gap)


def refuse_time_outside(files: list[File], before: int | None) -> None:
    """Raises ObjectNotFoundError for a time before the first file or behind the last, of which nothing is known."""
    if before is None or not files:
        return
    first, last = min(file.created for file in files), max(file.created for file in files)
    if not first <= before <= last:
        raise ObjectNotFoundError("timestamp does not exist", hint="the replica has nothing of this time")


def _chain(files: list[File]) -> list[File]:
    """Files that follow each other from the first transaction, as far as they go."""
    chain: list[File] = []
    snapshots = [file for file in files if file.level == SNAPSHOT_LEVEL and file.span.min_txid == 1]
    if snapshots:
        chain.append(max(snapshots, key=lambda file: file.span.max_txid))
    rest = sorted((file for file in files if file.level != SNAPSHOT_LEVEL), key=lambda file: file.span.min_txid)
    reached = chain[0].span.max_txid if chain else 0
    best: File | None = None
    for file in rest:
        if file.span.min_txid > reached + 1:
            # It does not join yet: the best of those that do comes first.
            if best is None:
                break
            chain.append(best)
            reached, best = best.span.max_txid, None
            if file.span.min_txid > reached + 1:
                break
        if file.span.max_txid > reached and (best is None or _rank(file) > _rank(best)):
            best = file
    if best is not None:
        chain.append(best)
    return chain


def _rank(file: File) -> tuple[int, int, int, int]:
    """The order of the files that may come next: the furthest, the widest, the highest level, the earliest made."""
    return file.span.max_txid, -file.span.min_txid, file.level, -file.created


def _refuse_what_is_missing(beyond: list[File], reached: int) -> None:
    for file in beyond:
        if file.size < HEADER_SIZE:
            raise IntegrityError(
                f"invalid ltx file: level={file.level} min={format_txid(file.span.min_txid)} "
                f"max={format_txid(file.span.max_txid)} has size {file.size} bytes (minimum {HEADER_SIZE})"
            )
    if beyond:
        resumes = min(file.span.min_txid for file in beyond)
        raise IntegrityError(
            f"non-contiguous ltx files: have up to {format_txid(reached)} "
            f"but next file starts at {format_txid(resumes)}",
            hint="the replica may have been changing meanwhile: try again; or restore the transaction before the gap",
        )


def _nearest(chain: list[File], txid: int | None) -> str | None:
    if txid is None or not chain:
        return None
    return f"the nearest transaction before it is {format_txid(chain[-1].span.max_txid)}"
