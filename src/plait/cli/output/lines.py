"""From events to log lines, in rclone's words (reference, sections 1.5, 1.9, 1.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.cli.output.log import visible
from plait.engine.events import AttemptEnded, Compared, ComparedRun, Failed, Finished, FinishedRun, Level, Message
from plait.engine.executor import (
    DRY_RUN,
    GATE_CLOSED,
    LIMIT_REACHED,
    NOT_DELETING_DIRECTORIES,
    NOT_DELETING_FILES,
    NOT_WANTED,
    REFUSED,
)
from plait.mirror.names import inside
from plait.mirror.outcomes import COPIED_THERE, DELETED, MOVED, REMOVED_DIRECTORY, renamed_from
from plait.mirror.questions import words
from plait.model.actions import Status, Verb
from plait.model.errors import DirectoryNotFoundError, Retry
from plait.model.values.sizes import show_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.cli.output.log import Log
    from plait.engine.events import Event
    from plait.model.actions import Action, Outcome
    from plait.model.errors import PlaitError
    from plait.model.items import Item

_FAILURES: Final = {
    Verb.CREATE: "Failed to copy",
    Verb.REPLACE: "Failed to copy",
    Verb.TOUCH: "Failed to set modification time",
    Verb.RENAME: "Failed to rename",
    Verb.RESPELL: "Failed to rename",
    Verb.DELETE: "Couldn't delete",
    Verb.DELETE_SOURCE: "Couldn't delete",
    Verb.MAKE_DIRECTORY: "Failed to make directory",
    Verb.REMOVE_DIRECTORY: "Failed to remove directory",
    Verb.REMOVE_SOURCE_DIRECTORY: "Failed to remove directory",
    Verb.TOUCH_DIRECTORY: "Failed to set directory modification time",
}


_GATES: Final = frozenset({NOT_DELETING_FILES, NOT_DELETING_DIRECTORIES})
_RENAMES: Final = frozenset({Verb.RENAME, Verb.RESPELL})
_WITH_CONTENT: Final = frozenset({Verb.CREATE, Verb.REPLACE})
_SKIPPED_BY: Final = {DRY_RUN: "--dry-run", REFUSED: "--interactive"}


class Line(msgspec.Struct, frozen=True):
    """A log line before it is formatted; `facts` are further fields of a JSON line."""

    level: Level
    text: str
    subject: str = ""
    facts: dict[str, Any] = {}


_LISTING: Final = "failed to list"
"""What a store says first of a root that it cannot list."""


class Lines:
    """Tells the log what happens; a subscriber of the event stream.

    `moves` and `keeps` are as in `plait.mirror.questions.words`; `transfers`: the command is one that transfers.
    `rclone`: names and words are rclone's to the letter; otherwise what Plait's last line says is not said before.
    `source` is what the log calls the source.
    """

    def __init__(
        self, log: Log, *, moves: bool = False, keeps: bool = False, transfers: bool = False, rclone: bool = False
    ) -> None:
        self._log = log
        self._rclone = rclone
        self._name: Callable[[str], str] = inside if rclone else visible
        self._root_missing = False
        self.source = ""
        self._informs = log.wants(Level.INFO)
        self._debugs = log.wants(Level.DEBUG)
        self._transfers = transfers
        self._transferred = False
        self._moves = moves
        self._keeps = keeps
        self._limit: PlaitError | None = None
        self.forbidden = 0
        """How many deletions of the last attempt a limit forbade."""

    def carry_one(self) -> None:
        """The command carries one file: rclone does not say then that there was nothing to do."""
        self._transfers = False

    def kinds(self) -> tuple[type[Event], ...]:
        """The kinds of events that the log wants to hear of."""
        compared = (Compared, ComparedRun) if self._debugs else ()
        return (Finished, FinishedRun, Message, Failed, AttemptEnded, *compared)

    def __call__(self, event: Event) -> None:
        """Writes the lines of an event."""
        if not self._informs and _only_done(event):
            # By far the most frequent, and nobody wants to hear of it.
            return
        for line in self.lines(event):
            self._log.write(line.level, line.text, self._name(line.subject), line.facts)

    def lines(self, event: Event) -> Iterator[Line]:
        """The lines that the log wants of an event."""
        match event:
            case Finished():
                yield from self._outcome(event.outcome)
            case FinishedRun():
                for outcome in event.created.outcomes():
                    yield from self._outcome(outcome)
            case Message() if self._rclone or not (self._root_missing and event.text in _GATES):
                if event.text == NOT_DELETING_DIRECTORIES:
                    yield from self._cancelling()
                yield Line(event.level, event.text, event.subject)
            case Failed(error=DirectoryNotFoundError() as error, subject=""):
                self._root_missing = True
                if self._rclone:
                    yield Line(
                        Level.ERROR, f"error reading source root directory: {original_words(error)}", self.source
                    )
            case Failed():
                yield Line(Level.ERROR, event.error.message, event.subject)
            case AttemptEnded():
                if self._transfers and not self._transferred and not event.errors:
                    yield Line(Level.INFO, "There was nothing to transfer")
                yield from self._attempt(event)
                self._root_missing = False
            case Compared(verdict="=", source=item) if item is not None:
                yield _unchanged(item)
            case ComparedRun(verdict="="):
                yield from map(_unchanged, event.page.items())

    def _outcome(self, outcome: Outcome) -> Iterator[Line]:
        action = outcome.action
        if action.verb in _WITH_CONTENT and outcome.status is not Status.FAILED:
            self._transferred = True
        if outcome.status is Status.DONE:
            replaced = outcome.moved and action.verb is Verb.REPLACE and outcome.kept is None
            if self._informs and self._rclone and replaced:
                # Rclone deletes what a rename is to replace; here the rename does both.
                yield Line(Level.INFO, DELETED, action.key)
            if self._informs and self._rclone and action.verb in _RENAMES and action.origin is not None:
                yield from _renamed(outcome, action.origin)
            if self._informs and outcome.detail:
                subject = (action.origin if action.verb is Verb.RESPELL else None) or action.key
                line = Line(Level.INFO, outcome.detail, subject, {} if outcome.moved else _size_fact(action))
                yield self._under_its_name(line, action)
            if self._informs and self._rclone and outcome.source_deleted and action.source is not None:
                yield Line(Level.INFO, DELETED, action.source.key)
        elif outcome.error is not None or outcome.detail == LIMIT_REACHED:
            yield from self._failed(outcome)
        elif outcome.detail in _SKIPPED_BY:
            option = _SKIPPED_BY[outcome.detail]
            if self._keeps and action.verb is Verb.REPLACE and action.destination is not None:
                yield self._skipped(action, "move", action.destination.size, option)
            word = words(action, moves=self._moves, keeps=self._keeps)
            if action.verb in _RENAMES and action.origin is not None:
                yield from self._rename_skipped(action, action.origin, option)
                return
            yield self._skipped_under_its_name(action, word, option)
            if self._moves and action.verb is Verb.TOUCH and action.source is not None:
                # The source goes once the time is set.
                yield msgspec.structs.replace(
                    self._skipped(action, "delete", action.source.size, option), subject=action.source.key
                )
        elif self._rclone and action.verb is Verb.REMOVE_DIRECTORY and outcome.detail not in {GATE_CLOSED, NOT_WANTED}:
            # Rclone says so before it tries.
            yield Line(Level.INFO, REMOVED_DIRECTORY, action.key)

    def _failed(self, outcome: Outcome) -> Iterator[Line]:
        action, error = outcome.action, outcome.error
        if error is not None:
            if error.fatal and action.verb is Verb.DELETE:
                self._limit, self.forbidden = error, 1
            yield Line(Level.ERROR, f"{_failure(action.verb, error)}: {error.message}", action.key)
        elif self._limit is not None:
            self.forbidden += 1
            if self._rclone:
                # Rclone tries them all.
                yield Line(Level.ERROR, f"{_failure(action.verb, self._limit)}: {self._limit.message}", action.key)

    def _other_name(self, action: Action) -> str:
        """The source's key, where a file gets another one; "" where it does not, and off rclone's front."""
        source = action.source
        named_anew = self._rclone and action.verb in _WITH_CONTENT and source is not None and source.key != action.key
        return source.key if named_anew and source is not None else ""

    def _skipped_under_its_name(self, action: Action, word: str, option: str) -> Line:
        name = self._other_name(action)
        if name and word == "move":
            word = f"move to {action.key}"
        return msgspec.structs.replace(self._skipped(action, word, _size(action), option), subject=name or action.key)

    def _under_its_name(self, line: Line, action: Action) -> Line:
        """The line with the source's name and that to which it went, where they differ."""
        name = self._other_name(action)
        return msgspec.structs.replace(line, subject=name, text=f"{line.text} to: {action.key}") if name else line

    def _cancelling(self) -> Iterator[Line]:
        """What rclone says once no deletion is left that a limit could forbid."""
        if self._rclone and self._limit is not None:
            self._limit = None
            yield Line(Level.ERROR, f"Cancelling sync due to fatal error: {failed_deletions(self.forbidden)}")

    def _attempt(self, event: AttemptEnded) -> Iterator[Line]:
        yield from self._cancelling()
        if self._rclone or (not self._root_missing and (event.again or not event.errors or event.number > 1)):
            yield from _attempt(event)

    def _rename_skipped(self, action: Action, origin: str, option: str) -> Iterator[Line]:
        skipped = self._skipped(action, f"move to {action.key}", _size(action), option)
        yield msgspec.structs.replace(skipped, subject=origin)
        if self._informs and action.verb is Verb.RENAME:
            yield Line(Level.INFO, renamed_from(origin), action.key)

    @staticmethod
    def _skipped(action: Action, word: str, size: int | None, option: str) -> Line:
        told = f" (size {show_size(size)})" if size is not None else ""
        facts = {"skipped": word} | ({"size": size} if size is not None else {})
        return Line(Level.NOTICE, f"Skipped {word} as {option} is set{told}", action.key, facts)


def _renamed(outcome: Outcome, origin: str) -> Iterator[Line]:
    """What rclone says of the operations behind a rename, before it says that it was one."""
    key = outcome.action.key
    if outcome.server_side:
        yield Line(Level.INFO, f"{COPIED_THERE} to: {key}", origin)
        yield Line(Level.INFO, DELETED, origin)
    elif outcome.moved and not _of_directory(outcome.action):
        yield Line(Level.INFO, f"{MOVED} to: {key}", origin)


def _of_directory(action: Action) -> bool:
    return action.destination is not None and action.destination.is_directory


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
        reason = f" and: {original_words(last)}" if last is not None else ""
        yield Line(Level.ERROR, f"Attempt {event.number}/{event.attempts} failed with {event.errors} errors{reason}")


def original_words(error: PlaitError) -> str:
    """The message of an error; of a bucket that is missing, what the original says of every root that is."""
    missing = isinstance(error, DirectoryNotFoundError) and error.message.startswith(_LISTING)
    return "directory not found" if missing else error.message


def failed_deletions(count: int) -> str:
    """Rclone's last error where a limit forbids deletions."""
    return f"failed to delete {count} files"


def _failure(verb: Verb, error: PlaitError) -> str:
    return "Got fatal error on delete" if error.fatal and verb is Verb.DELETE else _FAILURES[verb]


def _unchanged(item: Item) -> Line:
    return Line(Level.DEBUG, "Unchanged skipping", item.key)


def _size_fact(action: Action) -> dict[str, Any]:
    """The size of a file that was carried."""
    size = _size(action)
    return {"size": size} if action.verb in _WITH_CONTENT and size is not None else {}


def _size(action: Action) -> int | None:
    """The size that a line tells: of the file that is carried, timed or deleted."""
    side = action.destination if action.verb is Verb.DELETE else action.source
    return None if side is None or side.is_directory else side.size


def _only_done(event: Event) -> bool:
    """True for an outcome that only a verbose log speaks of."""
    return isinstance(event, FinishedRun) or (isinstance(event, Finished) and event.outcome.status is Status.DONE)
