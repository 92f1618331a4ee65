from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.engine.accounting import Errors
from plait.engine.events import Checking, Event, EventStream, Failed
from plait.engine.planning import decide
from plait.engine.protocols import Question
from plait.engine.records import from_record, pack, to_record, unpack
from plait.engine.spill import Spill
from plait.engine.steps import ListingFailed, Pair, Side
from plait.engine.workers import Cancellation
from plait.model.actions import Action, Verb
from plait.model.errors import CancelledError, FatalError, PermissionDeniedError, PlaitError, TemporaryError
from plait.model.items import Item, Kind, Posix, Stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.engine.steps import Step


def pair(key: str) -> Pair:
    return Pair(Item(key, Stat(Kind.FILE, 1)), None)


def action(key: str) -> Action:
    return Action(Verb.CREATE, key)


class Asking:
    """A planner that asks about some keys; the answer is one action."""

    def __init__(self, asks: Callable[[str], bool], answer: Callable[[str], list[Action]] | None = None) -> None:
        self._asks = asks
        self._answer = answer or (lambda key: [action(key)])

    def finish(self) -> Iterable[Action | Question]:
        return ()

    def plan(self, step: Step) -> Iterable[Action | Question]:
        if not isinstance(step, Pair) or step.source is None:
            return ()
        key = step.source.key
        return (Question(step, lambda: self._answer(key)),) if self._asks(key) else (action(key),)


class Decided:
    def __init__(self, planner: Asking, steps: Iterable[Step], *, ordered: bool = True, checkers: int = 4) -> None:
        self.events, self.seen = EventStream(), list[Event]()
        self.events.subscribe(self.seen.append)
        self.errors, self.cancellation = Errors(), Cancellation()
        decided = decide(
            steps, planner, self.events, self.errors, self.cancellation, checkers=checkers, ordered=ordered
        )
        self.actions: Iterator[Action] = (action for action in decided if isinstance(action, Action))

    def keys(self) -> list[str]:
        return [action.key for action in self.actions]


@pytest.mark.parametrize("ordered", [True, False])
def test_every_question_is_answered_once(*, ordered: bool) -> None:
    keys = [f"{number:04}" for number in range(500)]
    decided = Decided(Asking(lambda key: key[-1] in "378"), map(pair, keys), ordered=ordered)
    found = decided.keys()
    assert (found if ordered else sorted(found)) == keys
    asked = [event for event in decided.seen if isinstance(event, Checking)]
    assert len(asked) == 300
    assert sum(event.done for event in asked) == 150


def test_order_holds_when_answers_come_late() -> None:
    release = threading.Event()

    def answer(key: str) -> list[Action]:
        release.wait(10)
        return [action(key), action(key + "+")]

    def steps() -> Iterator[Step]:
        yield pair("a")
        yield pair("b?")
        yield pair("c")
        release.set()
        yield pair("d?")
        yield pair("e")

    decided = Decided(Asking(lambda key: key.endswith("?"), answer), steps())
    assert decided.keys() == ["a", "b?", "b?+", "c", "d?", "d?+", "e"]


def test_a_slow_answer_holds_nothing_up_where_order_does_not_matter() -> None:
    release = threading.Event()

    def answer(key: str) -> list[Action]:
        release.wait(10)
        return [action(key)]

    decided = Decided(Asking(lambda key: key == "slow", answer), map(pair, ["slow", "a", "b"]), ordered=False)
    assert next(decided.actions).key == "a"
    assert next(decided.actions).key == "b"
    release.set()
    assert decided.keys() == ["slow"]


def test_a_failed_answer_is_counted_and_the_plan_goes_on() -> None:
    def answer(key: str) -> list[Action]:
        raise TemporaryError("no answer", key=key)

    decided = Decided(Asking(lambda key: key == "b", answer), map(pair, "abc"))
    assert decided.keys() == ["a", "c"]
    assert decided.errors.count == 1
    assert not decided.errors.source_listing_failed
    assert [event.subject for event in decided.seen if isinstance(event, Failed)] == ["b"]


def test_a_fatal_answer_ends_the_plan() -> None:
    def answer(_key: str) -> list[Action]:
        raise FatalError("no common hash")

    decided = Decided(Asking(lambda key: key == "b", answer), map(pair, "abc"))
    with pytest.raises(FatalError):
        decided.keys()
    assert decided.errors.count == 1


def test_a_failed_listing_is_counted_and_told() -> None:
    error: PlaitError = PermissionDeniedError("no")
    steps: list[Step] = [pair("a"), ListingFailed(Side.DESTINATION, "d", error), pair("b")]
    decided = Decided(Asking(lambda _: False), steps)
    assert decided.keys() == ["a", "b"]
    assert (decided.errors.count, decided.errors.source_listing_failed) == (1, False)
    decided = Decided(Asking(lambda _: False), [ListingFailed(Side.SOURCE, "d", error)])
    assert decided.keys() == []
    assert decided.errors.source_listing_failed
    assert [event.subject for event in decided.seen if isinstance(event, Failed)] == ["d"]


def test_a_cancelled_plan_ends_at_once() -> None:
    hang = threading.Event()

    def answer(_key: str) -> list[Action]:
        hang.wait(30)
        return []

    decided = Decided(Asking(lambda key: key == "a", answer), map(pair, "abc"))
    threading.Timer(0.05, decided.cancellation.cancel).start()
    with pytest.raises(CancelledError):
        decided.keys()
    hang.set()


KEYS = st.text(st.characters(codec="utf-8") | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), min_size=1)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
POSIX = st.tuples(*[NUMBERS] * 9).map(lambda fields: Posix(*fields))
STATS = st.tuples(
    st.sampled_from(list(Kind)),
    st.none() | st.integers(0, 2**63 - 1),
    st.none() | NUMBERS,
    st.none() | NUMBERS,
    st.none() | st.text(st.characters(codec="utf-8")),
    st.dictionaries(st.sampled_from(["md5", "sha1"]), st.just("00ff")),
    st.none() | st.dictionaries(KEYS, KEYS, max_size=2),
    st.none() | st.just("text/plain"),
    st.none() | POSIX,
).map(lambda fields: Stat(*fields))
ITEMS = st.tuples(KEYS, STATS).map(lambda fields: Item(*fields))
ACTIONS = st.tuples(
    st.sampled_from(list(Verb)),
    KEYS,
    st.none() | ITEMS,
    st.none() | ITEMS,
    st.text(st.characters(codec="utf-8")),
    st.none() | KEYS,
).map(lambda fields: Action(*fields))


@given(ACTIONS)
def test_records_lose_nothing(action: Action) -> None:
    assert from_record(to_record(action)) == action
    assert unpack(pack(action)) == action


@given(st.lists(ACTIONS, max_size=8), st.integers(0, 4))
def test_a_spilled_sequence_is_the_sequence(actions: list[Action], in_memory: int) -> None:
    spill = Spill(in_memory)
    for one in actions:
        spill.append(one)
    assert len(spill) == len(actions)
    assert list(spill) == actions
    assert list(spill) == actions
    spill.close()
    assert list(spill) == []


def test_a_long_sequence_is_read_in_pieces() -> None:
    spill = Spill(10)
    for number in range(20_000):
        spill.append(action(f"{number:0100}"))
    assert [one.key for one in spill] == [f"{number:0100}" for number in range(20_000)]
    spill.close()
