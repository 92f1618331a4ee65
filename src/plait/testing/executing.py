"""A carrier that does nothing but take notes, and actions to give it: for tests of the executor."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from plait.engine.accounting import Errors
from plait.engine.events import Carried, Event, EventStream, Finished, Message
from plait.engine.executor import ExecutionSettings, Executor, Result
from plait.engine.workers import Cancellation
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import PermissionDeniedError, PlaitError
from plait.model.items import Item, Kind, Stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class Recorder:
    """A carrier that notes what it is given; `act` may raise or wait for single actions."""

    def __init__(
        self,
        *,
        batched: bool = False,
        concurrency: int = 4,
        act: Callable[[Action, Callable[[], bool]], None] | None = None,
    ) -> None:
        self.batched = batched
        self.concurrency = concurrency
        self.events = EventStream()
        self.batches: list[list[Action]] = []
        self.done: list[Action] = []
        self.running = self.most_running = 0
        self._act = act or (lambda _action, _cancelled: None)
        self._lock = Lock()

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        """Does them, unless `act` raises."""
        with self._lock:
            self.batches.append(list(actions))
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            for action in actions:
                try:
                    self._act(action, cancelled)
                except PlaitError as error:
                    if error.fatal:
                        raise
                    yield Outcome(action, Status.FAILED, error=error)
                    continue
                with self._lock:
                    self.done.append(action)
                size = action.size if action.verb in {Verb.CREATE, Verb.REPLACE} else 0
                self.events.emit(Carried(action, size))
                yield Outcome(action, Status.DONE, carried=size)
        finally:
            with self._lock:
                self.running -= 1

    def did(self) -> list[str]:
        """What was done, in that order: verb and key."""
        return [f"{action.verb} {action.key}" for action in self.done]


def item(key: str, size: int = 1, kind: Kind = Kind.FILE) -> Item:
    """An item with a size and nothing else."""
    return Item(key, Stat(kind, size))


def create(key: str, size: int = 1) -> Action:
    """A new file."""
    return Action(Verb.CREATE, key, item(key, size))


def delete(key: str, size: int = 1) -> Action:
    """A file that goes."""
    return Action(Verb.DELETE, key, None, item(key, size))


def remove(key: str) -> Action:
    """A directory that goes."""
    return Action(Verb.REMOVE_DIRECTORY, key, None, item(key, 0, Kind.DIRECTORY))


def touch(key: str) -> Action:
    """A directory that gets its time."""
    folder = item(key, 0, Kind.DIRECTORY)
    return Action(Verb.TOUCH_DIRECTORY, key, folder, folder)


class Run:
    """One attempt, with everything that was said."""

    def __init__(self, carrier: Recorder, **settings: object) -> None:
        self.carrier = carrier
        self.cancellation = Cancellation()
        self.errors = Errors()
        self.seen: list[Event] = []
        carrier.events.subscribe(self.seen.append)
        self.executor = Executor(carrier, carrier.events, ExecutionSettings(**settings), self.cancellation)  # type: ignore[arg-type]  # settings by name, of any type

    def __call__(self, actions: Iterable[Action]) -> Result:
        """Executes a plan."""
        return self.executor.run(actions, self.errors)

    def messages(self) -> list[str]:
        """What was said, in that order."""
        return [event.text for event in self.seen if isinstance(event, Message)]

    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each action, by its key."""
        return {event.outcome.action.key: event.outcome for event in self.seen if isinstance(event, Finished)}


def failing(*keys: str, error: PlaitError | None = None) -> Callable[[Action, Callable[[], bool]], None]:
    """An `act` that fails for some keys, with an error of permissions unless another is given."""

    def act(action: Action, _cancelled: Callable[[], bool]) -> None:
        if action.key in keys:
            raise error or PermissionDeniedError("no", key=action.key)

    return act


MIXED: Final = [
    delete("old"),
    touch("d"),
    create("d/a"),
    touch("d/e"),
    remove("x"),
    create("d/e/b"),
    remove("x/y"),
    delete("x/y/z"),
    create("z"),
]
"""What must come first, later and last, in no such order."""
