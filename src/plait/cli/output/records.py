"""`--json` on Plait's own face: one object a line on standard output, for each outcome, message and attempt.

Keys that are not UTF-8 come base64-encoded as `key_b64` instead of `key`.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from plait.cli.output.log import safe
from plait.engine.events import AttemptEnded, Failed, Finished, Message
from plait.model.errors import CancelledError
from plait.model.items import order_bytes

if TYPE_CHECKING:
    from plait.engine.events import Event
    from plait.engine.workers import Cancellation
    from plait.model.actions import Outcome


class OutputClosedError(CancelledError):
    """Nobody reads standard output any more."""


class Records:
    """Prints events as JSON lines; a subscriber of the event stream."""

    KINDS: ClassVar = (Finished, Message, Failed, AttemptEnded)

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation
        self._encoder = msgspec.json.Encoder()
        self._lock = Lock()

    def __call__(self, event: Event) -> None:
        """Prints the record of an event, where it has one."""
        match event:
            case Finished():
                self.write(outcome_record(event.outcome))
            case Message():
                record = {"event": "message", "level": event.level.name.lower(), "text": safe(event.text)}
                self.write(record | key_fields(event.subject, "subject"))
            case Failed():
                record = {"event": "error", "error": safe(event.error.message)}
                self.write(record | key_fields(event.subject, "subject"))
            case AttemptEnded():
                self.write(
                    {
                        "event": "attempt",
                        "number": event.number,
                        "attempts": event.attempts,
                        "errors": event.errors,
                        "again": event.again,
                    }
                )

    def write(self, record: dict[str, Any]) -> None:
        """Prints a record; where nobody reads it any more, the run is cancelled, so that it ends in order."""
        line = self._encoder.encode(record).decode() + "\n"
        with self._lock:
            try:
                sys.stdout.write(line)
            except BrokenPipeError:
                self._cancellation.cancel(OutputClosedError("standard output was closed"))


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """What became of one action."""
    action = outcome.action
    record: dict[str, Any] = {"event": "outcome", "status": str(outcome.status), "verb": str(action.verb)}
    record |= key_fields(action.key, "key")
    for name, value in (
        ("size", action.size),
        ("reason", action.reason),
        ("detail", outcome.detail),
        ("error", outcome.error and safe(outcome.error.message)),
        ("kept", outcome.kept and safe(outcome.kept)),
    ):
        if value:
            record[name] = value
    return record


def key_fields(key: str, name: str) -> dict[str, str]:
    """A key under `name`, or base64 under `name_b64` where it is not UTF-8; nothing for an empty one."""
    if not key:
        return {}
    try:
        key.encode()
    except UnicodeEncodeError:
        return {f"{name}_b64": b64encode(order_bytes(key)).decode()}
    return {name: key}
