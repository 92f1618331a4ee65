"""Planners round the mirror's planner: they change what it decides, as some options ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.protocols import Question
from plait.engine.steps import Leave, Pair
from plait.mirror.alternatives import holds
from plait.model.actions import Action, Creations, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plait.engine.protocols import Planner
    from plait.engine.steps import Step
    from plait.mirror.alternatives import Alternative
    from plait.mirror.renames import RenameTracker

FOUND_ELSEWHERE = "found in --compare-dest"
SPELLED_OTHERWISE = "the source spells it so"


class TrackingPlanner:
    """Holds new and extra files back until the end, where renames are found among them."""

    def __init__(self, inner: Planner, tracker: RenameTracker) -> None:
        self._inner = inner
        self._tracker = tracker

    def plan(self, step: Step) -> Iterator[Action | Creations | Question]:
        """The actions of a step, less those that are held back."""
        for decision in self._inner.plan(step):
            if isinstance(decision, Action) and decision.verb is Verb.CREATE:
                self._tracker.add_new(decision)
            elif isinstance(decision, Action) and decision.verb is Verb.DELETE:
                self._tracker.add_extra(decision)
            else:
                yield decision

    def finish(self) -> Iterator[Action | Question]:
        """What was held back, with the renames that were found."""
        yield from self._inner.finish()
        yield from self._tracker.finish()


class ComparingPlanner:
    """Leaves out what another tree has already (`--compare-dest`).

    `moves`: what differs at the destination and is there goes from the source all the same, as with rclone.
    """

    def __init__(self, inner: Planner, alternatives: Sequence[Alternative], *, moves: bool) -> None:
        self._inner = inner
        self._alternatives = alternatives
        self._moves = moves

    def plan(self, step: Step) -> Iterator[Action | Creations | Question]:
        """The actions of a step; a question where a file may be elsewhere."""
        for decision in self._inner.plan(step):
            if isinstance(decision, Question):
                yield self._asked(decision)
            elif isinstance(decision, Action) and _carries(decision):
                yield self._question(decision)
            else:
                yield decision

    def finish(self) -> Iterable[Action | Question]:
        """As the planner inside."""
        return self._inner.finish()

    def _question(self, action: Action) -> Question:
        return Question(Pair(action.source, action.destination), lambda: self._left(action))

    def _asked(self, question: Question) -> Question:
        def answer() -> Sequence[Action]:
            actions = question.answer()
            return [left for action in actions for left in (self._left(action) if _carries(action) else (action,))]

        return Question(question.pair, answer)

    def _left(self, action: Action) -> Sequence[Action]:
        source = action.source
        if source is None or not holds(self._alternatives, source, action.key):
            return (action,)
        if self._moves and action.verb is Verb.REPLACE:
            return (Action(Verb.DELETE_SOURCE, source.key, source, action.destination, FOUND_ELSEWHERE),)
        return ()


class RespellingPlanner:
    """Gives what the destination spells otherwise the source's name (`--fix-case`), once everything else is done."""

    def __init__(self, inner: Planner, *, directories: bool) -> None:
        self._inner = inner
        self._directories = directories
        self._respelled: set[str] = set()

    def plan(self, step: Step) -> Iterator[Action | Creations | Question]:
        """The actions of a step, and a last one for a name that differs."""
        timed = False
        for decision in self._inner.plan(step):
            timed |= isinstance(decision, Action) and decision.verb is Verb.TOUCH_DIRECTORY
            yield decision
        if isinstance(step, Leave) and not timed:
            yield from self._left_directory(step.pair)
        if not isinstance(step, Pair) or step.source is None or step.destination is None:
            return
        origin = step.destination.key
        if not self._directories:
            if not step.source.is_directory and origin != step.source.key:
                yield Action(Verb.RESPELL, step.source.key, step.source, step.destination, SPELLED_OTHERWISE, origin)
            return
        directory, _, leaf = origin.rpartition("/")
        wanted = step.source.key.rpartition("/")[2]
        if leaf != wanted:
            self._respelled.add(directory)
            key = f"{directory}/{wanted}" if directory else wanted
            yield Action(Verb.RESPELL, key, step.source, step.destination, SPELLED_OTHERWISE, origin)

    def _left_directory(self, pair: Pair) -> Iterator[Action]:
        """The time of a directory in which names change."""
        if pair.source is not None and pair.destination is not None and pair.destination.key in self._respelled:
            self._respelled.discard(pair.destination.key)
            yield Action(Verb.TOUCH_DIRECTORY, pair.destination.key, pair.source, pair.destination, "directory time")

    def finish(self) -> Iterable[Action | Question]:
        """As the planner inside."""
        return self._inner.finish()


def _carries(action: Action) -> bool:
    return action.verb in {Verb.CREATE, Verb.REPLACE}
