"""What a replica holds: `check`, `ls`, `size` and `info` of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from plait.cli.database_options import ALL_LEVELS
from plait.cli.databases import records
from plait.cli.databases.configured import Surroundings
from plait.cli.databases.files import HEADINGS, record, row, table
from plait.cli.databases.showing import print_json
from plait.cli.guard import say_lines
from plait.model.errors import DirectoryNotFoundError, ExitCode, ObjectNotFoundError, PlaitError
from plait.model.values.sizes import show_size
from plait.model.values.times import show_rfc3339
from plait.replication.checking import Finding, check_replica
from plait.replication.ltx.names import format_txid
from plait.replication.ltx.plan import plan_restore

if TYPE_CHECKING:
    from plait.cli.forms import Invocation
    from plait.replication.ltx.plan import File
    from plait.replication.replica import Replica


def check(invocation: Invocation) -> int:
    """Verifies a replica; the exit code is 1 where something is lost, 11 where something is wrong and nothing lost."""
    replica = _open(invocation)
    values = invocation.values
    try:
        found = check_replica(
            replica, integrity=values.integrity_check, told=lambda _: None if values.json else _tell(_)
        )
    except ObjectNotFoundError as error:
        raise DirectoryNotFoundError(error.message, hint=error.hint) from None
    if found.is_sound:
        records.note(invocation.environment, replica.description, found.txid, verified=True)
    if values.json:
        print_json(msgspec.to_builtins(found) | {"txid": format_txid(found.txid), "sound": found.is_sound})
    else:
        state = "sound" if found.is_sound else "DAMAGED"
        print(f"status: {state}")
        print(f"replica: {replica.description}")
        print(f"files: {found.files} ({found.bytes} bytes), every one read")
        print(f"restorable to: {format_txid(found.txid) if found.txid else '-'}")
    if not found.is_sound:
        return ExitCode.FAILED
    return ExitCode.PARTLY if found.findings else ExitCode.DONE


def ls(invocation: Invocation) -> int:
    """Lists the files of a replica."""
    level = invocation.values.level
    files = sorted(_files(_open(invocation)), key=lambda file: (file.level, file.span))
    files = [file for file in files if level in (ALL_LEVELS, file.level)]
    if invocation.values.json:
        for file in files:
            print_json(record(file))
        return 0
    print(table(HEADINGS, map(row, files)), end="")
    return 0


def size(invocation: Invocation) -> int:
    """Counts the files and bytes of a replica."""
    files = _files(_open(invocation))
    total = sum(file.size for file in files)
    if invocation.values.json:
        return print_json({"count": len(files), "bytes": total})
    print(f"{len(files)} files, {total} bytes ({show_size(total)})")
    return 0


def info(invocation: Invocation) -> int:
    """Shows what a replica can restore."""
    replica = _open(invocation)
    shown = _facts(replica)
    if invocation.values.json:
        return print_json(shown)
    print(f"replica: {shown['replica']}")
    print(f"type: {shown['type']}")
    print(f"restorable: {shown['first_txid'] or '-'} to {shown['txid'] or '-'}")
    if shown["oldest"]:
        print(f"times: {shown['oldest']} to {shown['newest']}")
    rows = [(str(one["level"]), str(one["files"]), str(one["bytes"])) for one in shown["levels"]]
    print(table(("level", "files", "bytes"), rows), end="")
    if shown["error"]:
        say_lines("warning", shown["error"])
    return 0


def _open(invocation: Invocation) -> Replica:
    return Surroundings(invocation.environment).open(invocation.words[0])


def _files(replica: Replica) -> list[File]:
    """All files of a replica. Raises DirectoryNotFoundError where there are none."""
    files = replica.all_files()
    if not files:
        raise DirectoryNotFoundError(f"{replica.description} holds no LTX files")
    return files


def _facts(replica: Replica) -> dict[str, Any]:
    files = _files(replica)
    txid, error = 0, ""
    try:
        txid = plan_restore(files).txid
    except PlaitError as failed:
        error = failed.message
    whole = [file.span.max_txid for file in files if file.span.min_txid == 1]
    return {
        "replica": replica.description,
        "type": replica.type,
        "first_txid": format_txid(min(whole)) if whole else None,
        "txid": format_txid(txid) if txid else None,
        "oldest": show_rfc3339(min(file.created for file in files)),
        "newest": show_rfc3339(max(file.created for file in files)),
        "levels": [_level(level, files) for level in sorted({file.level for file in files})],
        "error": error,
    }


def _level(level: int, files: list[File]) -> dict[str, int]:
    of = [file for file in files if file.level == level]
    return {"level": level, "files": len(of), "bytes": sum(file.size for file in of)}


def _tell(finding: Finding) -> None:
    kind = "warning" if finding.is_harmless else "error"
    held = "; other files hold the same transactions" if finding.is_harmless else ""
    say_lines(kind, f"{finding.about}: {finding.message}{held}")
