"""Proof that a replica restores what the live database holds: both at the same transaction, page by page.

The live database is read by a process of its own, through SQLite: a descriptor that this process closed on it would
drop the locks of everything here that has it open.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import BusyError, IntegrityError, PlaitError, StoreError
from plait.replication.restoring.finding import Target
from plait.replication.restoring.restore import Request, restore

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.replica import Replica

_BLOCK: Final = 4 << 20
_UNCOMPARED: Final = ((18, 20), (24, 28), (40, 44), (92, 100))
"""Bytes of the first page that say how the file is kept, not what is in it, and that SQLite alters in a copy: the kind
of journal, counters of changes, and that of the schema."""
_SHOWN: Final = 5
_READY: Final = b"ready\n"
_GO: Final = b"go\n"


class Proved(msgspec.Struct, frozen=True):
    """The transaction at which both were equal, and how many pages that were."""

    txid: int
    pages: int


def prove(replica: Replica, database: str, sync: Callable[[], int], request: Request) -> Proved:
    """Compares a restore with the live database.

    Writers are held off for as long as `sync` takes, which makes the replica complete and tells the transaction. Raises
    IntegrityError with the first pages that differ, BusyError where a writer does not end.
    """
    with tempfile.TemporaryDirectory(prefix="plait-verify-") as scratch:
        live, restored = os.path.join(scratch, "live.db"), os.path.join(scratch, "restored.db")
        txid = _copy(database, live, sync)
        wanted = msgspec.structs.replace(request, target=Target(txid=txid) if txid else Target(), force=False)
        result = restore(replica, restored, wanted)
        _compare(live, restored, result.page_size)
        return Proved(result.txid, result.pages)


def copy_live(database: str, destination: str) -> None:
    """The process that copies: holds writers off, says so, waits until it is told to go on, and copies what is there.

    Started as a program with both paths; its standard input and output are the conversation.
    """
    import apsw

    source = apsw.Connection(database, flags=apsw.SQLITE_OPEN_READWRITE)
    source.set_busy_timeout(30_000)
    source.execute("PRAGMA wal_autocheckpoint = 0")
    source.execute("BEGIN IMMEDIATE")
    os.write(1, _READY)
    os.read(0, len(_GO))
    reader = apsw.Connection(database, flags=apsw.SQLITE_OPEN_READWRITE)
    reader.execute("PRAGMA wal_autocheckpoint = 0")
    reader.execute("BEGIN")
    list(reader.execute("SELECT count(*) FROM sqlite_schema"))
    source.execute("ROLLBACK")
    target = apsw.Connection(destination)
    with target.backup("main", reader, "main") as backup:
        while not backup.done:
            backup.step(4096)
    target.close()
    reader.execute("ROLLBACK")
    reader.close()
    source.close()


def _copy(database: str, destination: str, sync: Callable[[], int]) -> int:
    """Copies what the database holds while `sync` says which transaction that is."""
    words = [sys.executable, "-P", "-m", "plait.replication.restoring.proving", database, destination]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as helper:
        assert helper.stdin is not None  # noqa: S101  (pipes, as asked for)
        assert helper.stdout is not None  # noqa: S101  (it was started with a pipe)
        assert helper.stderr is not None  # noqa: S101  (it was started with a pipe)
        try:
            is_ready = helper.stdout.readline() == _READY
            txid = sync() if is_ready else 0
            helper.stdin.write(_GO)
            helper.stdin.close()
            error = helper.stderr.read()
            failed = helper.wait() != 0
        except BrokenPipeError:
            error, failed, txid = helper.stderr.read(), True, 0
        except BaseException:
            helper.kill()
            raise
    if failed:
        raise _failure(database, error)
    return txid


def _failure(database: str, said: bytes) -> PlaitError:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    reason = lines[-1] if lines else "it ended without a word"
    if "BusyError" in reason or "locked" in reason:
        return BusyError(f"{database} is being written to, and the writer does not end", hint="try again later")
    return StoreError(f"cannot read {database}: {reason}")


def _compare(live: str, restored: str, page_size: int) -> None:
    differing: list[int] = []
    if os.path.getsize(live) != os.path.getsize(restored):
        raise IntegrityError(
            f"the restored database has {os.path.getsize(restored)} bytes, the live one {os.path.getsize(live)}"
        )
    with open(live, "rb") as left, open(restored, "rb") as right:
        number = 1
        while block := left.read(_BLOCK):
            other = right.read(_BLOCK)
            if block != other:
                differing += _differing(block, other, number, page_size)
            number += len(block) // page_size
    if differing:
        shown = ", ".join(map(str, differing[:_SHOWN])) + (" …" if len(differing) > _SHOWN else "")
        raise IntegrityError(f"the restored database differs from the live one in {len(differing)} pages: {shown}")


def _differing(left: bytes, right: bytes, first: int, page_size: int) -> list[int]:
    """The numbers of the pages that differ, of two blocks that begin with page `first`."""
    found = []
    for offset in range(0, len(left), page_size):
        one, other = left[offset : offset + page_size], right[offset : offset + page_size]
        number = first + offset // page_size
        if number == 1:
            one, other = _masked(one), _masked(other)
        if one != other:
            found.append(number)
    return found


def _masked(page: bytes) -> bytes:
    masked = bytearray(page)
    for begin, end in _UNCOMPARED:
        masked[begin:end] = bytes(end - begin)
    return bytes(masked)


if __name__ == "__main__":
    copy_live(sys.argv[1], sys.argv[2])
