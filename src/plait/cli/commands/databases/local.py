"""What is known of databases: `database status|ltx|reset`, and `info DATABASE`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from plait.cli.database_options import ALL_LEVELS
from plait.cli.databases import records
from plait.cli.databases.asking import ask, socket_of
from plait.cli.databases.configured import NothingConfiguredError, Surroundings
from plait.cli.databases.files import HEADINGS, record, row, table
from plait.cli.databases.local import local_files, local_state
from plait.cli.databases.local import reset as reset_local
from plait.cli.databases.showing import ago, print_json
from plait.cli.databases.synced import txid_text
from plait.model.errors import PlaitError
from plait.model.values.times import NANOSECONDS, parse_rfc3339
from plait.replication.configuration.directories import all_databases
from plait.replication.configuration.paths import expand_path
from plait.replication.configuration.settings import DatabaseSettings
from plait.replication.ltx.names import format_txid
from plait.replication.replica import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.cli.forms import Invocation
    from plait.replication.configuration.settings import ReplicaSettings


def status(invocation: Invocation) -> int:
    """Shows how databases are replicated."""
    around = Surroundings(invocation.environment)
    values = invocation.values
    known = _daemon(invocation)
    databases = _databases(invocation, around, known)
    kept = records.read_records(invocation.environment)
    found = [_status(around, database, known.get(database.path), kept) for database in databases]
    if values.json:
        return print_json({"databases": found})
    if not found:
        print("no databases are configured")
    for number, one in enumerate(found):
        if number:
            print()
        _show(one)
    return 0


def info(invocation: Invocation) -> int:
    """Shows how one database is replicated."""
    return status(invocation)


def ltx(invocation: Invocation) -> int:
    """Lists the LTX files of a database's replicas."""
    around = Surroundings(invocation.environment)
    database = around.database(invocation.values, invocation.words[0])
    level = invocation.values.level
    levels = sorted(LEVELS) if level == ALL_LEVELS else (level,)
    found = []
    for settings in database.replicas:
        replica = around.open_place(settings.place)
        found.append((replica.description, [file for number in levels for file in replica.files(number)]))
    if invocation.values.json:
        return print_json([{"replica": description, "files": list(map(record, files))} for description, files in found])
    for description, files in found:
        if len(found) > 1:
            print(f"{description}:")
        print(table(HEADINGS, map(row, files)), end="")
    return 0


def reset(invocation: Invocation) -> int:
    """Forgets what was captured of a database."""
    around = Surroundings(invocation.environment)
    database = around.database_here(invocation.values, invocation.words[0])
    files = local_files(database)
    is_dry = invocation.values.dry_run
    if not is_dry:
        reset_local(database)
    if invocation.values.json:
        return print_json({"database": database.path, "dry_run": is_dry, "files": files})
    words = "would be forgotten" if is_dry else "forgotten; the next capture takes the whole database"
    print(f"status: {words}")
    print(f"database: {database.path}")
    print(f"files: {len(files)}")
    return 0


def _databases(invocation: Invocation, around: Surroundings, known: Mapping[str, Any]) -> Sequence[DatabaseSettings]:
    """The databases that are meant: those that are named, else all that are configured or that the daemon has."""
    try:
        configured = all_databases(around.configuration(invocation.values), may_be_empty=True)
    except NothingConfiguredError:
        if not known and not invocation.words:
            raise
        configured = []
    found = {path: DatabaseSettings(path=path) for path in known} | {one.path: one for one in configured}
    if not invocation.words:
        return [found[path] for path in sorted(found)]
    named = [expand_path(word) for word in invocation.words]
    return [found[path] if path in found else around.database_here(invocation.values, path) for path in named]


def _daemon(invocation: Invocation) -> dict[str, dict[str, Any]]:
    """What a running daemon says of its databases, by their paths; nothing where none runs."""
    try:
        answer = ask(socket_of(invocation.values.socket, invocation.environment), "/list", None, 5.0)
    except PlaitError:
        return {}
    return {str(one.get("path")): one for one in answer.get("databases") or []}


def _status(
    around: Surroundings,
    database: DatabaseSettings,
    told: dict[str, Any] | None,
    kept: Mapping[str, records.Record],
) -> dict[str, Any]:
    state = local_state(database)
    replicas = [_replica(around, settings, state.txid, kept) for settings in database.replicas]
    shown: dict[str, Any] = {
        "database": database.path,
        "status": state.status if told is None else told.get("status"),
        "daemon": told is not None,
        "local_txid": format_txid(state.txid) if state.txid else None,
        "wal_size": state.wal_size,
        "last_sync_at": None if told is None else told.get("last_sync_at"),
        "replicas": replicas,
    }
    return shown


def _replica(
    around: Surroundings, settings: ReplicaSettings, local: int, kept: Mapping[str, records.Record]
) -> dict[str, Any]:
    shown: dict[str, Any] = {"replica": settings.place.location.text, "type": settings.place.type}
    try:
        replica = around.open_place(settings.place)
        newest = [file for level in LEVELS if (file := replica.newest(level)) is not None]
    except PlaitError as error:
        return shown | {"error": error.message}
    reached = max((file.span.max_txid for file in newest), default=0)
    written = max((file.created for file in newest), default=0)
    record = kept.get(replica.description, records.Record())
    return shown | {
        "replica": replica.description,
        "txid": format_txid(reached) if reached else None,
        "behind": max(0, local - reached),
        "newest_file_age_seconds": (time.time_ns() - written) // NANOSECONDS if written else None,
        "verified_at": record.verified_at or None,
        "restored_at": record.restored_at or None,
    }


def _show(one: dict[str, Any]) -> None:
    words = {"ok": "captured, and no daemon runs", "no database": "there is no database", "error": "error"}
    if one["daemon"]:
        last = one["last_sync_at"]
        since = f", in step {ago(parse_rfc3339(last))}" if last else ", not in step yet"
        text = f"{one['status']}{since}"
    else:
        text = words.get(one["status"], "not captured yet")
    print(f"database: {one['database']}")
    print(f"status: {text}")
    print(f"txid: {one['local_txid'] or '-'}")
    for replica in one["replicas"]:
        print(f"replica: {replica['replica']}")
        if "error" in replica:
            print(f"  error: {replica['error']}")
            continue
        lag = f", {replica['behind']} transactions behind" if replica["behind"] else ""
        age = replica["newest_file_age_seconds"]
        wrote = "" if age is None else f", last written {ago(time.time_ns() - age * NANOSECONDS)}"
        print(f"  txid: {replica['txid'] or txid_text(0)}{lag}{wrote}")
        print(f"  verified: {ago(replica['verified_at'] or 0)}")
        print(f"  restored: {ago(replica['restored_at'] or 0)}")
