"""From steps to actions: asks the planner, answers its questions on workers, and keeps account of what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.engine.accounting import Errors
    from plait.engine.events import EventStream
    from plait.engine.protocols import Planner
    from plait.engine.steps import Step
    from plait.engine.workers import Cancellation
    from plait.model.actions import Action


def decide(
    steps: Iterable[Step],
    planner: Planner,
    events: EventStream,
    errors: Errors,
    cancellation: Cancellation,
    *,
    checkers: int = 8,
    ordered: bool = True,
) -> Iterator[Action]:
    """The actions of a plan.

    Questions are answered by `checkers` workers; with `ordered` their actions keep the question's place, else they come
    as soon as they are known (the executor needs no order). A failed listing or answer goes into `errors` and the
    stream goes on.
    """
    raise NotImplementedError
