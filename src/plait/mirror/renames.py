"""`--track-renames`: what looks new at the source may be what looks extra at the destination, under another name.

Whether two files are the same is told by their size and, by strategy, their hash, time or leaf name; it can be decided
only once everything was listed. Source of the rules: rclone's manual, "--track-renames" and "--track-renames-strategy".
"""

from __future__ import annotations

from functools import partial
from threading import Condition
from typing import TYPE_CHECKING, Protocol

import msgspec

from plait.engine.events import Level, Message
from plait.engine.protocols import Question
from plait.engine.spill import Spill
from plait.engine.steps import Pair
from plait.engine.workers import POLL
from plait.model.actions import Action, Verb
from plait.model.errors import ConfigurationError, PlaitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.engine.events import Event
    from plait.model.items import Item

HASH, MODTIME, LEAF, SIZE = "hash", "modtime", "leaf", "size"
MAKING_MAP = "Making map for --track-renames"
MADE_MAP = "Finished making map for --track-renames"
IS_RENAMED = "the same file is there under another name"


class Strategy(msgspec.Struct, frozen=True):
    """By what, beside their size, two files are known to be the same. `window` in nanoseconds, for times."""

    hash: bool = True
    modtime: bool = False
    leaf: bool = False
    window: int = 1


def parse_strategy(text: str, window: int | None) -> Strategy:
    """`hash`, `modtime`, `leaf` and `size`, separated by commas. Raises ConfigurationError for any other word."""
    words = text.split(",") if text else []
    for word in words:
        if word not in {HASH, MODTIME, LEAF, SIZE}:
            raise ConfigurationError(f'unknown track renames strategy "{word}"')
    return Strategy(HASH in words, MODTIME in words, LEAF in words, window or 1)


class Identities(Protocol):
    """What tells two files apart; both methods block and may be called from several threads."""

    def source_identity(self, item: Item) -> str | None:
        """The hash of a file of the source, None where it has none."""
        ...

    def destination_identity(self, item: Item) -> str | None:
        """The same of a file of the destination."""
        ...

    def times(self, source: Item, destination: Item) -> tuple[int | None, int | None]:
        """Both modification times in nanoseconds."""
        ...


class RenameTracker:
    """Holds new and extra files back until everything is listed, and then finds the pairs among them.

    What is held is on disk where it is much; what the extra files are known by stays in memory.
    """

    def __init__(
        self,
        strategy: Strategy,
        identities: Identities,
        emit: Callable[[Event], None],
        cancelled: Callable[[], bool],
        subject: str,
    ) -> None:
        self._strategy = strategy
        self._identities = identities
        self._emit = emit
        self._cancelled = cancelled
        self._subject = subject
        self._new = Spill()
        self._extra = Spill()
        self._sizes: set[int | None] = set()
        self._candidates: dict[str, list[Item]] = {}
        self._settled = Condition()
        self._open = 0

    def add_new(self, action: Action) -> None:
        """Holds back the creation of a file."""
        self._new.append(action)
        if action.source is not None:
            self._sizes.add(action.source.size)

    def add_extra(self, action: Action) -> None:
        """Holds back the deletion of a file."""
        self._extra.append(action)

    def finish(self) -> Iterator[Action | Question]:
        """Renames, and the creations and deletions that are left."""
        self._emit(Message(Level.INFO, MAKING_MAP, self._subject))
        try:
            for action in self._extra:
                item = action.destination
                if item is None or item.size not in self._sizes:
                    yield action
                elif self._strategy.hash:
                    yield self._question(Pair(None, item), partial(self._note, action, item))
                else:
                    yield from self._note(action, item)
            self._wait()
            self._emit(Message(Level.INFO, MADE_MAP, self._subject))
            for action in self._new:
                item = action.source
                if item is None:
                    yield action
                elif self._strategy.hash or self._strategy.modtime:
                    yield self._question(Pair(item, None), partial(self._matched, action, item))
                else:
                    yield self._match(action, item)
            self._wait()
            for items in self._candidates.values():
                for item in items:
                    yield Action(Verb.DELETE, item.key, None, item, "not in source")
        finally:
            self._new.close()
            self._extra.close()

    def _question(self, pair: Pair, answer: Callable[[], Sequence[Action]]) -> Question:
        with self._settled:
            self._open += 1

        def answered() -> Sequence[Action]:
            try:
                return answer()
            finally:
                with self._settled:
                    self._open -= 1
                    self._settled.notify_all()

        return Question(pair, answered)

    def _wait(self) -> None:
        """Waits for the answers to what was asked."""
        with self._settled:
            while self._open and not self._cancelled():
                self._settled.wait(POLL)

    def _note(self, action: Action, item: Item) -> Sequence[Action]:
        """Makes an extra file one that may have been renamed; its deletion where it cannot be told from others."""
        try:
            identity = self._identity(item, self._identities.destination_identity)
        except PlaitError as error:
            if error.fatal:
                raise
            identity = None
        if identity is None:
            return (action,)
        with self._settled:
            self._candidates.setdefault(identity, []).append(item)
        return ()

    def _match(self, action: Action, item: Item) -> Action:
        """A rename where the file is there already, else the action itself."""
        try:
            identity = self._identity(item, self._identities.source_identity)
        except PlaitError as error:
            if error.fatal:
                raise
            identity = None
        old = None if identity is None else self._take(identity, item)
        if old is None:
            return action
        return Action(Verb.RENAME, action.key, item, old, IS_RENAMED, old.key)

    def _matched(self, action: Action, item: Item) -> Sequence[Action]:
        return (self._match(action, item),)

    def _identity(self, item: Item, hashed: Callable[[Item], str | None]) -> str | None:
        parts = [str(item.size)]
        if self._strategy.hash:
            found = hashed(item)
            if found is None:
                return None
            parts.append(found)
        if self._strategy.leaf:
            parts.append(item.key.rpartition("/")[2])
        return ",".join(parts)

    def _take(self, identity: str, item: Item) -> Item | None:
        with self._settled:
            found = self._candidates.get(identity)
            if not found:
                return None
            if not self._strategy.modtime:
                return found.pop(0)
            for position, candidate in enumerate(found):
                if self._same_time(item, candidate):
                    return found.pop(position)
            return None

    def _same_time(self, source: Item, destination: Item) -> bool:
        ours, theirs = self._identities.times(source, destination)
        return ours is not None and theirs is not None and abs(theirs - ours) < self._strategy.window
