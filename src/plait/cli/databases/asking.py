"""Requests to a daemon, and where its socket is looked for."""

from __future__ import annotations

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
from plait.replication.control.paths import socket_to_ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.replication.control.client import Reply

_OK: Final = 200
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_START: Final = "start one: plait replicate DATABASE REPLICA"
_LATE: Final = "it goes on in the daemon; a longer -timeout waits for it"
GRACE: Final = 1.0
"""Seconds that a client waits longer than the daemon, so that it is the daemon that says what took so long."""


def socket_of(path: str, environment: Mapping[str, str]) -> str:
    """The socket to ask: the one that is named, else the first of the usual places where one is."""
    return path or socket_to_ask(environment)


def ask(path: str, target: str, fields: Mapping[str, Any] | None, timeout: float | None) -> dict[str, Any]:
    """What a daemon answers: a GET without `fields`, a POST with them.

    Raises UsageError for a bad request, DirectoryNotFoundError for a database that is not there, BusyError for one that
    is stopped, UnknownOutcomeError where the time is over, StoreError for everything else, also where no daemon is.
    """
    patience = None if timeout is None else timeout + GRACE
    return answer_of(lambda: request(path, "GET" if fields is None else "POST", target, fields, patience))


def answer_of(call: Callable[[], Reply]) -> dict[str, Any]:
    """The fields of the reply that `call` gives. Raises as `ask`."""
    try:
        reply = call()
    except NoDaemonError as error:
        raise StoreError(error.message, hint=_START) from None
    except UnknownOutcomeError as error:
        raise UnknownOutcomeError(error.message, hint=_LATE) from None
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
        return UnknownOutcomeError(words, hint=_LATE)
    return UsageError(words) if status < 500 else StoreError(words)
