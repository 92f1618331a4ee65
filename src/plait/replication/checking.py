"""Verifying a replica without its database: every file, every level, and that it restores."""

from __future__ import annotations

import tempfile
from threading import Lock
from typing import TYPE_CHECKING, Final

import msgspec

from plait.engine.parallel import run_together
from plait.model.errors import IntegrityError, ObjectNotFoundError, PlaitError, from_os_error
from plait.replication.ltx.names import Span, check_name, file_name, format_txid
from plait.replication.ltx.reader import Reader
from plait.replication.restoring.finding import Finder, Target
from plait.replication.restoring.restore import UnusableFileError, build, check_integrity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.replication.ltx.plan import File
    from plait.replication.replica import Replica

_WORKERS: Final = 4


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong: what it is about (a file's key, a level, or the restore), and in which way.

    `is_harmless`: nothing is lost by it, since other files hold the same transactions.
    """

    about: str
    message: str
    is_harmless: bool = False


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: `txid` is the last transaction that can be restored, 0 for none."""

    files: int
    bytes: int
    txid: int
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is lost."""
        return all(finding.is_harmless for finding in self.findings)


def check_replica(
    replica: Replica,
    *,
    integrity: str = "quick",
    told: Callable[[Finding], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Checked:
    """Reads every file of a replica, and restores its last state to a temporary file unless `integrity` is `none`.

    `told` hears of each finding as it is made. Raises ObjectNotFoundError where the replica has no files, and what its
    listing raises. A replica that is written to meanwhile is no less sound for files that retention deletes.
    """
    files = replica.all_files()
    if not files:
        raise ObjectNotFoundError(f"{replica.description} holds no LTX files")
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        told(finding)

    damaged = _damaged(replica, files, cancelled)
    lasting = _without(files, damaged)
    for key in sorted(damaged):
        file, error = damaged[key]
        tell(Finding(key, error.message, is_harmless=_reaches(file.span, lasting)))
    for finding in gaps(files):
        tell(finding)
    txid = _restorable(replica, integrity, tell)
    size = sum(file.size for file in files)
    return Checked(files=len(files), bytes=size, txid=txid, findings=tuple(findings))


def gaps(files: Sequence[File]) -> list[Finding]:
    """Where the files of a level do not follow each other.

    Nothing is lost where another level holds the transactions in between, and with overlaps never. What stands before
    the first file of a level was deleted by retention.
    """
    findings: list[Finding] = []
    for level in sorted({file.level for file in files}):
        spans = sorted({file.span for file in files if file.level == level and file.span.min_txid > 1})
        reached = spans[0].max_txid if spans else 0
        for span in spans[1:]:
            if span.min_txid > reached + 1:
                missing = Span(reached + 1, span.min_txid - 1)
                words = f"transactions {format_txid(missing.min_txid)} to {format_txid(missing.max_txid)} are missing"
                others = [file for file in files if file.level != level]
                findings.append(Finding(f"level {level}", words, is_harmless=_reaches(missing, others)))
            reached = max(reached, span.max_txid)
    return findings


def _damaged(
    replica: Replica, files: Sequence[File], cancelled: Callable[[], bool]
) -> dict[str, tuple[File, PlaitError]]:
    """The files that are not what they should be, by their keys."""
    found: dict[str, tuple[File, PlaitError]] = {}
    lock = Lock()

    def look(file: File, _: Callable[[], bool]) -> None:
        key = replica.key(file.level, file.span)
        try:
            reader = Reader(replica.chunks(file))
            check_name(file_name(file.span), Span(reader.header.min_txid, reader.header.max_txid))
            reader.verify()
        except ObjectNotFoundError:
            # Retention deletes meanwhile; what is missing for good is found by the restore.
            return
        except IntegrityError as error:
            with lock:
                found[key] = (file, error)

    run_together(look, files, _WORKERS, cancelled)
    return found


def _restorable(replica: Replica, integrity: str, tell: Callable[[Finding], None]) -> int:
    """The last transaction that can be restored; 0 where none can."""
    finder = Finder(replica, Target())
    try:
        plan = finder.plan()
        if integrity == "none":
            return plan.txid
        with _temporary() as scratch:
            while True:
                try:
                    build(replica, plan, scratch.fileno(), _WORKERS)
                    break
                except UnusableFileError as error:
                    finder.leave_out(error.file, error.error)
                    plan = finder.plan()
            check_integrity(scratch.name, integrity)
    except (IntegrityError, ObjectNotFoundError) as error:
        hint = f" ({error.hint})" if error.hint else ""
        tell(Finding("restore", f"{error.message}{hint}"))
        return 0
    return plan.txid


def _temporary() -> tempfile._TemporaryFileWrapper[bytes]:
    try:
        return tempfile.NamedTemporaryFile(prefix="plait-check-", suffix=".db")
    except OSError as error:
        raise from_os_error(error, "cannot make a temporary file (TMPDIR)") from None


def _without(files: Sequence[File], damaged: dict[str, tuple[File, PlaitError]]) -> list[File]:
    wrong = {(file.level, file.span) for file, _ in damaged.values()}
    return [file for file in files if (file.level, file.span) not in wrong]


def _reaches(span: Span, files: Sequence[File]) -> bool:
    """Whether files lead from before the first transaction of a span to its last one."""
    reached = span.min_txid - 1
    for one in sorted((file.span for file in files), key=lambda one: one.min_txid):
        if one.min_txid <= reached + 1:
            reached = max(reached, one.max_txid)
    return reached >= span.max_txid
