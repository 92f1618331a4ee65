"""What the mirror's planner makes of the steps of a merge."""

from collections.abc import Iterator

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


def test_links_and_special_files_are_left_alone_aloud() -> None:
    link, pipe = file("l", kind=Kind.SYMLINK), file("p", kind=Kind.SPECIAL)
    steps: list[Step] = [Pair(link, None), Pair(pipe, None), Pair(None, link), Pair(None, pipe)]
    loud = Planned(settings(deletes=True), steps)
    assert loud.lines == []
    assert (
        loud.messages
        == [
            "l: Can't follow symlink without -L/--copy-links",
            "p: Can't transfer non file/directory",
        ]
        * 2
    )
    assert Planned(settings(deletes=True, skip_links=True, skip_specials=True), steps).messages == []
    kept: list[Step] = [Pair(link, None), Pair(None, file("m", kind=Kind.SYMLINK))]
    assert Planned(settings(deletes=True, links=True), kept).lines == ["create l", "delete m"]


def test_a_link_in_the_way_of_a_new_file_is_replaced_knowingly() -> None:
    link = file("l", kind=Kind.SYMLINK)
    planned = Planned(settings(), [Pair(file("l"), link)])
    assert planned.verdicts == ["+ l"]
    assert [(action.verb, action.destination) for action in planned.actions] == [(Verb.REPLACE, link)]


def test_new_items_go_into_the_matched_directory_whatever_its_spelling() -> None:
    steps = tree([Pair(file("e\u0301/x"), None)], directory("e\u0301"), directory("\u00e9"))
    assert Planned(settings(), steps).lines == ["create \u00e9/x", "touch directory \u00e9"]


def test_duplicates_are_reported() -> None:
    planned = Planned(settings(), [Duplicate(Side.SOURCE, file("a")), Duplicate(Side.DESTINATION, directory("b"))])
    assert planned.messages == [
        "a: Duplicate object found in source - ignoring",
        "b: Duplicate directory found in destination - ignoring",
    ]
