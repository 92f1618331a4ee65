"""The commands that ask a daemon: `sync DATABASE`, and `database list|info|start|stop|register|unregister`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from plait.cli.databases.asking import ask, socket_of
from plait.cli.databases.files import table
from plait.cli.databases.showing import ago, print_json
from plait.cli.databases.synced import own_lines, txid_text
from plait.model.errors import UsageError
from plait.model.values.durations import show_go_duration
from plait.model.values.times import NANOSECONDS, parse_rfc3339
from plait.replication.configuration.paths import expand_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.cli.forms import Invocation

_MILLISECOND: Final = 10**6


def sync(invocation: Invocation) -> int:
    """Lets the daemon capture a database now, and with --wait upload it."""
    began = time.monotonic_ns()
    wait = invocation.values.wait
    answer = _ask(invocation, "sync", path=_path(invocation), wait=wait, timeout=_whole_seconds(invocation))
    if not invocation.values.json:
        return show_synced(answer, wait=wait)
    if not wait:
        answer.pop("replicated_txid", None)
    answer["duration_ms"] = (time.monotonic_ns() - began) // _MILLISECOND
    return print_json(answer)


def show_synced(answer: Mapping[str, Any], *, wait: bool) -> int:
    """Shows a person what a daemon answered to a sync."""
    txid, replica_txid = answer.get("txid", 0), answer.get("replicated_txid", 0)
    print(own_lines(str(answer.get("status")), str(answer.get("path")), txid, replica_txid, wait=wait), end="")
    return 0


def listing(invocation: Invocation) -> int:
    """Lists the databases of the daemon."""
    answer = _ask(invocation, "list")
    if invocation.values.json:
        return print_json(answer)
    databases = answer.get("databases") or []
    if not databases:
        print("the daemon has no databases")
        return 0
    rows = [(str(one["path"]), str(one["status"]), _since(one.get("last_sync_at"))) for one in databases]
    print(table(("database", "status", "last in step"), rows), end="")
    return 0


def info(invocation: Invocation) -> int:
    """Shows the daemon."""
    answer = _ask(invocation, "info")
    if invocation.values.json:
        return print_json(answer)
    uptime = show_go_duration(int(answer.get("uptime_seconds", 0)) * NANOSECONDS)
    print(f"status: running for {uptime}")
    print(f"pid: {answer.get('pid')}")
    print(f"started at: {answer.get('started_at')}")
    print(f"databases: {answer.get('database_count')}")
    print(f"protocol: litestream {answer.get('version')}")
    return 0


def start(invocation: Invocation) -> int:
    """Lets the daemon go on with a database."""
    answer = _ask(invocation, "start", path=_path(invocation), timeout=_whole_seconds(invocation))
    return _show(invocation, answer, {"started": "replicating", "already_running": "was replicating already"})


def stop(invocation: Invocation) -> int:
    """Lets the daemon stop a database."""
    answer = _ask(invocation, "stop", path=_path(invocation), timeout=_whole_seconds(invocation))
    words = {"stopped": "stopped; the replica has everything", "already_stopped": "was stopped already"}
    return _show(invocation, answer, words)


def register(invocation: Invocation) -> int:
    """Lets the daemon replicate a further database."""
    replica = invocation.values.replica
    if not replica:
        raise UsageError("register needs --replica URL", hint="such as s3://bucket/prefix or file:///path")
    url = replica if "://" in replica or ":" in replica.partition("/")[0] else f"file://{expand_path(replica)}"
    answer = _ask(invocation, "register", path=_path(invocation), replica_url=url)
    return _show(invocation, answer, {"registered": "replicating", "already_registered": "was registered already"})


def unregister(invocation: Invocation) -> int:
    """Lets the daemon forget a database."""
    path = _path(invocation)
    if invocation.values.dry_run:
        print(f"status: would sync {path} a last time, and forget it")
        return 0
    answer = _ask(invocation, "unregister", path=path, timeout=_whole_seconds(invocation))
    return _show(
        invocation,
        answer,
        {"unregistered": "forgotten; the replica stays as it is", "already_unregistered": "was not registered"},
    )


def _ask(invocation: Invocation, name: str, **fields: Any) -> dict[str, Any]:
    values = invocation.values
    return ask(socket_of(values.socket, invocation.environment), f"/{name}", fields or None, values.timeout)


def _path(invocation: Invocation) -> str:
    """The database as the daemon knows it: absolute, since the daemon may run in another directory."""
    return expand_path(invocation.words[0])


def _whole_seconds(invocation: Invocation) -> int:
    seconds = float(invocation.values.timeout)
    if seconds <= 0:
        raise UsageError("--timeout needs more than 0 seconds")
    return max(1, round(seconds))


def _show(invocation: Invocation, answer: Mapping[str, Any], words: Mapping[str, str]) -> int:
    if invocation.values.json:
        return print_json(answer)
    status = str(answer.get("status"))
    print(f"status: {words.get(status, status)}")
    print(f"database: {answer.get('path')}")
    if "txid" in answer:
        print(f"txid: {txid_text(answer['txid'])}")
    return 0


def _since(text: str | None) -> str:
    if not text:
        return "never"
    try:
        return ago(parse_rfc3339(text))
    except ValueError:
        return text
