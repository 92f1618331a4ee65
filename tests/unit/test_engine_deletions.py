from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.engine.events import Finished, Message
from plait.engine.executor import GATE_CLOSED, NOT_DELETING_DIRECTORIES, NOT_DELETING_FILES, DeleteWhen
from plait.engine.steps import Side
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import DirectoryNotFoundError, FatalError, PermissionDeniedError
from plait.model.items import Kind
from plait.testing.executing import MIXED, Recorder, Run, create, delete, failing, item, remove, touch

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("when", [DeleteWhen.AFTER, DeleteWhen.DURING, DeleteWhen.BEFORE])
def test_what_must_come_later_comes_later(when: DeleteWhen, *, batched: bool) -> None:
    run = Run(Recorder(batched=batched), delete_when=when)
    result = run(MIXED)
    did = run.carrier.did()
    at = {key: place for place, key in enumerate(did)}
    assert sorted(did) == sorted(f"{action.verb} {action.key}" for action in MIXED)
    transfers = [at[f"create {key}"] for key in ("d/a", "d/e/b", "z")]
    deletions = [at["delete old"], at["delete x/y/z"]]
    removals = [at["remove directory x/y"], at["remove directory x"]]
    times = [at["touch directory d/e"], at["touch directory d"]]
    assert removals == sorted(removals)
    assert times == sorted(times)
    assert max(deletions) < min(removals)
    assert max(transfers + removals) < min(times)
    if when is DeleteWhen.BEFORE:
        assert max(removals) < min(transfers)
    elif when is DeleteWhen.AFTER:
        assert max(transfers) < min(deletions)
    assert result.done == {"create": 3, "delete": 2, "remove directory": 2, "touch directory": 2}
    assert (result.errors, result.error, result.may_retry, result.complete) == (0, None, False, True)
    assert (result.carried, result.deleted_size) == (3, 2)


@pytest.mark.parametrize("when", [DeleteWhen.DURING, DeleteWhen.BEFORE])
def test_nothing_is_deleted_while_the_source_is_not_listed(when: DeleteWhen) -> None:
    run = Run(Recorder(), delete_when=when)

    def plan() -> Iterator[Action]:
        yield delete("a")
        time.sleep(0.05)
        assert run.carrier.done == []
        yield delete("b")

    assert run(plan()).done == {"delete": 2}


def test_a_failed_transfer_keeps_everything() -> None:
    run = Run(Recorder(act=failing("z")), subject="there")
    result = run(MIXED)
    assert [key for key in run.carrier.did() if key.startswith(("delete", "remove"))] == []
    assert "touch directory d" in run.carrier.did()
    assert run.messages() == [NOT_DELETING_FILES, NOT_DELETING_DIRECTORIES]
    assert {event.subject for event in run.seen if isinstance(event, Message)} == {"there"}
    assert run.outcomes()["old"] == Outcome(MIXED[0], Status.SKIPPED, GATE_CLOSED)
    assert result.skipped == {"delete": 2, "remove directory": 2}
    assert result.failed == {"create": 1}
    assert (result.errors, result.may_retry) == (1, True)
    assert isinstance(result.error, PermissionDeniedError)


@pytest.mark.parametrize("when", [DeleteWhen.DURING, DeleteWhen.BEFORE])
def test_beside_or_before_transfers_only_the_listing_of_the_source_counts(when: DeleteWhen) -> None:
    run = Run(Recorder(act=failing("z")), delete_when=when)
    result = run(MIXED)
    assert result.done["delete"] == 2
    assert result.done.get("remove directory", 0) == (2 if when is DeleteWhen.BEFORE else 0)


@pytest.mark.parametrize("when", [DeleteWhen.AFTER, DeleteWhen.DURING, DeleteWhen.BEFORE])
@pytest.mark.parametrize("ignore", [False, True])
def test_an_error_in_the_listing_of_the_source_deletes_nothing_in_any_mode(when: DeleteWhen, *, ignore: bool) -> None:
    run = Run(Recorder(), delete_when=when, ignore_errors=ignore)

    def plan() -> Iterator[Action]:
        yield from MIXED[:5]
        run.errors.add(PermissionDeniedError("unreadable"), listing=Side.SOURCE)
        yield from MIXED[5:]

    result = run(plan())
    assert result.done.get("delete", 0) == (2 if ignore else 0)
    assert result.done.get("remove directory", 0) == (2 if ignore else 0)
    assert result.done["create"] == 3
    assert result.errors == 1


@pytest.mark.parametrize("when", [DeleteWhen.AFTER, DeleteWhen.DURING, DeleteWhen.BEFORE])
def test_a_listing_that_ended_early_deletes_nothing_even_with_ignore_errors(when: DeleteWhen) -> None:
    run = Run(Recorder(), delete_when=when, ignore_errors=True)

    def plan() -> Iterator[Action]:
        yield delete("a")
        yield remove("b")
        yield create("c")
        raise DirectoryNotFoundError("directory not found")

    result = run(plan())
    assert "delete" not in result.done
    assert "remove directory" not in result.done
    assert isinstance(result.error, DirectoryNotFoundError)
    assert not result.complete
    assert result.may_retry


def test_never_deletes_nothing_but_removes_the_emptied_directories_of_a_move() -> None:
    emptied = Action(Verb.REMOVE_SOURCE_DIRECTORY, "s", item("s", 0, Kind.DIRECTORY))
    moved = Action(Verb.DELETE_SOURCE, "b", item("b"))
    run = Run(Recorder(), delete_when=DeleteWhen.NEVER)
    result = run([create("a"), emptied, moved])
    assert result.done == {"create": 1, "delete source": 1, "remove source directory": 1}
    assert run.messages() == []
    run = Run(Recorder(act=failing("a")), delete_when=DeleteWhen.NEVER)
    result = run([create("a"), emptied, moved])
    assert result.done == {"delete source": 1}
    assert result.skipped == {"remove source directory": 1}
    assert run.messages() == ["not deleting directories as there were IO errors"]


def test_max_delete_lets_so_many_happen_and_then_ends_the_run() -> None:
    run = Run(Recorder(concurrency=2), max_delete=3)
    result = run([create("c"), *(delete(f"{number}") for number in range(6)), remove("d"), touch("t")])
    assert result.done == {"create": 1, "delete": 3}
    assert result.failed == {"delete": 1}
    assert isinstance(result.error, FatalError)
    assert str(result.error) == "--max-delete threshold reached"
    assert (result.errors, result.may_retry, result.cancelled) == (1, False, False)


def test_max_delete_size_counts_bytes_over_all_attempts() -> None:
    run = Run(Recorder(), max_delete_size=10)
    assert run([delete("a", 6)]).error is None
    result = run([delete("b", 4), delete("c", 1)])
    assert result.done == {"delete": 1}
    assert str(result.error) == "--max-delete-size threshold reached"


def test_remote_deletions_come_in_groups() -> None:
    carrier = Recorder(concurrency=4)
    Run(carrier)(delete(f"{number // 7}/{number}") for number in range(950))
    assert sorted(len(batch) for batch in carrier.batches) == [2, 237, 237, 237, 237]


def test_what_waits_goes_to_disk_and_comes_back_in_order() -> None:
    carrier = Recorder(batched=True, concurrency=1)
    keys = [f"\udcff/{number:06}" for number in range(25_000)]
    result = Run(carrier)(delete(key) for key in keys)
    assert result.done == {"delete": 25_000}
    assert [action.key for action in carrier.done] == keys
    assert carrier.done[-1] == delete(keys[-1])


KEYS = st.lists(st.sampled_from(["a", "b", "d", "d/a", "d/b", "d/e", "d/e/f", "z"]), unique=True)


@given(
    keys=KEYS,
    failed=st.frozensets(st.sampled_from(["a", "d/a", "d/e", "z"]), max_size=2),
    when=st.sampled_from(list(DeleteWhen)),
    batched=st.booleans(),
    unlisted=st.booleans(),
    ignore=st.booleans(),
    data=st.data(),
)
def test_whatever_is_planned_is_told_of_once_and_deleted_only_behind_the_gate(
    keys: list[str],
    failed: frozenset[str],
    when: DeleteWhen,
    *,
    batched: bool,
    unlisted: bool,
    ignore: bool,
    data: st.DataObject,
) -> None:
    make = st.sampled_from([create, delete, remove, touch])
    actions = [data.draw(make)(key) for key in keys]
    run = Run(Recorder(batched=batched, act=failing(*failed)), delete_when=when, ignore_errors=ignore)

    def plan() -> Iterator[Action]:
        yield from actions
        if unlisted:
            run.errors.add(PermissionDeniedError("unreadable"), listing=Side.SOURCE)

    result = run(plan())
    told = [event.outcome for event in run.seen if isinstance(event, Finished)]
    counted = sum(sum(counts.values()) for counts in (result.done, result.skipped, result.failed))
    did = run.carrier.did()
    failed_transfers = [action for action in actions if action.verb is Verb.CREATE and action.key in failed]
    assert sorted(outcome.action.key for outcome in told) == sorted(keys)
    assert counted == len(actions)
    assert result.errors == unlisted + sum(outcome.status is Status.FAILED for outcome in told)
    gated = unlisted or (when is DeleteWhen.AFTER and bool(failed_transfers))
    if when is DeleteWhen.NEVER or (gated and not ignore):
        assert not any(line.startswith("delete ") for line in did)
    else:
        wanted = [
            f"delete {action.key}" for action in actions if action.verb is Verb.DELETE and action.key not in failed
        ]
        assert sorted(line for line in did if line.startswith("delete ")) == sorted(wanted)
    if when is DeleteWhen.NEVER or (
        result.errors and not ignore and when is not DeleteWhen.BEFORE and (unlisted or failed_transfers)
    ):
        assert not any(line.startswith("remove ") for line in did)
