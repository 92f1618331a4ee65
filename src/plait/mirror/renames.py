"""`--track-renames`: what looks new at the source may be what looks extra at the destination, under another name.

Whether two files are the same is told by their size and, by strategy, their hash, time or leaf name; it can be decided
only once everything was listed. Source of the rules: rclone's manual, "--track-renames" and "--track-renames-strategy".
"""

from __future__ import annotations

from collections import deque
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
from plait.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from plait.engine.events import Event
    from plait.model.items import Item

TOGETHER = 256
"""Files that are looked up together."""
IN_MEMORY = 25_000
"""Actions of each kind that are held in memory."""
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
    """What tells files apart; all methods block and may be called from several threads."""

    def source_hashes(self, items: Sequence[Item]) -> list[str | None]:
        """The hashes of files of the source, None for one that has none or cannot be read."""
        ...

    def destination_hashes(self, items: Sequence[Item]) -> list[str | None]:
        """The same of files of the destination."""
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
        self._new = Spill(IN_MEMORY)
        self._extra = Spill(IN_MEMORY)
        self._sizes: set[int | None] = set()
        self._candidates: dict[str, deque[Item]] = {}
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
            for actions in _chunks(self._extra):
                candidates = [action for action in actions if _extra(action).size in self._sizes]
                yield from (action for action in actions if _extra(action).size not in self._sizes)
                if candidates:
                    yield self._question(Pair(None, _extra(candidates[0])), partial(self._note, candidates))
            self._wait()
            self._emit(Message(Level.INFO, MADE_MAP, self._subject))
            for actions in _chunks(self._new):
                yield self._question(Pair(actions[0].taken(), None), partial(self._match, actions))
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

    def _note(self, actions: Sequence[Action]) -> Sequence[Action]:
        """Makes extra files ones that may have been renamed; the deletions of those that cannot be told from others."""
        items = [_extra(action) for action in actions]
        left: list[Action] = []
        found = self._identified(items, self._identities.destination_hashes)
        with self._settled:
            for action, item, identity in zip(actions, items, found, strict=True):
                if identity is None:
                    left.append(action)
                else:
                    self._candidates.setdefault(identity, deque()).append(item)
        return left

    def _match(self, actions: Sequence[Action]) -> Sequence[Action]:
        """A rename for each file that is there already, else the action itself."""
        items = [action.taken() for action in actions]
        found = self._identified(items, self._identities.source_hashes)
        matched: list[Action] = []
        for action, item, identity in zip(actions, items, found, strict=True):
            old = None if identity is None else self._take(identity, item)
            renamed = None if old is None else Action(Verb.RENAME, action.key, item, old, IS_RENAMED, old.key)
            matched.append(renamed or action)
        return matched

    def _identified(
        self, items: Sequence[Item], hashes: Callable[[Sequence[Item]], list[str | None]]
    ) -> list[str | None]:
        """What each file is known by; None for one that is not."""
        told: Sequence[str | None] = hashes(items) if self._strategy.hash else [""] * len(items)
        leaf = self._strategy.leaf
        return [
            None if found is None else f"{item.size},{found},{item.key.rpartition('/')[2] if leaf else ''}"
            for item, found in zip(items, told, strict=True)
        ]

    def _take(self, identity: str, item: Item) -> Item | None:
        with self._settled:
            found = self._candidates.get(identity)
            if not found:
                return None
            if not self._strategy.modtime:
                return found.popleft()
            for position, candidate in enumerate(found):
                if self._same_time(item, candidate):
                    del found[position]
                    return candidate
            return None

    def _same_time(self, source: Item, destination: Item) -> bool:
        ours, theirs = self._identities.times(source, destination)
        return ours is not None and theirs is not None and abs(theirs - ours) < self._strategy.window


def _chunks(actions: Iterable[Action]) -> Iterator[list[Action]]:
    """Actions of one directory after the other, so many together as are looked up at once."""
    chunk: list[Action] = []
    for action in actions:
        chunk.append(action)
        if len(chunk) == TOGETHER:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _extra(action: Action) -> Item:
    if action.destination is None:
        raise AssertionError("an extra file is the destination's")
    return action.destination
