"""`plait restore` of a replica, and of a database that is configured."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from plait.cli.databases import records
from plait.cli.databases.asking import ask, socket_of
from plait.cli.databases.configured import Surroundings
from plait.cli.databases.files import plan_record, plan_text
from plait.cli.databases.showing import print_json
from plait.cli.guard import say_error, say_lines
from plait.model.errors import ObjectNotFoundError, PlaitError, UsageError
from plait.replication.ltx.names import format_txid
from plait.replication.restoring.finding import Finder, Target
from plait.replication.restoring.following import Follower, until_signal
from plait.replication.restoring.proving import Proved, prove
from plait.replication.restoring.restore import Request, Restored, restore

if TYPE_CHECKING:
    from plait.cli.forms import Invocation
    from plait.model.options import Values
    from plait.replication.configuration.settings import DatabaseSettings
    from plait.replication.replica import Replica
    from plait.replication.restoring.finding import Damage

_SYNC_TIMEOUT = 30


def of_replica(invocation: Invocation) -> int:
    """Restores from a replica that a word names."""
    if not invocation.values.output:
        word = invocation.words[0]
        raise UsageError("restoring a replica needs --output", hint=f"usage: plait restore {word} -o PATH")
    around = Surroundings(invocation.environment)
    return _restore(invocation, around.open(invocation.words[0]), invocation.values.output)


def of_database(invocation: Invocation) -> int:
    """Restores a database of the configuration; with --verify proves that it could be."""
    around = Surroundings(invocation.environment)
    database = around.database(invocation.values, invocation.words[0])
    if invocation.values.verify:
        return _verify(invocation, around, database)
    output = invocation.values.output or database.path
    return _restore(invocation, _first_usable(around, database), output)


def _first_usable(around: Surroundings, database: DatabaseSettings) -> Replica:
    """The first replica of a database that holds something; the last one where none does."""
    replicas = [around.open_place(settings.place) for settings in database.replicas]
    for replica in replicas[:-1]:
        try:
            if replica.all_files():
                return replica
        except PlaitError as error:
            say_lines("note", f"{replica.description}: {error.message}; the next replica is tried")
    return replicas[-1]


def _restore(invocation: Invocation, replica: Replica, output: str) -> int:
    values = invocation.values
    target = _target(values)
    if values.if_db_not_exists and os.path.exists(output):
        return _nothing(values, f"{output} is there already")
    try:
        if values.dry_run:
            return _show_plan(invocation, replica, output, target)
        if values.follow:
            return _follow(invocation, replica, output)
        return _restored(invocation, replica, output, target)
    except ObjectNotFoundError as error:
        if not values.if_replica_exists or target != Target():
            error.hint = error.hint or f"plait ls {invocation.words[0]} shows what there is"
            raise
        return _nothing(values, f"{replica.description} holds nothing yet")


def _target(values: Values) -> Target:
    if values.txid is not None and values.timestamp is not None:
        raise UsageError("--txid and --timestamp contradict each other", hint="give one of them")
    target = Target(
        txid=values.txid, before=None if values.timestamp is None else values.timestamp.moment(time.time_ns())
    )
    if values.follow and target != Target():
        raise UsageError("--follow goes on from the last transaction", hint="leave out --txid and --timestamp")
    return target


def _nothing(values: Values, why: str) -> int:
    if values.json:
        return print_json({"restored": False, "reason": why})
    say_lines("note", f"nothing is restored: {why}")
    return 0


def _show_plan(invocation: Invocation, replica: Replica, output: str, target: Target) -> int:
    plan = Finder(replica, target).plan()
    source = replica.description
    if invocation.values.json:
        return print_json(plan_record(source, output, replica.type, plan))
    sys.stdout.write(plan_text(source, output, replica.type, plan))
    return 0


def _restored(invocation: Invocation, replica: Replica, output: str, target: Target) -> int:
    values = invocation.values
    asked = _request(values, target)
    result = restore(replica, output, asked, _tell_damage)
    records.note(invocation.environment, replica.description, result.txid)
    if values.json:
        return print_json(_record(replica, output, result, values.integrity_check))
    size = result.pages * result.page_size
    what = f"transaction {format_txid(result.txid)}" if result.txid else "from a replica of Litestream 0.3"
    checked = f", integrity check ({values.integrity_check}) passed" if values.integrity_check != "none" else ""
    print(
        f"restored {output}: {what}, {size} bytes in {result.seconds:.1f} s{checked}",
        file=sys.stderr,
    )
    return 0


def _request(values: Values, target: Target) -> Request:
    return Request(target=target, parallelism=values.parallelism, check=values.integrity_check, force=values.force)


def _record(replica: Replica, output: str, result: Restored, check: str) -> dict[str, object]:
    return {
        "restored": True,
        "db_path": output,
        "replica": replica.type,
        "txid": format_txid(result.txid),
        "files": len(result.files),
        "damaged": [damage.key for damage in result.damaged],
        "bytes": result.pages * result.page_size,
        "duration_ms": int(result.seconds * 1000),
        "integrity_check": check,
    }


def _tell_damage(damage: Damage) -> None:
    say_lines("warning", f"{damage.key} is damaged, other files stand in for it: {damage.error.message}")


def _follow(invocation: Invocation, replica: Replica, output: str) -> int:
    values = invocation.values
    follower = Follower(replica, output, _request(values, Target()))
    with until_signal() as stopped:
        follower.begin()
        say_lines("note", f"{output} is at transaction {format_txid(follower.txid)} and goes on; Ctrl-C ends it")
        follower.run(values.follow_interval, stopped, say_error)
    if values.json:
        return print_json({"db_path": output, "txid": format_txid(follower.txid)})
    return 0


def _verify(invocation: Invocation, around: Surroundings, database: DatabaseSettings) -> int:
    values = invocation.values
    if values.output or values.txid is not None or values.timestamp is not None or values.follow:
        raise UsageError(
            "--verify compares the present state", hint="leave out --output, --txid, --timestamp, --follow"
        )

    def sync() -> int:
        answer = ask(
            socket_of(values.socket, invocation.environment),
            "/sync",
            {"path": database.path, "wait": True, "timeout": _SYNC_TIMEOUT},
            float(_SYNC_TIMEOUT),
        )
        return int(answer["txid"])

    proofs: list[tuple[Replica, Proved]] = []
    for settings in database.replicas:
        replica = around.open_place(settings.place)
        proved = prove(replica, database.path, sync, _request(values, Target()))
        records.note(invocation.environment, replica.description, proved.txid)
        proofs.append((replica, proved))
    if values.json:
        return print_json([{"replica": replica.description, **msgspec.to_builtins(one)} for replica, one in proofs])
    for replica, one in proofs:
        print(
            f"verified: {replica.description} restores {database.path} "
            f"at transaction {format_txid(one.txid)}, {one.pages} pages equal"
        )
    return 0
