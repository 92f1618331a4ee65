from __future__ import annotations

import pytest

from plait.engine.events import (
    AttemptEnded,
    Carried,
    Checking,
    Compared,
    ComparedRun,
    Event,
    Failed,
    Finished,
    Listed,
    Planned,
    Started,
)
from plait.engine.executor import DRY_RUN, GATE_CLOSED
from plait.engine.statistics import Statistics
from plait.engine.steps import Side
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import CancelledError, FatalError, NoRetryError, PermissionDeniedError
from plait.model.items import Item, Kind, Page, Stat


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def statistics(clock: Clock) -> Statistics:
    return Statistics(clock)


def item(key: str, size: int = 10) -> Item:
    return Item(key, Stat(Kind.FILE, size))


def create(key: str, size: int = 10) -> Action:
    return Action(Verb.CREATE, key, item(key, size))


def tell(statistics: Statistics, *events: Event) -> None:
    for event in events:
        statistics(event)


def test_a_move_is_a_transfer_and_what_it_replaces_a_deletion(statistics: Statistics) -> None:
    new, over = create("new", 3), Action(Verb.REPLACE, "over", item("over", 4), item("over", 50))
    kept = Action(Verb.REPLACE, "kept", item("kept", 5), item("kept", 60))
    for action in (new, over, kept):
        where = "k/kept" if action is kept else None
        outcome = Outcome(action, Status.DONE, carried=action.size, kept=where, moved=True)
        tell(statistics, Planned(action), Finished(outcome))
    found = statistics.snapshot()
    assert (found.transfers, found.bytes, found.server_side_copies) == (3, 12, 0)
    # What is kept is moved, too.
    assert (found.renames, found.server_side_moves, found.server_side_move_bytes) == (4, 4, 12 + 60)
    assert (found.deletes, found.deleted_bytes, found.checks) == (1, 50, 2)


def test_listings_and_comparisons_are_counted(statistics: Statistics) -> None:
    page = Page.of("", [(name, Stat(Kind.FILE, 1, 1)) for name in "abc"])
    verdicts = [Compared(verdict) for verdict in "=*!+-"]
    tell(statistics, Listed(Side.SOURCE, 7), Listed(Side.DESTINATION, 4), ComparedRun(page), *verdicts)
    tell(statistics, Checking("k", 1, done=False))
    shot = statistics.snapshot()
    assert (shot.listed, shot.checks, shot.total_checks, shot.checking) == (11, 6, 7, ["k"])
    tell(statistics, Checking("k", 1, done=True))
    assert statistics.snapshot().checking == []


def test_a_transfer_is_counted_once_however_it_is_told(statistics: Statistics, clock: Clock) -> None:
    alone, batched = create("alone", 100), create("batched", 50)
    tell(statistics, Planned(alone), Planned(batched))
    assert (statistics.snapshot().total_bytes, statistics.snapshot().total_transfers) == (150, 2)
    tell(statistics, Started(alone), Carried(alone, 40), Carried(batched, 50))
    clock.now += 2
    shot = statistics.snapshot()
    assert (shot.bytes, shot.transfers) == (90, 0)
    assert [(live.name, live.bytes, live.size, live.percentage) for live in shot.transferring] == [
        ("alone", 40, 100, 40)
    ]
    tell(statistics, Finished(Outcome(batched, Status.DONE, carried=50)))
    tell(statistics, Finished(Outcome(alone, Status.DONE, carried=100)))
    shot = statistics.snapshot()
    assert (shot.bytes, shot.total_bytes, shot.transfers, shot.total_transfers) == (150, 150, 2, 2)
    assert shot.transferring == []
    assert shot.transfer_time == 2


def test_a_failed_transfer_leaves_the_totals(statistics: Statistics) -> None:
    action = create("a", 100)
    tell(statistics, Planned(action), Started(action), Carried(action, 30))
    tell(statistics, Finished(Outcome(action, Status.FAILED, error=PermissionDeniedError("no"))))
    shot = statistics.snapshot()
    assert (shot.transfers, shot.total_transfers, shot.bytes, shot.total_bytes) == (0, 0, 30, 30)
    assert (shot.errors, shot.last_error, shot.retry_error, shot.fatal_error) == (1, "no", True, False)


def test_a_dry_run_counts_as_if(statistics: Statistics) -> None:
    action, deletion = create("a", 100), Action(Verb.DELETE, "b", None, item("b", 7))
    gated = Action(Verb.DELETE, "c", None, item("c", 7))
    tell(statistics, Planned(action), Finished(Outcome(action, Status.SKIPPED, DRY_RUN)))
    tell(statistics, Finished(Outcome(deletion, Status.SKIPPED, DRY_RUN)))
    tell(statistics, Finished(Outcome(gated, Status.SKIPPED, GATE_CLOSED)))
    shot = statistics.snapshot()
    assert (shot.bytes, shot.transfers, shot.deletes, shot.deleted_bytes, shot.checks) == (100, 1, 1, 7, 1)


def test_deletions_renames_and_copies_of_the_store(statistics: Statistics) -> None:
    folder = Item("d", Stat(Kind.DIRECTORY))
    replaced = Action(Verb.REPLACE, "r", item("r", 2), item("r", 5))
    tell(
        statistics,
        Finished(Outcome(Action(Verb.DELETE, "a", None, item("a", 2)), Status.DONE, kept="backup/a")),
        Finished(Outcome(replaced, Status.DONE, kept="backup/r", carried=2)),
        Finished(Outcome(create("c", 9), Status.DONE, carried=9, server_side=True)),
        Finished(Outcome(Action(Verb.REMOVE_DIRECTORY, "d", None, folder), Status.DONE)),
        Finished(Outcome(Action(Verb.REMOVE_DIRECTORY, "e", None, folder), Status.SKIPPED)),
    )
    shot = statistics.snapshot()
    assert (shot.deletes, shot.deleted_bytes, shot.deleted_dirs, shot.renames, shot.checks) == (1, 2, 1, 2, 3)
    assert (shot.server_side_moves, shot.server_side_move_bytes) == (2, 7)
    assert (shot.server_side_copies, shot.server_side_copy_bytes) == (1, 9)


def test_errors_begin_anew_with_an_attempt(statistics: Statistics) -> None:
    tell(statistics, Failed(FatalError("f")), Failed(NoRetryError("n")))
    shot = statistics.snapshot()
    assert (shot.errors, shot.fatal_error, shot.retry_error, shot.last_error) == (2, True, False, "n")
    tell(statistics, AttemptEnded(1, 3, 2, None, again=False))
    assert statistics.snapshot().errors == 2
    tell(statistics, AttemptEnded(1, 3, 2, None, again=True))
    assert (statistics.snapshot().errors, statistics.snapshot().fatal_error) == (0, False)


def test_an_interrupted_transfer_is_no_error(statistics: Statistics) -> None:
    action = create("a")
    tell(statistics, Planned(action), Started(action))
    tell(statistics, Finished(Outcome(action, Status.FAILED, error=CancelledError("interrupted"))))
    assert (statistics.snapshot().errors, statistics.snapshot().transferring) == (0, [])


def test_speed_follows_the_last_seconds(statistics: Statistics, clock: Clock) -> None:
    action = create("a", 10_000)
    tell(statistics, Planned(action), Started(action))
    for _ in range(10):
        clock.now += 1
        tell(statistics, Carried(action, 100))
    shot = statistics.snapshot()
    assert shot.speed == pytest.approx(100)
    assert shot.eta == 90
    assert shot.transferring[0].eta == 90
    assert shot.transferring[0].speed == pytest.approx(100)
    for _ in range(60):
        clock.now += 1
        tell(statistics, Carried(action, 10))
    assert 9 < statistics.snapshot().speed < 11


def test_the_object_that_rclone_logs(statistics: Statistics) -> None:
    assert statistics.snapshot().rclone_fields() == {
        "bytes": 0,
        "checks": 0,
        "deletedDirs": 0,
        "deletes": 0,
        "elapsedTime": 0.0,
        "errors": 0,
        "eta": None,
        "fatalError": False,
        "listed": 0,
        "renames": 0,
        "retryError": False,
        "serverSideCopies": 0,
        "serverSideCopyBytes": 0,
        "serverSideMoveBytes": 0,
        "serverSideMoves": 0,
        "speed": 0.0,
        "totalBytes": 0,
        "totalChecks": 0,
        "totalTransfers": 0,
        "transferTime": 0.0,
        "transfers": 0,
    }
    tell(statistics, Started(create("a")), Failed(NoRetryError("n")))
    fields = statistics.snapshot().rclone_fields()
    assert fields["lastError"] == "n"
    assert fields["transferring"][0]["name"] == "a"


def test_the_source_that_a_move_deletes_is_a_deletion(statistics: Statistics) -> None:
    action = create("a", 7)
    tell(statistics, Planned(action), Finished(Outcome(action, Status.DONE, carried=7, source_deleted=True)))
    found = statistics.snapshot()
    assert (found.transfers, found.deletes, found.deleted_bytes, found.checks, found.renames) == (1, 1, 7, 1, 0)


def test_the_look_at_what_one_file_replaces_is_no_check(statistics: Statistics) -> None:
    tell(statistics, Compared("*", item("a"), item("a")))
    statistics.carry_one()
    tell(statistics, Compared("*", item("a"), item("a")))
    assert statistics.snapshot().checks == 1
