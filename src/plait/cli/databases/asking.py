"""Requests to a daemon, and where its socket is looked for."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import (
    BusyError,
    DirectoryNotFoundError,
    PlaitError,
    StoreError,
    UnknownOutcomeError,
    UsageError,
)
from plait.replication.control.client import NoDaemonError, request
from plait.replication.control.endpoints import DEADLINE
from plait.replication.control.paths import candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

_OK: Final = 200
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_START: Final = "start one: plait replicate DATABASE REPLICA"
_GRACE: Final = 1.0
"""Seconds that a client waits longer than the daemon, so that it is the daemon that says what took so long."""


def socket_of(path: str, environment: Mapping[str, str]) -> str:
    """The socket to ask: the one that is named, else the first of the usual places where one is."""
    if path:
        return path
    paths = candidates(environment)
    return next((found for found in paths if _is_socket(found)), paths[0])


def ask(path: str, target: str, fields: Mapping[str, Any] | None, timeout: float | None) -> dict[str, Any]:
    """What a daemon answers: a GET without `fields`, a POST with them.

    Raises UsageError for a bad request, DirectoryNotFoundError for a database that is not there, BusyError for one that
    is stopped, UnknownOutcomeError where the time is over, StoreError for everything else, also where no daemon is.
    """
    patience = None if timeout is None else timeout + _GRACE
    try:
        reply = request(path, "GET" if fields is None else "POST", target, fields, patience)
    except NoDaemonError as error:
        raise StoreError(error.message, hint=_START) from None
    if reply.status == _OK:
        return reply.fields()
    raise _refusal(reply.status, reply.fields())


def _refusal(status: int, fields: dict[str, Any]) -> PlaitError:
    words = str(fields.get("error", f"the daemon refuses with status {status}"))
    if fields.get("details"):
        words += f": {fields['details']}"
    if status == _CONFLICT:
        return BusyError(words, hint="start it: plait database start DATABASE")
    if status == _NOT_FOUND or "database not found" in words:
        return DirectoryNotFoundError(words, hint="plait database list shows the databases of the daemon")
    if DEADLINE in words:
        return UnknownOutcomeError(words, hint="it goes on in the daemon; a longer -timeout waits for it")
    return UsageError(words) if status < 500 else StoreError(words)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False
