"""Maintenance: what is used stays, what is not goes in time, and nothing goes while something is not known."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import BusyError, IntegrityError
from plait.repository.format import entries, locks
from plait.repository.format.locks import Lock
from plait.repository.format.resources import Resource
from plait.repository.format.states import Coloured, Delete
from plait.repository.layout import Folder
from plait.repository.repository import Repository
from plait.repository.syncing.reviving import revive
from plait.repository.upkeep.maintenance import MaintenanceSettings, Steps, decide, maintain
from plait.repository.upkeep.publishing import publish
from plait.repository.upkeep.repacking import RepackSettings, repack
from plait.repository.upkeep.survey import Share, Survey, exclusive, survey
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore
from plait.testing.repositories import (
    THOROUGH,
    WITHOUT_GRACE,
    contents,
    is_whole,
    lived_in,
    orphan,
    save,
    stored,
    wait_for_the_clock,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = 24 * 3600 * 10**9


def test_what_nothing_needs_is_coloured_then_swept(repository: Repository) -> None:
    expected = lived_in(repository)
    before = stored(repository)
    first = maintain(repository, WITHOUT_GRACE)
    assert first.steps.colour
    assert not first.freed
    assert stored(repository) == before
    assert contents(repository) == expected
    wait_for_the_clock()
    second = maintain(repository, WITHOUT_GRACE)
    assert second.steps == Steps(sweep=first.steps.colour)
    assert second.freed == first.scheduled > 0
    assert stored(repository) == before - set(first.steps.colour)
    assert contents(repository) == expected
    assert is_whole(repository)
    assert maintain(repository, WITHOUT_GRACE).steps == Steps()


def test_the_grace_counts_from_the_colouring(repository: Repository) -> None:
    lived_in(repository)
    maintain(repository, WITHOUT_GRACE)
    wait_for_the_clock()
    waiting = maintain(repository, MaintenanceSettings(grace=DAY))
    assert waiting.steps == Steps()
    assert waiting.scheduled > 0


def test_a_dry_run_changes_nothing_and_says_what_would_be_freed(repository: Repository, store: MemoryStore) -> None:
    lived_in(repository)
    before = {page.prefix + name for page in store.list("") for name in page.names}
    plan = maintain(repository, MaintenanceSettings(grace=0, dry_run=True))
    assert plan.steps.colour
    assert plan.scheduled == sum(plan.sizes[name] for name in plan.steps.colour)
    assert repack(repository, RepackSettings(threshold=1.0, dry_run=True)).moved
    assert {page.prefix + name for page in store.list("") for name in page.names} == before


def test_files_are_kept_where_that_is_asked_for_and_go_the_next_time(repository: Repository) -> None:
    expected = lived_in(repository)
    before = stored(repository)
    maintain(repository, WITHOUT_GRACE)
    wait_for_the_clock()
    kept = maintain(repository, MaintenanceSettings(grace=0, deletes=False))
    assert kept.steps.sweep
    assert not kept.freed
    assert stored(repository) == before
    assert maintain(repository, WITHOUT_GRACE).steps == Steps(finish=kept.steps.sweep)
    assert stored(repository) == before - set(kept.steps.sweep)
    assert contents(repository) == expected


def test_a_coloured_packfile_that_is_needed_again_is_taken_back(repository: Repository) -> None:
    expected = lived_in(repository)
    found = survey(repository)
    name = next(name for name in found.shares if found.is_used(name))
    with exclusive(repository, print) as lock:
        publish(repository, [Coloured(Resource.PACKFILE, name, 1)], lock)
    assert maintain(repository, MaintenanceSettings(grace=DAY)).steps.uncolour == (name,)
    assert contents(repository) == expected
    with Repository.open(repository.writable_files.store) as again:
        assert contents(again) == expected


def test_a_removed_snapshot_takes_nothing_with_it_that_others_need(repository: Repository) -> None:
    save(repository, {"a": b"a" * 50_000, "b": os.urandom(50_000)})
    save(repository, {"a": b"a" * 50_000})
    expected = contents(repository)
    repository.remove([save(repository, {"a": b"a" * 50_000, "c": os.urandom(50_000)})])
    for _ in range(3):
        maintain(repository, WITHOUT_GRACE)
        wait_for_the_clock()
    assert contents(repository) == expected
    assert is_whole(repository)


def test_extended_attributes_and_lists_are_needed(tmp_path: Path) -> None:
    """The original does not count the values of attributes, and sweeps a packfile that holds nothing else."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"content")
    os.setxattr(source / "file", "user.note", b"a value" * 500)
    with Repository.create(LocalStore(tmp_path / "repository"), None) as repository:
        snapshot = repository.snapshot(repository.backup([source]).snapshot)
        maintain(repository, WITHOUT_GRACE)
        needed = survey(repository).chosen
        attribute = next(iter(snapshot.xattrs()))
        assert attribute.object + bytes((Resource.OBJECT,)) in needed
        assert set(survey(repository).chosen) == {
            mac + bytes((resource,)) for resource, mac in set(repository.index.blobs())
        }


def test_packfiles_of_dead_runs_go_and_those_of_running_ones_stay(repository: Repository) -> None:
    expected = lived_in(repository)
    maintain(repository, MaintenanceSettings(grace=DAY))
    old, young = orphan(repository, 2 * DAY), orphan(repository, DAY // 2)
    steps = maintain(repository, MaintenanceSettings(grace=DAY)).steps
    assert (steps.orphans, steps.young) == ((old,), (young,))
    wait_for_the_clock()
    swept = maintain(repository, WITHOUT_GRACE).steps
    assert old in swept.sweep
    assert swept.orphans == (young,)
    assert old not in stored(repository)
    assert contents(repository) == expected


def test_a_packfile_that_cannot_be_read_stops_nothing(repository: Repository) -> None:
    """The original gives up where a packfile that no state names is damaged."""
    lived_in(repository)
    repository.writable_files.put(Folder.PACKFILES, b"\x07" * 32, b"no packfile")
    steps = maintain(repository, MaintenanceSettings(grace=DAY)).steps
    assert steps.colour
    assert steps.young == (b"\x07" * 32,)


def test_temporary_files_and_locks_are_named(tmp_path: Path) -> None:
    place = tmp_path / "repository"
    names = ["tmp.1", "packfiles/tmp.123", "states/tmp.9", f"locks/{'ab' * 32}.tmp.x1", f"states/ab/{'ab' * 32}.tmp.77"]
    with Repository.create(LocalStore(place), None) as repository:
        for name in names:
            (place / name).write_bytes(b"half")
            os.utime(place / name, (1, 1))
        (place / "tmp.2").write_bytes(b"being written")
        (place / "packfiles" / "notes.txt").write_bytes(b"somebody's")
        stale = Lock(timestamp=time.time_ns() - 3600 * 10**9, host="gone", exclusive=True)
        files = repository.writable_files
        files.put(Folder.LOCKS, b"\x01" * 32, locks.write(stale, repository.codec))
        plan = maintain(repository, MaintenanceSettings(dry_run=True))
        assert {file.key for file in plan.temporary} == {*names, "tmp.2"}
        assert [(lock.host, lock.is_stale) for lock in plan.locks] == [("gone", True)]
        os.utime(place / files.key(Folder.LOCKS, b"\x01" * 32), (1, 1))
        maintain(repository, MaintenanceSettings())
        left = {path.name for path in place.rglob("*") if path.is_file()}
        assert left == {"CONFIG", "tmp.2", "notes.txt"}


def test_a_writer_elsewhere_keeps_maintenance_out(repository: Repository) -> None:
    lived_in(repository)
    lock = Lock(timestamp=time.time_ns(), host="elsewhere", exclusive=False)
    repository.writable_files.put(Folder.LOCKS, b"\x02" * 32, locks.write(lock, repository.codec))
    works: list[Callable[[], object]] = [
        lambda: maintain(repository, WITHOUT_GRACE),
        lambda: repack(repository, THOROUGH),
    ]
    for work in works:
        with pytest.raises(BusyError, match="elsewhere"):
            work()
    assert not [mac for kind, mac in repository.index.colours() if kind == Resource.PACKFILE]


def test_nothing_is_removed_while_it_is_not_known_what_is_needed(repository: Repository) -> None:
    lived_in(repository)
    found = survey(repository)
    used = next(name for name in found.shares if found.is_used(name))
    repository.writable_files.remove(Folder.PACKFILES, [used])
    works: list[Callable[[], object]] = [
        lambda: maintain(repository, WITHOUT_GRACE),
        lambda: repack(repository, THOROUGH),
    ]
    for work in works:
        with pytest.raises(IntegrityError) as caught:
            work()
        assert "repair" in (caught.value.hint or "")


def test_decisions() -> None:
    share = {bytes((number,)): Share(number % 2, 10, 100) for number in range(6)}
    found = Survey(tuple(share), {}, share, dict.fromkeys([*share, b"s", b"o", b"y", b"w"], 100))
    steps = decide(
        found,
        {b"\0": 5, b"\1": 5, b"\2": 50, b"s": 5, b"g": 5},
        frozenset((b"w", b"g")),
        {b"o": 5, b"y": 50},
        [],
        cutoff=10,
    )
    assert steps == Steps(
        colour=(b"\4",), orphans=(b"o",), young=(b"y",), uncolour=(b"\1",), sweep=(b"\0", b"s"), finish=(b"w",)
    )


def test_what_no_state_names_stays_while_something_is_lost() -> None:
    """What is lost may be in it, whether a maintenance coloured it already or not."""
    shares = {b"n": Share(0, 10, 100)}
    found = Survey((b"n",), {}, shares, dict.fromkeys((b"n", b"c", b"o"), 100), lost=1)
    steps = decide(found, {b"n": 5, b"c": 5}, frozenset(), {b"o": 5}, [], cutoff=10)
    assert steps == Steps(sweep=(b"n",), young=(b"o",))
    nothing_lost = Survey((b"n",), {}, shares, found.sizes)
    assert decide(nothing_lost, {b"n": 5, b"c": 5}, frozenset(), {b"o": 5}, [], cutoff=10) == Steps(
        sweep=(b"c", b"n"), orphans=(b"o",)
    )


def test_a_colour_is_taken_back_by_a_state_below_the_one_that_gave_it(repository: Repository) -> None:
    """The original applies parents first, and else in any order."""
    lived_in(repository)
    found = survey(repository)
    name = next(name for name in found.shares if found.is_used(name))
    with exclusive(repository, print) as lock:
        colouring = publish(repository, [Coloured(Resource.PACKFILE, name, 1)], lock)
        publish(repository, [Delete.colour(Resource.SNAPSHOT, b"\x09" * 32)], lock)
    maintain(repository, WITHOUT_GRACE)
    names = repository.writable_files.keys(Folder.STATES)
    parents = {
        repository.codec.decode(repository.codec.unwrap(repository.files.read(key), Resource.STATE, 1 << 30)[1])[:32]
        for key in names.values()
    }
    assert colouring in parents


def test_a_snapshot_keeps_its_header_where_the_new_one_does_not_read_back(repository: Repository) -> None:
    expected = lived_in(repository)
    (snapshot, *_) = expected
    states = repository.writable_files.keys(Folder.STATES)
    with exclusive(repository, lambda _: None) as lock, pytest.raises(IntegrityError, match="does not read back"):
        revive(repository, snapshot, b"another header, which is not stored", lock)
    assert repository.writable_files.keys(Folder.STATES) == states
    assert contents(repository) == expected


def test_an_entry_that_cannot_be_understood_keeps_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    read = entries.read

    def understood(plain: bytes) -> entries.Entry:
        if b"strange" in plain:
            raise IntegrityError("an entry of a snapshot has an impossible name")
        return read(plain)

    with Repository.create(MemoryStore(), None) as repository:
        save(repository, {"strange": b"a content of its own", "usual": b"another"})
        monkeypatch.setattr(entries, "read", understood)
        with pytest.raises(IntegrityError, match="impossible name"):
            survey(repository)
