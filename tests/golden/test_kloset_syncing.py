"""What the original saved goes to a peer with another key and back, and is the original's to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from plait.engine.workers import Cancellation
from plait.repository.checking.checking import check
from plait.repository.format import btrees, entries, wire
from plait.repository.format.resources import Resource
from plait.repository.layout import Folder
from plait.repository.repository import NewRepository, Repository
from plait.repository.selection import Query
from plait.repository.syncing.learning import Lesson, learn
from plait.repository.syncing.pairs import Pairs
from plait.repository.syncing.settings import Direction, Outcome, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.golden.conftest import Golden

    from plait.repository.syncing.settings import SyncEvent, SyncResult


def sync(source: Repository, peer: Repository, settings: SyncSettings | None = None) -> SyncResult:
    events: list[SyncEvent] = []
    result = Sync(source, peer, ("here", "there"), settings or SyncSettings(), events.append).run(Direction.TO, Query())
    assert not result.count(Outcome.FAILED), events
    return result


@pytest.mark.parametrize(
    "kind",
    [NewRepository(), NewRepository(hashing="SHA256", compression=None)],
    ids=["blake3-lz4", "sha256-plain"],
)
def test_there_and_back_again(golden: Golden, original: Repository, kind: NewRepository) -> None:
    with (
        Repository.create(MemoryStore(), None, kind) as peer,
        Repository.open(golden.store("CONFIG"), golden.passphrase) as back,
    ):
        sync(original, peer)
        sync(peer, back)
        lost = set(back.reader.snapshots()) - set(original.reader.snapshots())
        # The state of one was never written, but everything else of it was.
        assert len(lost) == (golden.name == "interrupted")
        for identifier in original.reader.snapshots():
            saved, copied = original.snapshot(identifier).header, back.snapshot(identifier).header
            if golden.name == "xattr-change" and saved.name == "after":
                # An entry of the original's index has no blob of its own kind there.
                assert copied.timestamp == saved.timestamp
                continue
            assert wire.encode(copied) == wire.encode(saved)
        for repository in (peer, back):
            snapshots = [(repository.snapshot(name), "/") for name in repository.reader.snapshots()]
            checked = check(repository.reader, repository.files, snapshots)
            assert not any(found.failed for found in checked.snapshots)


def test_a_second_sync_has_nothing_to_do(original: Repository) -> None:
    with Repository.create(MemoryStore(), None) as peer:
        count = sync(original, peer).count(Outcome.COPIED)
        assert count >= len(original.reader.snapshots())
        states = peer.files.keys(Folder.STATES)
        assert sync(original, peer).count(Outcome.PRESENT) == count
        assert peer.files.keys(Folder.STATES) == states


def test_what_the_original_synced_is_complete_and_teaches(goldens: Callable[[str], Golden], tmp_path: Path) -> None:
    plain, synced = goldens("plain"), goldens("synced-peer")
    with (
        plain.opened() as source,
        synced.opened() as peer,
    ):
        states = peer.files.keys(Folder.STATES)
        for one, other in ((source, peer), (peer, source)):
            assert sync(one, other).count(Outcome.PRESENT) == 3
        assert peer.files.keys(Folder.STATES) == states
        for identifier in source.reader.snapshots():
            ours, theirs = source.snapshot(identifier).header, peer.snapshot(identifier).header
            assert replace(ours, duration=0, sources=()) == replace(theirs, duration=0, sources=())
        first = source.snapshot(source.reader.snapshots()[0])
        pairs = Pairs(tmp_path, b"plain", b"synced")
        learn(source.reader, peer, pairs, Lesson(first.header, (first.identifier,)), Cancellation())
        learned = 0
        for _, mac in source.reader.items(btrees.VFS, (first.header.sources or ())[0].root.root):
            entry = entries.read(source.reader.blob(Resource.VFS_ENTRY, mac))
            copy = pairs.get(Resource.OBJECT, entry.object)
            if copy is not None:
                assert b"".join(source.reader.content(entry.object)) == b"".join(peer.reader.content(copy))
                learned += 1
        pairs.close()
    # Of the others most are short.
    assert learned >= 3
