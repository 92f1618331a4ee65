"""`litestream restore`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from plait.cli.databases.files import plan_record, plan_text
from plait.cli.databases.opening import opener
from plait.cli.fronts.litestream import FrontError, Line
from plait.cli.fronts.litestream_local import configuration, find_database
from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.model.values.times import parse_rfc3339
from plait.replication.configuration.paths import expand_path
from plait.replication.configuration.places import is_url, parse_replica_url
from plait.replication.control.endpoints import go_json
from plait.replication.logging import Duration, Level, Log, parse_level
from plait.replication.ltx.names import format_txid
from plait.replication.ltx.plan import NOT_AVAILABLE, refuse_time_outside
from plait.replication.restoring.finding import Finder, Target
from plait.replication.restoring.output import check_output
from plait.replication.restoring.restore import CHECKS, Request, Restored
from plait.replication.restoring.restore import restore as restore_replica

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.configuration.settings import Place
    from plait.replication.replica import Replica
    from plait.replication.restoring.finding import Damage

_HINT: Final = "litestream restore -o /path/to/db s3://bucket/prefix"
_MISSING: Final = "database path or replica URL required"
_GAP: Final = "non-contiguous ltx files"
_NO_BEGINNING: Final = f"{_GAP}: have up to {format_txid(0)} "
_BOTH: Final = "cannot specify index & timestamp to restore"
_MILLISECONDS: Final = 1000
_FOLLOW_INTERVAL: Final = 1.0


def restore(line: Line) -> int:
    """Restores a database from its replica."""
    values = line.values
    word = line.one(_MISSING, _HINT)
    if not word:
        raise FrontError(_MISSING, _HINT)
    if values.integrity_check not in CHECKS:
        raise FrontError(f"invalid -integrity-check value: {values.integrity_check}")
    before = _moment(values.timestamp)
    place, output = _source(line, word)
    log = Log(sys.stderr if values.json else sys.stdout, level=parse_level(line.environment.get("LOG_LEVEL", "")))
    if values.if_db_not_exists and os.path.exists(output):
        log.write(Level.INFO, "database already exists, skipping")
        return 0
    replica = opener()(place())
    if before is not None and is_url(word):
        _refuse_time_outside(replica, before)
    if values.dry_run and values.f:
        raise FrontError("cannot use -dry-run with -f")
    # No transaction has the number 0, which is the flag's value where nobody gives one.
    target = Target(txid=values.txid or None, before=before)
    try:
        if values.dry_run:
            return _show_plan(line, replica, word, output, target)
        if values.f:
            return _follow(line, replica, output, target, log)
        return _restored(line, replica, output, target, log)
    except ObjectNotFoundError:
        if not values.if_replica_exists or values.dry_run:
            raise
        log.write(Level.INFO, "no matching backups found")
        return 0
    except IntegrityError as error:
        if error.message.startswith(_NO_BEGINNING) and not values.if_replica_exists:
            raise FrontError(NOT_AVAILABLE) from None
        if values.dry_run or not error.message.startswith(_GAP):
            raise
        raise FrontError(f"cannot calc restore plan: {error.message}") from None


def _moment(text: str) -> int | None:
    try:
        return parse_rfc3339(text) if text else None
    except ValueError:
        raise FrontError(
            "invalid -timestamp, must specify in ISO 8601\u00a0format (e.g. 2000-01-01T00:00:00Z)"
        ) from None


def _refuse_time_outside(replica: Replica, before: int) -> None:
    """Raises FrontError for a time of which a replica says nothing; the original asks of those that URLs name only."""
    try:
        refuse_time_outside(replica.with_timestamps(replica.all_files()), before)
    except ObjectNotFoundError as error:
        raise FrontError(error.message) from None


def _refuse_both(target: Target, words: str) -> None:
    if target.txid is not None and target.before is not None:
        raise FrontError(words)


def _source(line: Line, word: str) -> tuple[Callable[[], Place], str]:
    """What gives the place of the replica, and the path to restore to."""
    output = line.values.o
    if is_url(word):
        if line.values.config:
            raise FrontError("cannot specify a replica URL and the -config flag")
        if not output:
            raise FrontError(
                "-o is required when restoring from a replica URL", f"litestream restore -o /path/to/db {word}"
            )
        return (lambda: parse_replica_url(word, line.environment)), output
    path = expand_path(word)
    place = find_database(configuration(line), path).replicas[0].place
    return (lambda: place), output or path


def _show_plan(line: Line, replica: Replica, source: str, output: str, target: Target) -> int:
    _refuse_both(target, "cannot specify both TXID & timestamp to restore")
    plan = Finder(replica, target).plan()
    if line.values.json:
        sys.stdout.write(go_json(plan_record(source, output, replica.type, plan), indent=2).decode() + "\n")
    else:
        sys.stdout.write(plan_text(source, output, replica.type, plan))
    return 0


def _restored(line: Line, replica: Replica, output: str, target: Target, log: Log) -> int:
    check_output(output, force=line.values.force)
    _refuse_both(target, _BOTH)
    check = line.values.integrity_check
    asked = Request(target=target, parallelism=line.values.parallelism, check=check, force=line.values.force)
    result = restore_replica(replica, output, asked, lambda damage: tell_damage(log, damage))
    if check != "none":
        log.write(Level.INFO, "post-restore integrity check passed", {"replica": replica.type})
    if line.values.json:
        sys.stdout.write(go_json(_record(output, replica, result, check), indent=2).decode() + "\n")
    return 0


def tell_damage(log: Log, damage: Damage) -> None:
    """Logs that a file cannot be used and others stand in for it."""
    about = {"file": damage.key, "error": damage.error}
    log.write(Level.WARN, "ltx file is damaged, using other levels", about)


def _record(output: str, replica: Replica, result: Restored, check: str) -> dict[str, object]:
    return {
        "db_path": output,
        "replica": replica.type,
        "txid": format_txid(result.txid),
        "duration_ms": int(result.seconds * _MILLISECONDS),
        "integrity_check": check,
    }


def _follow(line: Line, replica: Replica, output: str, target: Target, log: Log) -> int:
    from plait.replication.restoring.following import Follower, until_signal

    _refuse_both(target, _BOTH)
    for name, given in (("txid", target.txid), ("timestamp", target.before)):
        if given is not None:
            raise FrontError(f"cannot use follow mode with -{name}")

    asked = Request(parallelism=line.values.parallelism, check=line.values.integrity_check, force=line.values.force)
    follower = Follower(replica, output, asked)
    with until_signal() as stopped:
        follower.begin()
        interval = line.values.follow_interval if line.values.follow_interval > 0 else _FOLLOW_INTERVAL
        about = {"output": output, "txid": format_txid(follower.txid), "interval": Duration(interval)}
        log.write(Level.INFO, "entering follow mode", {"replica": replica.type, **about})
        follower.run(interval, stopped, lambda error: log.write(Level.ERROR, f"follow: {error}"))
    log.write(Level.INFO, "follow mode stopped", {"replica": replica.type})
    return 0
