"""Snapshots and packfiles are hidden and brought back again and again, and everybody sees the same of it.

The original applies the states of a repository parents first, and siblings in any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.repository.colouring import uncoloured
from plait.repository.format import states
from plait.repository.format.merging import Holdings, Lineage, last_words, order
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.format.states import End
from plait.repository.layout import Folder
from plait.repository.repository import Repository
from plait.repository.selection import Query
from plait.repository.syncing.settings import Direction, Outcome, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.repository.upkeep.publishing import colour, publish
from plait.repository.upkeep.survey import exclusive
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path


def seen(repository: Repository) -> list[Holdings]:
    """What the states add up to where siblings are applied from the oldest to the newest, and the other way round."""
    streams = {
        name: states.read(repository.files.read(key), repository.codec)
        for name, key in repository.writable_files.keys(Folder.STATES).items()
    }
    records = {name: list(found) for name, (_, found) in streams.items()}
    times = {name: next(record.timestamp for record in records[name] if isinstance(record, End)) for name in records}
    result = []
    for sign in (1, -1):
        holdings = Holdings()
        for name in order({name: Lineage(streams[name][0], sign * times[name]) for name in records}).names:
            holdings.apply(records[name])
        result.append(holdings)
    return result


def test_a_snapshot_is_removed_and_brought_back_time_and_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    settings = SyncSettings(remembers=False, processes=False)
    with Repository.create(MemoryStore(), None) as source, Repository.create(MemoryStore(), None) as peer:
        snapshot = source.backup([str(tmp_path)]).snapshot
        other = source.backup([str(tmp_path)]).snapshot

        def sync() -> int:
            run = Sync(source, peer, ("here", "there"), settings, lambda _: None)
            return run.run(Direction.TO, Query()).count(Outcome.COPIED)

        assert sync() == 2
        for _ in range(4):
            peer.remove([snapshot])
            assert [found.snapshots() for found in seen(peer)] == [[other]] * 2
            assert [found.identifier for found in peer.snapshots()] == [other]
            assert sync() == 1
            assert [found.snapshots() for found in seen(peer)] == [sorted((other, snapshot))] * 2
        # Nobody says more than is needed: four removals, four states that take one back.
        assert len(peer.writable_files.keys(Folder.STATES)) <= 10


def test_a_snapshot_that_was_brought_back_in_two_places_is_removed(tmp_path: Path) -> None:
    """Two syncs that brought it back at once: each below the same removal."""
    with Repository.create(MemoryStore(), None) as repository:
        snapshot = repository.backup([str(tmp_path)]).snapshot
        repository.remove([snapshot])
        with exclusive(repository, print) as lock:
            ((parent, record),) = uncoloured(repository.index, Resource.SNAPSHOT, snapshot)
            for _ in range(2):
                publish(repository, [record], lock, parent=parent)
        assert [found.snapshots() for found in seen(repository)] == [[snapshot]] * 2
        repository.remove([snapshot])
        assert [found.snapshots() for found in seen(repository)] == [[]] * 2


def test_a_packfile_is_coloured_and_needed_time_and_again(tmp_path: Path) -> None:
    with Repository.create(MemoryStore(), None) as repository:
        repository.backup([str(tmp_path)])
        packfile = min(repository.index.packfiles())
        with exclusive(repository, print) as lock:
            for _ in range(3):
                colour(repository, [(Resource.PACKFILE, packfile)], lock)
                assert not any(found.is_readable(packfile) for found in seen(repository))
                for state, record in uncoloured(repository.index, Resource.PACKFILE, packfile):
                    publish(repository, [record], lock, parent=state)
                assert all(found.is_readable(packfile) for found in seen(repository))


def test_the_last_words_of_a_circle() -> None:
    lineages = {b"a": Lineage(b"b", 1), b"b": Lineage(b"a", 2), b"c": Lineage(NO_MAC, 3), b"d": Lineage(b"c", 4)}
    assert last_words(lineages, {b"c", b"d"}) == {b"d"}
    assert last_words(lineages, {b"c"}) == {b"c"}
    assert last_words(lineages, {b"a"}) == {b"a"}
