"""The commands of the litestream front that ask a daemon."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from plait.cli.databases.synced import original_lines
from plait.cli.fronts.litestream import FrontError, Line
from plait.model.errors import PlaitError, UnknownOutcomeError
from plait.model.values.durations import show_go_duration
from plait.model.values.times import NANOSECONDS, parse_rfc3339, show_rfc3339
from plait.replication.control.client import NoDaemonError, request
from plait.replication.control.endpoints import DEADLINE, go_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.replication.control.client import Reply

_MISSING: Final = "database path required"
_OK: Final = 200


def sync(line: Line) -> int:
    """Makes the daemon capture a database now, and with -wait upload it."""
    path = line.one(_MISSING, "litestream sync /path/to/db")
    timeout = _positive_timeout(line)
    began = time.monotonic_ns()
    reply = _ask(line, "sync", {"path": path, "wait": line.values.wait, "timeout": timeout})
    milliseconds = (time.monotonic_ns() - began) // 10**6
    if not line.values.json:
        return show_synced(reply, milliseconds, wait=line.values.wait)
    shown = {"db_path": reply.get("path"), "txid": reply.get("txid", 0)}
    if line.values.wait:
        shown["replica_txid"] = reply.get("replicated_txid", 0)
    return _print_json(shown | {"duration_ms": milliseconds})


def show_synced(reply: Mapping[str, Any], milliseconds: int, *, wait: bool) -> int:
    """Shows what a daemon answered to a sync."""
    txid, replica_txid = reply.get("txid", 0), reply.get("replicated_txid", 0)
    sys.stdout.write(original_lines(str(reply.get("path")), txid, replica_txid, milliseconds, wait=wait))
    return 0


def list_databases(line: Line) -> int:
    """Lists the databases of the daemon."""
    line.most(0)
    _positive_timeout(line)
    reply = _ask(line, "list", None)
    if line.values.json:
        return _print_json(reply)
    databases = reply.get("databases") or []
    if not databases:
        print("No databases configured")
    for database in databases:
        last = database.get("last_sync_at")
        print(f"{database['path']} [{database['status']}] (last sync: {_seconds(last) if last else 'never'})")
    return 0


def info(line: Line) -> int:
    """Shows the daemon itself."""
    line.most(0)
    _positive_timeout(line)
    reply = _ask(line, "info", None)
    if line.values.json:
        return _print_json(reply)
    uptime = show_go_duration(int(reply.get("uptime_seconds", 0)) * NANOSECONDS)
    print(f"Litestream {reply.get('version', '')}")
    print(f"  PID:        {reply.get('pid', 0)}")
    print(f"  Uptime:     {uptime}")
    print(f"  Started at: {_seconds(reply.get('started_at', ''))}")
    print(f"  Databases:  {reply.get('database_count', 0)}")
    return 0


def start(line: Line) -> int:
    """Has the daemon replicate a database that is stopped."""
    return _switch(line, "start", "running")


def stop(line: Line) -> int:
    """Has the daemon stop a database, after a last sync."""
    return _switch(line, "stop", "stopped")


def register(line: Line) -> int:
    """Has the daemon replicate a further database."""
    hint = "litestream register -replica s3://bucket/prefix /path/to/db"
    path = line.one(_MISSING, hint)
    if not line.values.replica:
        raise FrontError("-replica is required", hint)
    _positive_timeout(line)
    reply = _ask(line, "register", {"path": path, "replica_url": line.values.replica})
    status = str(reply.get("status", ""))
    shown = {
        "status": status if line.values.json else status.replace("_", " "),
        "db_path": reply.get("path"),
        "replica": line.values.replica,
        "socket": line.values.socket,
    }
    return _show(line, shown)


def unregister(line: Line) -> int:
    """Has the daemon forget a database, after a last sync."""
    path = line.one(_MISSING, "litestream unregister /path/to/db")
    timeout = _positive_timeout(line)
    if line.values.dry_run:
        print("Dry run: unregister request preview")
        print(f"  database: {path}")
        print(f"  socket: {line.values.socket}")
        print("  replicas: daemon-managed replica for this database")
        print("  final sync: daemon close will sync the database and replica before the command completes")
        print(f"  timeout: {timeout}s")
        print("No unregister request was sent.")
        return 0
    reply = _ask(line, "unregister", {"path": path, "timeout": timeout})
    shown = {
        "status": reply.get("status"),
        "db_path": reply.get("path"),
        "final_txid": reply.get("txid", 0),
        "socket": line.values.socket,
    }
    return _show(line, shown)


def _switch(line: Line, name: str, state: str) -> int:
    path = line.one(_MISSING, f"litestream {name} /path/to/db")
    reply = _ask(line, name, {"path": path, "timeout": line.values.timeout})
    shown = {
        "status": reply.get("status"),
        "db_path": reply.get("path"),
        "state": state,
        "txid": reply.get("txid", 0),
        "socket": line.values.socket,
    }
    return _show(line, shown)


def _positive_timeout(line: Line) -> int:
    if line.values.timeout <= 0:
        raise FrontError("timeout must be greater than 0")
    return int(line.values.timeout)


def _ask(line: Line, name: str, fields: Mapping[str, Any] | None) -> dict[str, Any]:
    seconds, path = line.values.timeout, line.values.socket
    method = "GET" if fields is None else "POST"
    # As for Go's client, 0 is no limit, and a time before now is over at once.
    limit = float(seconds) if seconds else None
    return answer_of(path, name, method, seconds, lambda: request(path, method, f"/{name}", fields, limit))


def answer_of(path: str, name: str, method: str, seconds: float, call: Callable[[], Reply]) -> dict[str, Any]:
    """The fields of the reply that `call` gives. Raises FrontError in the original's words."""
    try:
        reply = call()
        answered = reply.fields()
    except NoDaemonError as error:
        raise _unconnected(name, method, f"dial unix {error.path}: connect: {error.reason}") from None
    except UnknownOutcomeError:
        if seconds < 0:
            raise _unconnected(name, method, f"dial unix {path}: i/o timeout") from None
        words = f"{DEADLINE} (Client.Timeout exceeded while awaiting headers)"
        raise _unconnected(name, method, words) from None
    except PlaitError as error:
        raise _unconnected(name, method, error.message) from None
    if reply.status != _OK:
        raise FrontError(f"{name} failed: {answered.get('error', '')}")
    return answered


def _unconnected(name: str, method: str, reason: str) -> FrontError:
    return FrontError(f'failed to connect to control socket: {method.capitalize()} "http://localhost/{name}": {reason}')


def _show(line: Line, shown: Mapping[str, Any]) -> int:
    if line.values.json:
        return _print_json(shown)
    for name, value in shown.items():
        print(f"{name}: {value}")
    return 0


def _print_json(value: Any) -> int:
    sys.stdout.write(go_json(value, indent=2).decode() + "\n")
    return 0


def _seconds(text: str) -> str:
    """A time of an answer, to the second."""
    try:
        return show_rfc3339(parse_rfc3339(text) // NANOSECONDS * NANOSECONDS)
    except ValueError:
        return text
