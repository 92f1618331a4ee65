"""From events to log lines, in rclone's words (reference, sections 1.5, 1.9, 1.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.engine.events import AttemptEnded, Compared, ComparedRun, Failed, Finished, Level, Message
from plait.mirror.questions import words
from plait.model.actions import Status, Verb
from plait.model.errors import Retry
from plait.model.values.sizes import show_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.cli.output.log import Log
    from plait.engine.events import Event
    from plait.model.actions import Action, Outcome
    from plait.model.items import Item

_FAILURES: Final = {
    Verb.CREATE: "Failed to copy",
    Verb.REPLACE: "Failed to copy",
    Verb.TOUCH: "Failed to set modification time",
    Verb.RENAME: "Failed to rename",
    Verb.DELETE: "Couldn't delete",
    Verb.DELETE_SOURCE: "Couldn't delete",
    Verb.MAKE_DIRECTORY: "Failed to make directory",
    Verb.REMOVE_DIRECTORY: "Failed to remove directory",
    Verb.REMOVE_SOURCE_DIRECTORY: "Failed to remove directory",
    Verb.TOUCH_DIRECTORY: "Failed to set directory modification time",
}


class Line(msgspec.Struct, frozen=True):
    """A log line before it is formatted; `facts` are further fields of a JSON line."""

    level: Level
    text: str
    subject: str = ""
    facts: dict[str, Any] = {}


class Lines:
    """Tells the log what happens; a subscriber of the event stream.

    `skipping` names the option by which actions are skipped (`--dry-run`), `moves` and `keeps` are as in
    `plait.mirror.questions.words`.
    """

    def __init__(self, log: Log, *, skipping: str = "", moves: bool = False, keeps: bool = False) -> None:
        self._log = log
        self._skipping = skipping
        self._moves = moves
        self._keeps = keeps

    def __call__(self, event: Event) -> None:
        """Writes the lines of an event."""
        for line in self.lines(event):
            self._log.write(line.level, line.text, line.subject, **line.facts)

    def lines(self, event: Event) -> Iterator[Line]:
        """The lines that the log wants of an event."""
        match event:
            case Message():
                yield Line(event.level, event.text, event.subject)
            case Finished():
                yield from self._outcome(event.outcome)
            case Failed():
                yield Line(Level.ERROR, event.error.message, event.subject)
            case AttemptEnded():
                yield from _attempt(event)
            case Compared(verdict="=", source=item) if item is not None and self._log.wants(Level.DEBUG):
                yield _unchanged(item)
            case ComparedRun() if self._log.wants(Level.DEBUG):
                yield from map(_unchanged, event.page.items())

    def _outcome(self, outcome: Outcome) -> Iterator[Line]:
        action = outcome.action
        if outcome.status is Status.FAILED and outcome.error is not None:
            yield Line(Level.ERROR, f"{_FAILURES[action.verb]}: {outcome.error.message}", action.key)
        elif outcome.status is Status.DONE and outcome.detail:
            yield Line(Level.INFO, outcome.detail, action.key, _size_fact(action))
        elif outcome.status is Status.SKIPPED and self._skipping and outcome.error is None and not outcome.detail:
            yield self._skipped(action)

    def _skipped(self, action: Action) -> Line:
        word = words(action, moves=self._moves, keeps=self._keeps)
        size = _size(action)
        told = f" (size {show_size(size)})" if size is not None else ""
        facts = {"skipped": word} | ({"size": size} if size is not None else {})
        return Line(Level.NOTICE, f"Skipped {word} as {self._skipping} is set{told}", action.key, facts)


def _attempt(event: AttemptEnded) -> Iterator[Line]:
    if not event.errors:
        if event.number > 1:
            yield Line(Level.ERROR, f"Attempt {event.number}/{event.attempts} succeeded")
        return
    last = event.last
    if last is not None and last.fatal:
        yield Line(Level.ERROR, "Fatal error received - not attempting retries")
    elif last is not None and last.retry is Retry.NEVER:
        yield Line(Level.ERROR, "Can't retry any of the errors - not attempting retries")
    else:
        reason = f" and: {last.message}" if last is not None else ""
        yield Line(Level.ERROR, f"Attempt {event.number}/{event.attempts} failed with {event.errors} errors{reason}")


def _unchanged(item: Item) -> Line:
    return Line(Level.DEBUG, "Unchanged skipping", item.key)


def _size_fact(action: Action) -> dict[str, Any]:
    size = _size(action)
    return {} if size is None else {"size": size}


def _size(action: Action) -> int | None:
    """The size that a line tells: of the file that is carried, timed or deleted."""
    side = action.destination if action.verb is Verb.DELETE else action.source
    return None if side is None or side.is_directory else side.size
