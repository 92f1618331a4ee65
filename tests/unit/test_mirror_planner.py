"""What the mirror's planner makes of the steps of a merge."""

from collections.abc import Iterator
from typing import Any

import pytest

from plait.engine.events import Compared, ComparedRun, Event, Message
from plait.engine.protocols import Question
from plait.engine.steps import Duplicate, Leave, Pair, Same, Side, Step
from plait.mirror.comparison import ComparisonSettings, HashAnswer
from plait.mirror.planner import MirrorPlanner, PlannerSettings
from plait.model.actions import Action, Verb
from plait.model.errors import NoRetryError, PermissionDeniedError
from plait.model.items import Item, Kind, Page, Stat

NOW = 1_700_000_000_000_000_000
WITH_HASH = ComparisonSettings(common_hash="md5")


def file(key: str, size: int = 1, modified: int | None = NOW, kind: Kind = Kind.FILE) -> Item:
    return Item(key, Stat(kind, size, modified))


def directory(key: str, modified: int = NOW) -> Item:
    return Item(key, Stat(Kind.DIRECTORY, None, modified))


class Known:
    """Look-ups with fixed answers."""

    def __init__(self, hashes: HashAnswer | Exception = HashAnswer.EQUAL, modified: int = NOW) -> None:
        self.answer = hashes
        self.modified = modified

    def times(self, source: Item, destination: Item) -> tuple[Stat, Stat]:
        del destination
        return source.stat, Stat(Kind.FILE, source.size, self.modified)

    def hashes(self, source: Item, destination: Item) -> HashAnswer:
        del source, destination
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Planned:
    """The actions of a series of steps as short lines, and the events."""

    def __init__(self, settings: PlannerSettings, steps: list[Step], lookups: Known | None = None) -> None:
        self.events: list[Event] = []
        self.planner = MirrorPlanner(settings, lookups or Known(), self.events.append)
        self.actions = [action for step in steps for action in self._actions(step)]

    def _actions(self, step: Step) -> Iterator[Action]:
        for planned in self.planner.plan(step):
            found = planned.answer() if isinstance(planned, Question) else (planned,)
            yield from (action for action in found if isinstance(action, Action))

    @property
    def lines(self) -> list[str]:
        return [f"{action.verb} {action.key}" for action in self.actions]

    @property
    def verdicts(self) -> list[str]:
        return [
            f"{event.verdict} {(event.source or event.destination or file('')).key}"
            for event in self.events
            if isinstance(event, Compared)
        ]

    @property
    def messages(self) -> list[str]:
        return [f"{event.subject}: {event.text}" for event in self.events if isinstance(event, Message)]


def settings(comparison: ComparisonSettings | None = None, **more: Any) -> PlannerSettings:
    return PlannerSettings(comparison=comparison or ComparisonSettings(), **more)


def test_new_extra_different_and_equal_files() -> None:
    steps: list[Step] = [
        Pair(file("a"), None),
        Pair(None, file("b")),
        Pair(file("c", 1), file("c", 2)),
        Pair(file("d"), file("d")),
    ]
    sync = Planned(settings(deletes=True), steps)
    assert sync.lines == ["create a", "delete b", "replace c"]
    assert sync.verdicts == ["+ a", "- b", "* c", "= d"]
    copy = Planned(settings(), steps)
    assert copy.lines == ["create a", "replace c"]
    assert copy.verdicts == sync.verdicts


def test_actions_tell_what_both_sides_were() -> None:
    source, destination = file("c", 1), file("c", 2)
    [action] = Planned(settings(), [Pair(source, destination)]).actions
    assert (action.source, action.destination, action.reason) == (source, destination, "sizes differ")


def test_a_time_alone_is_set_where_the_hash_is_equal() -> None:
    steps: list[Step] = [Pair(file("a", 1, NOW), file("a", 1, NOW - 5))]
    equal = Planned(settings(WITH_HASH), steps)
    assert (equal.lines, equal.verdicts) == (["touch a"], ["= a"])
    different = Planned(settings(WITH_HASH), steps, Known(HashAnswer.DIFFERENT))
    assert (different.lines, different.verdicts) == (["replace a"], ["* a"])


def test_a_time_that_the_listing_lacks_is_looked_up() -> None:
    steps: list[Step] = [Pair(file("a"), file("a", modified=None))]
    assert Planned(settings(times_in_listing=False), steps).lines == []
    assert Planned(settings(times_in_listing=False), steps, Known(modified=NOW - 9)).lines == ["replace a"]


def test_a_hash_that_cannot_be_read_is_an_error_of_its_file() -> None:
    planner = Planned(settings(WITH_HASH), [])
    planner.planner = MirrorPlanner(settings(WITH_HASH), Known(PermissionDeniedError("no")), planner.events.append)
    [question] = planner.planner.plan(Pair(file("a", 1, NOW), file("a", 1, NOW - 5)))
    assert isinstance(question, Question)
    with pytest.raises(PermissionDeniedError):
        question.answer()
    assert planner.verdicts == ["! a"]


def test_immutable_refuses_a_change_without_a_retry() -> None:
    planner = Planned(settings(ComparisonSettings(immutable=True)), [])
    [question] = planner.planner.plan(Pair(file("a", 1), file("a", 2)))
    assert isinstance(question, Question)
    with pytest.raises(NoRetryError, match="immutable file modified"):
        question.answer()
    assert planner.verdicts == ["* a"]
    assert Planned(settings(ComparisonSettings(immutable=True)), [Pair(file("b"), None)]).lines == ["create b"]


def test_runs_of_equal_files_cost_one_event() -> None:
    page = Page.of("d/", [("x", file("x").stat), ("y", file("y").stat)])
    same = Planned(settings(), [Pair(directory("d"), directory("d")), Same(page, page)])
    assert same.lines == []
    assert [event.page for event in same.events if isinstance(event, ComparedRun)] == [page]


def tree(inner: list[Step], source: Item | None, destination: Item | None) -> list[Step]:
    pair = Pair(source, destination)
    return [pair, *inner, Leave(pair)]


def test_only_directories_with_a_selected_file_are_made() -> None:
    empty = tree([], directory("d"), None)
    assert Planned(settings(), empty).lines == []
    assert Planned(settings(create_empty=True), empty).lines == ["make directory d", "touch directory d"]
    deep = tree(tree([Pair(file("d/e/f"), None)], directory("d/e"), None), directory("d"), None)
    assert Planned(settings(), deep).lines == ["create d/e/f", "touch directory d/e", "touch directory d"]
    assert Planned(settings(directories=False, directory_times=False, create_empty=True), empty).lines == []


def test_directories_without_a_source_go_deepest_first() -> None:
    steps = tree(tree([Pair(None, file("d/e/f"))], None, directory("d/e")), None, directory("d"))
    assert Planned(settings(deletes=True), steps).lines == [
        "delete d/e/f",
        "remove directory d/e",
        "remove directory d",
    ]
    assert Planned(settings(), steps).lines == []


def test_a_directory_that_was_not_listed_to_its_end_stays() -> None:
    pair = Pair(None, directory("d"))
    assert Planned(settings(deletes=True), [pair, Leave(pair, complete=False)]).lines == []


def times(
    source: int, destination: int, inner: list[Step], comparison: ComparisonSettings | None = None, **more: bool
) -> list[str]:
    steps = tree(inner, directory("d", source), directory("d", destination))
    return [line for line in Planned(settings(comparison, deletes=True, **more), steps).lines if "touch" in line]


def test_directory_times_are_set_where_they_differ_or_will() -> None:
    touched = ["touch directory d"]
    assert times(NOW, NOW, []) == []
    assert times(NOW, NOW - 1, []) == touched
    assert times(NOW, NOW, [Pair(file("d/f"), None)]) == touched
    assert times(NOW, NOW, [Pair(None, file("d/f"))]) == touched
    assert times(NOW, NOW, [Pair(file("d/f"), file("d/f"))]) == []
    assert times(NOW, NOW - 1, [], compare_directory_times=False) == []
    assert times(NOW, NOW - 1, [], ComparisonSettings(update=True)) == touched
    assert times(NOW, NOW + 1, [], ComparisonSettings(update=True)) == []
    assert times(NOW, NOW, [], ComparisonSettings(ignore_times=True)) == touched
    assert times(NOW, NOW - 1, [], ComparisonSettings(window=None)) == []


def test_directory_time_waits_for_the_questions_about_its_files() -> None:
    pair = Pair(directory("d"), directory("d"))
    inner = Pair(file("d/f", 1, NOW), file("d/f", 1, NOW - 5))
    for hashes, expected in ((HashAnswer.EQUAL, []), (HashAnswer.DIFFERENT, [Verb.TOUCH_DIRECTORY])):
        planner = MirrorPlanner(settings(WITH_HASH), Known(hashes), lambda _: None)
        questions = [question for step in (pair, inner, Leave(pair)) for question in planner.plan(step)]
        answers = [list(question.answer()) for question in questions if isinstance(question, Question)]
        assert [action.verb for action in answers[-1]] == expected


def test_a_move_takes_away_what_is_right_already() -> None:
    page = Page.of("", [("x", file("x").stat)])
    steps: list[Step] = [Same(page, page), Pair(file("a"), file("a")), Pair(file("b"), None), Pair(None, file("c"))]
    assert Planned(settings(moves=True), steps).lines == ["delete source x", "delete source a", "create b"]
    kept = Planned(settings(ComparisonSettings(ignore_existing=True), moves=True), steps)
    assert kept.lines == ["create b"]
    steps = tree([], directory("d"), None)
    assert Planned(settings(moves=True, empties_source=True), steps).lines == ["remove source directory d"]


def test_what_is_no_file_is_left_alone_aloud() -> None:
    pipe = file("p", kind=Kind.SPECIAL)
    planned = Planned(settings(deletes=True), [Pair(pipe, None), Pair(None, pipe), Pair(file("q"), pipe)])
    assert planned.lines == ["create q"]
    assert planned.messages == ["p: Can't transfer non file/directory"] * 3


def test_new_items_go_into_the_matched_directory_whatever_its_spelling() -> None:
    steps = tree([Pair(file("e\u0301/x"), None)], directory("e\u0301"), directory("\u00e9"))
    assert Planned(settings(), steps).lines == ["create \u00e9/x", "touch directory \u00e9"]


def test_duplicates_are_reported() -> None:
    planned = Planned(settings(), [Duplicate(Side.SOURCE, file("a")), Duplicate(Side.DESTINATION, directory("b"))])
    assert planned.messages == [
        "a: Duplicate object found in source - ignoring",
        "b: Duplicate directory found in destination - ignoring",
    ]


def test_below_the_depth_to_which_the_source_is_listed_nothing_is_extra() -> None:
    inner: list[Step] = [Pair(None, file("d/x")), *tree([Pair(None, file("d/e/y"))], None, directory("d/e"))]
    steps = [*tree(inner, directory("d"), directory("d")), *tree([Pair(None, file("g/z"))], None, directory("g"))]
    deep = PlannerSettings(comparison=ComparisonSettings(), deletes=True, max_depth=1)
    assert Planned(deep, steps).lines == ["delete g/z", "remove directory g"]
