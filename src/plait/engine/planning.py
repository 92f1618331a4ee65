"""From steps to actions: asks the planner, answers its questions on workers, and keeps account of what failed."""

from __future__ import annotations

from collections import deque
from itertools import chain
from threading import Condition
from typing import TYPE_CHECKING

from plait.engine.events import Checking, Failed
from plait.engine.protocols import Question
from plait.engine.steps import ListingFailed
from plait.engine.workers import POLL, Cancellation, Workers
from plait.model.errors import PlaitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plait.engine.accounting import Errors
    from plait.engine.events import EventStream
    from plait.engine.protocols import Planner
    from plait.engine.steps import Step
    from plait.model.actions import Action, Creations
    from plait.model.items import Item

_WINDOW = 10_000


def decide(
    steps: Iterable[Step],
    planner: Planner,
    events: EventStream,
    errors: Errors,
    cancellation: Cancellation,
    *,
    checkers: int = 8,
    ordered: bool = True,
) -> Iterator[Action | Creations]:
    """The actions of a plan.

    Questions are answered by `checkers` workers; with `ordered` their actions keep the question's place, else they come
    as soon as they are known (the executor needs no order). A failed listing or answer goes into `errors` and the
    stream goes on. Raises what `steps` raise, fatal errors, and the reason of a cancellation.
    """
    window = _Window(events, errors, cancellation, checkers, ordered=ordered)
    try:
        for step in chain(steps, (None,)):
            window.check()
            if isinstance(step, ListingFailed):
                errors.add(step.error, listing=step.side)
                events.emit(Failed(step.error, step.error.key or step.directory))
            for decision in planner.finish() if step is None else planner.plan(step):
                if isinstance(decision, Question):
                    window.ask(decision)
                elif window.holds:
                    window.keep(decision)
                else:
                    yield decision
            if window.asked:
                yield from window.ready()
        yield from window.rest()
    finally:
        window.close()


class _Asked:
    """A question and, once known, its actions."""

    __slots__ = ("actions", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.actions: Sequence[Action] | None = None


class _Window:
    """Actions and questions that wait for answers; at most `_WINDOW` of them."""

    def __init__(
        self, events: EventStream, errors: Errors, cancellation: Cancellation, checkers: int, *, ordered: bool
    ) -> None:
        self._events = events
        self._errors = errors
        self._ordered = ordered
        self._cancellation = Cancellation(cancellation)
        self._workers = Workers(self._answer, checkers, _WINDOW, self._cancellation, "checker")
        self._waiting: deque[_Asked | Action | Creations] = deque()
        self._answered: deque[_Asked] = deque()
        self._changed = Condition()
        self.asked = 0
        """Questions whose actions have not been taken yet."""

    @property
    def holds(self) -> bool:
        """True where an action must wait for the answers to earlier questions."""
        return self._ordered and self.asked > 0

    def ask(self, question: Question) -> None:
        """Has a question answered."""
        asked = _Asked(question)
        self.asked += 1
        if self._ordered:
            self._waiting.append(asked)
        if not self._workers.submit(asked):
            self._cancellation.raise_if_cancelled()

    def keep(self, action: Action | Creations) -> None:
        """Holds an action back until the questions before it are answered."""
        self._waiting.append(action)

    def ready(self) -> Iterator[Action | Creations]:
        """What is known by now; waits only where too much is held."""
        return self._take(_WINDOW)

    def rest(self) -> Iterator[Action | Creations]:
        """Everything that is left; waits for all answers."""
        yield from self._take(0)
        self._workers.finish()
        self.check()

    def check(self) -> None:
        """Raises a fatal error of an answer, and the reason of a cancellation."""
        self._cancellation.raise_if_cancelled()

    def close(self) -> None:
        """Drops what is not answered yet."""
        self._cancellation.cancel()

    def _take(self, limit: int) -> Iterator[Action | Creations]:
        while self.asked:
            done = self._next_answer(wait=max(self.asked, len(self._waiting)) > limit)
            if done is None:
                return
            self.asked -= 1
            yield from done
            while self._waiting:
                first = self._waiting[0]
                if isinstance(first, _Asked):
                    break
                self._waiting.popleft()
                yield first

    def _next_answer(self, *, wait: bool) -> Sequence[Action] | None:
        """The next answer's actions; None where there is none yet and `wait` is False."""
        with self._changed:
            while True:
                if self._ordered:
                    first = self._waiting[0]
                    if isinstance(first, _Asked) and first.actions is not None:
                        self._waiting.popleft()
                        return first.actions
                elif self._answered:
                    return self._answered.popleft().actions
                if not wait:
                    return None
                self._cancellation.raise_if_cancelled()
                self._changed.wait(POLL)

    def _answer(self, asked: _Asked) -> None:
        pair = asked.question.pair
        item = pair.source or pair.destination
        actions: Sequence[Action] = ()
        self._tell(item, done=False)
        try:
            actions = asked.question.answer()
        except PlaitError as error:
            self._fail(error, item)
        finally:
            self._tell(item, done=True)
            with self._changed:
                asked.actions = actions
                if not self._ordered:
                    self._answered.append(asked)
                self._changed.notify_all()

    def _fail(self, error: PlaitError, item: Item | None) -> None:
        self._errors.add(error)
        self._events.emit(Failed(error, error.key or (item.key if item is not None else "")))
        if error.fatal:
            self._cancellation.cancel(error)

    def _tell(self, item: Item | None, *, done: bool) -> None:
        if item is not None:
            self._events.emit(Checking(item.key, item.size, done))
