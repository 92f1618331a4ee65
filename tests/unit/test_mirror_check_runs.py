"""A check that compares runs of files: what is counted and told of each."""

from __future__ import annotations

from plait.engine.accounting import Errors
from plait.engine.events import Compared, ComparedRun, Event
from plait.engine.protocols import Question
from plait.engine.steps import Same
from plait.mirror.check import RUN, Checker, Runs
from plait.model.errors import PlaitError, StoreError
from plait.model.items import Item, Kind, Page, Stat


def page(names: list[str]) -> Page:
    return Page.of("d/", [(name, Stat(Kind.FILE, 3, 5)) for name in names])


def test_each_file_of_a_run_is_told_by_itself() -> None:
    told: list[Event] = []
    failed: list[tuple[str, str]] = []

    def by_reading(ours: Item, theirs: Item) -> str:
        assert ours.key == theirs.key
        if ours.key == "d/unreadable":
            raise StoreError("cannot be read", key=ours.key)
        return ""

    def fail(error: PlaitError, key: str) -> None:
        failed.append((error.message, key))

    names = ["equal", "other", "large", "unreadable", "small"]
    runs = Runs(lambda _, __: [True, False, None, None, True], fail)
    checker = Checker("one", "two", by_reading, told.append, one_way=False, runs=runs)
    [question] = checker.plan(Same(page(names), page(names)))
    assert isinstance(question, Question)
    assert question.answer() == ()
    [run] = [event for event in told if isinstance(event, ComparedRun)]
    assert list(run.page.names) == ["equal", "small"]
    compared = [(event.verdict, event.source.key) for event in told if isinstance(event, Compared) and event.source]
    assert compared == [("*", "d/other"), ("=", "d/large"), ("!", "d/unreadable")]
    assert failed == [("cannot be read", "d/unreadable")]
    result = checker.result(Errors())
    assert (result.matches, result.differences) == (3, 1)


def test_a_long_run_is_shared_out() -> None:
    asked: list[int] = []

    def equal(ours: Page, theirs: Page) -> list[bool | None]:
        assert ours.names == theirs.names
        asked.append(len(ours))
        return [True] * len(ours)

    names = [f"{number:05}" for number in range(2 * RUN + 1)]
    checker = Checker(
        "one",
        "two",
        lambda _, __: "",
        lambda _: None,
        one_way=False,
        runs=Runs(equal, lambda _, __: None),
    )
    for question in checker.plan(Same(page(names), page(names))):
        assert isinstance(question, Question)
        question.answer()
    assert asked == [RUN, RUN, 1]
    assert checker.result(Errors()).matches == len(names)
