"""A restore: a database file made of the LTX files of a replica."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import (
    IntegrityError,
    ObjectNotFoundError,
    PlaitError,
    SourceChangedError,
    UsageError,
)
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.ltx.names import Span, check_name, file_name
from plait.replication.ltx.reader import Reader
from plait.replication.restoring.fetching import Fetching
from plait.replication.restoring.finding import Damage, Finder, Target
from plait.replication.restoring.generations import Generations, build_from_generations, find_generations
from plait.replication.restoring.output import check_output, put_in_place, written_beside
from plait.replication.restoring.pages import PageFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.ltx.plan import File, Plan
    from plait.replication.replica import Replica

PARALLELISM: Final = 8
CHECKS: Final = ("none", "quick", "full")
VERSIONS_OFFSET: Final = 18
"""Where a database says how it is written and read: two bytes, 1 for rollback mode and 2 for WAL."""
ROLLBACK_MODE: Final = b"\x01\x01"
_PRAGMAS: Final = {"quick": "quick_check", "full": "integrity_check"}
_SHOWN_FAULTS: Final = 3


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `check` is one of `CHECKS`, of the finished file and before it gets its name.

    `to_follow`: the database is put into rollback mode, in which others may read it while files are applied to it.
    """

    target: Target = Target()
    parallelism: int = PARALLELISM
    check: str = "none"
    force: bool = False
    to_follow: bool = False


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore came to: the last transaction, the files that were used, and those that could not be.

    A replica of Litestream 0.3 knows no transactions: `txid` is 0 then, and `pages` counts bytes.
    """

    txid: int
    files: tuple[File, ...]
    damaged: tuple[Damage, ...]
    page_size: int
    pages: int
    seconds: float


class UnusableFileError(Exception):
    """One file cannot be used."""

    def __init__(self, file: File, error: PlaitError) -> None:
        super().__init__(str(error))
        self.file = file
        self.error = error


def restore(
    replica: Replica, path: str, request: Request, damaged: Callable[[Damage], None] = lambda _: None
) -> Restored:
    """Restores a database to `path`, which holds it whole or is as before. `damaged` is told of files that cannot be
    used, whose transactions other files are found for.

    Raises what `check_output` raises; ObjectNotFoundError where the moment is not to be had; IntegrityError where
    files are damaged that no others stand for, or where the result fails its check.
    """
    began = time.monotonic()
    check_output(path, force=request.force)
    older = _older_format(replica, request.target)
    if older is not None:
        return _restore_older(replica, older, path, request, began)
    finder = Finder(replica, request.target)
    plan = finder.plan()
    with written_beside(path) as (descriptor, beside):
        while (size := _built(replica, plan, descriptor, request, finder, damaged)) is None:
            plan = finder.plan()
        if request.to_follow:
            os.pwrite(descriptor, ROLLBACK_MODE, VERSIONS_OFFSET)
        check_integrity(beside, request.check)
        put_in_place(descriptor, beside, path, force=request.force)
    return Restored(
        txid=plan.txid,
        files=plan.files,
        damaged=finder.damaged,
        page_size=size[0],
        pages=size[1],
        seconds=time.monotonic() - began,
    )


def _older_format(replica: Replica, target: Target) -> Generations | None:
    """What Litestream 0.3 left in the replica, where that is newer than what 0.5 did."""
    if target.txid is not None:
        return None
    generations = find_generations(replica)
    if not generations.newest:
        return None
    newest = max((file.created for file in replica.all_files()), default=0)
    if target.before is None:
        return generations if generations.newest > newest else None
    snapshots = [file.created for file in replica.files(SNAPSHOT_LEVEL) if file.created < target.before]
    older = [one.created for one in generations.snapshots if one.created < target.before]
    return generations if max(older, default=0) > max(snapshots, default=0) else None


def _restore_older(replica: Replica, generations: Generations, path: str, request: Request, began: float) -> Restored:
    with written_beside(path) as (descriptor, beside):
        size = build_from_generations(replica, generations, request.target.before, beside)
        check_integrity(beside, request.check)
        put_in_place(descriptor, beside, path, force=request.force)
    seconds = time.monotonic() - began
    return Restored(txid=0, files=(), damaged=(), page_size=1, pages=size, seconds=seconds)


def _built(
    replica: Replica,
    plan: Plan,
    descriptor: int,
    request: Request,
    finder: Finder,
    damaged: Callable[[Damage], None],
) -> tuple[int, int] | None:
    """What `build` gives; None where a file cannot be used, which `finder` leaves out from now on."""
    try:
        return build(replica, plan, descriptor, request.parallelism)
    except UnusableFileError as error:
        known = len(finder.damaged)
        finder.leave_out(error.file, error.error)
        for damage in finder.damaged[known:]:
            damaged(damage)
        return None


def build(replica: Replica, plan: Plan, descriptor: int, parallelism: int) -> tuple[int, int]:
    """Writes the database that the files of `plan` make to an open file; its page size, and its size in pages.

    Every file is verified on the way, to its checksum. Raises UnusableFileError for the first one that is wrong or
    gone, IntegrityError where pages are missing from all of them.
    """
    os.ftruncate(descriptor, 0)
    output: PageFile | None = None
    pages = 0
    with ExitStack() as stack:
        fetching = stack.enter_context(Fetching(replica, plan.files, parallelism))
        for index, file in enumerate(plan.files):
            try:
                reader = Reader(fetching.chunks(index), checks_index=False)
                check_name(file_name(file.span), Span(reader.header.min_txid, reader.header.max_txid))
                if output is None:
                    output = stack.enter_context(PageFile(descriptor, reader.header.page_size))
                output.put_all(reader)
            except (IntegrityError, ObjectNotFoundError, SourceChangedError) as error:
                raise UnusableFileError(file, error) from error
            pages = reader.header.commit
        if output is None:
            raise ValueError("a plan has files")
        output.finish(pages)
    return output.page_size, pages


def check_integrity(path: str, check: str) -> None:
    """Lets SQLite check a database that nobody has open: `quick`, `full`, or not at all for `none`.

    Raises IntegrityError with the first faults.
    """
    if check == "none":
        return
    if check not in _PRAGMAS:
        raise UsageError(f"{check} is no integrity check", hint=f"one of {', '.join(CHECKS)}")
    from urllib.parse import quote

    import apsw

    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        # Immutable: SQLite makes no log and takes no locks beside a file that is not in use.
        connection = apsw.Connection(f"file:{quote(os.path.abspath(path))}?immutable=1", flags=flags)
        try:
            faults = [str(row[0]) for row in connection.execute(f"PRAGMA {_PRAGMAS[check]}")]
        finally:
            connection.close()
    except apsw.Error as error:
        faults = [str(error)]
    if faults != ["ok"]:
        shown = "; ".join(fault.replace("\n", " ") for fault in faults[:_SHOWN_FAULTS])
        raise IntegrityError(f"the restored database fails its integrity check: {shown}")
