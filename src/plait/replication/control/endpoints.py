"""What the control socket answers: from a request to a status, headers and a body, without I/O.

Source: the control server of Litestream 0.5.17, endpoint by endpoint; its words, statuses and order of fields.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.model.errors import ConfigurationError, NotSupportedError, PlaitError, UnknownOutcomeError
from plait.model.values.times import NANOSECONDS, show_rfc3339
from plait.replication.control.bodies import Body, RefusedError
from plait.replication.control.controlled import DatabaseClosedError, DatabaseUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.replication.configuration.settings import DatabaseSettings
    from plait.replication.control.bodies import Body, RefusedError
from plait.replication.control.controlled import Controlled, DatabaseStatus

LITESTREAM_VERSION: Final = "0.5.17"
"""The release whose protocol this is."""
DEADLINE: Final = "context deadline exceeded"
"""What an error says of a call that did not end in time; clients look for it."""
DEFAULT_TIMEOUT: Final = 30.0
_JSON: Final = "application/json"
_PLAIN: Final = "text/plain; charset=utf-8"
_REQUESTS: Final = {
    "/sync": ("SyncRequest", ("path", "wait", "timeout")),
    "/start": ("StartRequest", ("path", "timeout")),
    "/stop": ("StopRequest", ("path", "timeout")),
    "/register": ("RegisterDatabaseRequest", ("path", "replica_url")),
    "/unregister": ("UnregisterDatabaseRequest", ("path", "timeout")),
}
_ESCAPED: Final = re.compile(r"[<>&\u2028\u2029]")


class Answer(msgspec.Struct, frozen=True):
    """A status, a content type, further headers, and a body."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class Endpoints:
    """Answers requests for a daemon.

    `settings_of(path, replica_url)` gives the settings of a database that is to be registered; `expand` makes a path
    absolute, by the daemon's working directory.
    """

    def __init__(
        self,
        daemon: Controlled,
        settings_of: Callable[[str, str], DatabaseSettings],
        expand: Callable[[str], str],
    ) -> None:
        self._daemon = daemon
        self._settings_of = settings_of
        self._expand = expand
        self._gets: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
            "/info": self._info,
            "/list": self._list,
            "/txid": self._txid,
            "/debug/sync-status": self._sync_status,
        }
        self._posts: dict[str, Callable[[Body], dict[str, Any]]] = {
            "/sync": self._sync,
            "/start": self._start,
            "/stop": self._stop,
            "/register": self._register,
            "/unregister": self._unregister,
        }

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a request; whatever goes wrong is one too."""
        try:
            if path in self._gets:
                return _json(200, self._gets[path](query)) if method in {"GET", "HEAD"} else _not_allowed("GET, HEAD")
            if path in self._posts:
                return (
                    _json(200, self._posts[path](Body(*_REQUESTS[path], body)))
                    if method == "POST"
                    else _not_allowed("POST")
                )
        except RefusedError as error:
            details = {"details": error.details} if error.details else {}
            return _json(error.status, {"error": error.message, **details})
        except Exception as error:  # noqa: BLE001  (a defect is told to who asked; the daemon goes on for all others)
            return _json(500, {"error": f"this is a defect of Plait: {type(error).__name__}: {error}"})
        return Answer(404, b"404 page not found\n", _PLAIN, (("X-Content-Type-Options", "nosniff"),))

    def _info(self, _: Mapping[str, str]) -> dict[str, Any]:
        info = self._daemon.info()
        return {
            "version": LITESTREAM_VERSION,
            "pid": info.pid,
            "uptime_seconds": (time.time_ns() - info.started_at) // NANOSECONDS,
            "started_at": show_rfc3339(info.started_at, local=True),
            "database_count": info.database_count,
        }

    def _list(self, _: Mapping[str, str]) -> dict[str, Any]:
        return {"databases": [_listed(status) for status in self._daemon.list()]}

    def _txid(self, query: Mapping[str, str]) -> dict[str, Any]:
        path = _required(query.get("path", ""))
        try:
            return {"txid": self._daemon.status(self._expand(path)).txid}
        except DatabaseUnknownError:
            raise RefusedError(404, "database not found") from None

    def _sync_status(self, query: Mapping[str, str]) -> dict[str, Any]:
        if "path" not in query:
            return {"databases": [_diagnosed(status) for status in self._daemon.list()]}
        try:
            return {"databases": [_diagnosed(self._daemon.status(self._expand(query["path"])))]}
        except DatabaseUnknownError:
            raise RefusedError(404, "database not found") from None

    def _sync(self, request: Body) -> dict[str, Any]:
        path = self._expand(_required(request.text("path")))
        wait = request.switch("wait")
        timeout = _timeout(request, default=DEFAULT_TIMEOUT if wait else None)
        try:
            synced = self._daemon.sync(path, wait=wait, timeout=timeout)
        except DatabaseUnknownError:
            raise RefusedError(404, f"database not found: {path}") from None
        except DatabaseClosedError:
            raise RefusedError(409, f"database not open: {path}") from None
        except PlaitError as error:
            part = "replica sync" if wait else "db sync"
            raise RefusedError(500, f"sync database: {part}: {_words(error)}") from None
        status = "no_change" if not synced.changed else "synced" if wait else "synced_local"
        return {"status": status, "path": path, "txid": synced.txid, "replicated_txid": synced.replicated_txid}

    def _start(self, request: Body) -> dict[str, Any]:
        path = self._expand(_required(request.text("path")))
        try:
            changed = self._daemon.start(path, _timeout(request))
        except DatabaseUnknownError:
            raise RefusedError(500, f"database not found: {path}") from None
        except PlaitError as error:
            raise RefusedError(500, f"failed to start database: {_words(error)}") from None
        return {"status": "started" if changed.changed else "already_running", "path": path, "txid": changed.txid}

    def _stop(self, request: Body) -> dict[str, Any]:
        path = self._expand(_required(request.text("path")))
        try:
            changed = self._daemon.stop(path, _timeout(request))
        except DatabaseUnknownError:
            raise RefusedError(500, f"database not found: {path}") from None
        except PlaitError as error:
            raise RefusedError(500, f"failed to stop database: {_words(error)}") from None
        return {"status": "stopped" if changed.changed else "already_stopped", "path": path, "txid": changed.txid}

    def _register(self, request: Body) -> dict[str, Any]:
        path = self._expand(_required(request.text("path")))
        url = request.text("replica_url")
        if not url:
            raise RefusedError(400, "replica_url required")
        if any(status.path == path for status in self._daemon.list()):
            return {"status": "already_registered", "path": path}
        try:
            settings = self._settings_of(path, url)
        except (ConfigurationError, NotSupportedError) as error:
            scheme = url.partition("://")[0]
            unknown = "unknown replica type" in error.message
            reason = f'unsupported replica URL scheme: "{scheme}"' if unknown else error.message
            reason = f"{reason} URL" if reason == "bucket required for s3 replica" else reason
            raise RefusedError(400, f"invalid replica url: {reason}") from None
        try:
            is_new = self._daemon.register(settings)
        except PlaitError as error:
            raise RefusedError(500, f"failed to register database: {_words(error)}") from None
        return {"status": "registered" if is_new else "already_registered", "path": path}

    def _unregister(self, request: Body) -> dict[str, Any]:
        path = self._expand(_required(request.text("path")))
        try:
            changed = self._daemon.unregister(path, _timeout(request))
        except PlaitError as error:
            raise RefusedError(500, f"failed to unregister database: {_words(error)}") from None
        status = "unregistered" if changed.changed else "already_unregistered"
        return {"status": status, "path": path, "txid": changed.txid}


def go_json(value: Any, *, indent: int = 0) -> bytes:
    """JSON as Go's encoder writes it: `<`, `>` and `&` escaped; `indent` spaces a level, 0 for one line."""
    text = msgspec.json.encode(value)
    if indent:
        text = msgspec.json.format(text, indent=indent)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text.decode()).encode()


def _json(status: int, value: dict[str, Any]) -> Answer:
    return Answer(status, go_json(value) + b"\n")


def _not_allowed(methods: str) -> Answer:
    headers = (("Allow", methods), ("X-Content-Type-Options", "nosniff"))
    return Answer(405, b"Method Not Allowed\n", _PLAIN, headers)


def _listed(status: DatabaseStatus) -> dict[str, Any]:
    shown: dict[str, Any] = {"path": status.path, "status": status.state.value}
    if status.last_sync_at is not None:
        shown["last_sync_at"] = show_rfc3339(status.last_sync_at)
    return shown


def _diagnosed(status: DatabaseStatus) -> dict[str, Any]:
    shown: dict[str, Any] = {"path": status.path, "active": False}
    if status.txid:
        shown |= {"operation": "sync", "phase": "update_metrics", "txid": status.txid}
        shown["last_synced_wal_offset"] = status.wal_end
    return shown | ({"error": status.error} if status.error else {})


def _words(error: PlaitError) -> str:
    about = f"{error.key}: " if error.key and error.key not in error.message else ""
    if isinstance(error, UnknownOutcomeError) and DEADLINE not in error.message:
        return f"{about}{error.message}: {DEADLINE}"
    return about + error.message


def _timeout(request: Body, default: float | None = DEFAULT_TIMEOUT) -> float | None:
    """Seconds; 0 stands for the default, a negative number for no limit."""
    value = request.integer("timeout")
    return None if value < 0 else float(value) or default


def _required(path: str) -> str:
    if not path:
        raise RefusedError(400, "path required")
    return path
