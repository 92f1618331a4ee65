"""What a strand gives to the engine: a planner that decides and a carrier that executes.

The engine owns everything else: order, concurrency, deferral, gates, attempts, events and records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from plait.engine.steps import Pair, Step
    from plait.model.actions import Action, Created, Creations, Outcome


class Question(msgspec.Struct, frozen=True):
    """A decision that needs more than the listings hold: a hash, a time that only `stat` gives.

    `answer` looks it up (it blocks, and runs on a worker) and returns the actions. Questions are answered concurrently;
    their actions take the question's place in the plan, or come when they are known where order does not matter.
    """

    pair: Pair
    answer: Callable[[], Sequence[Action]]


class Planner(Protocol):
    """Decides: steps of the merge in, actions out, in order. No I/O of its own.

    Steps come from one thread, in the order of the merge.
    """

    def plan(self, step: Step) -> Iterable[Action | Creations | Question]:
        """The actions that this step calls for; none where both sides are equal."""
        ...

    def finish(self) -> Iterable[Action | Question]:
        """What can be decided only now that every step was planned. It may wait for the answers to its questions."""
        ...


class Carrier(Protocol):
    """Executes: how an item is carried across. Called from several workers at once."""

    @property
    def batched(self) -> bool:
        """True where actions of one directory are handed over together (local work)."""
        ...

    @property
    def concurrency(self) -> int:
        """How many calls of `carry` may run at once."""
        ...

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        """Executes the actions and yields one outcome for each, as they end.

        They are of one verb. Where `batched`, their keys share a directory and their sources do, too; else it is one
        action, or, for deletions and directories, up to a thousand from anywhere, of which none depends on another.

        An action that cannot be done yields a failed outcome with its error; the iterator itself raises only where
        the whole run must end (a fatal error, a cancellation).
        """
        ...


@runtime_checkable
class CarriesRuns(Protocol):
    """Carriers that may take new files of one directory together, without an action for each."""

    @property
    def takes_runs(self) -> bool:
        """True where they do; else there are none."""
        ...

    def carry_run(self, creations: Creations, cancelled: Callable[[], bool]) -> tuple[Created | None, Sequence[Action]]:
        """What was carried together, and the actions that are still to be carried, by `carry`. Raises nothing."""
        ...
