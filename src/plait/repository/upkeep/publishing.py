"""States of upkeep: a few records, published at once."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from plait.repository.colouring import coloured
from plait.repository.format import states
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.format.states import Delete, End
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from plait.repository.format.states import Writable
    from plait.repository.index import StoredIndex
    from plait.repository.locking import HeldLock
    from plait.repository.repository import Repository


class TakenBack(NamedTuple):
    """Places of snapshots' headers that are worth nothing any more: taken back by the next state, and by later ones.

    `later`: each by a state of its own, below the one that is named with it.
    """

    now: list[Delete]
    later: list[tuple[bytes, Delete]]


def taken_back(index: StoredIndex, moved: Iterable[tuple[bytes, bytes]]) -> TakenBack:
    """What takes back the places of headers, given as snapshot and packfile.

    The original lists a snapshot once for each place of its header. It has read the ancestors of a state before the
    state, and any others in any order.
    """
    newest = index.newest_state()
    above = index.ancestors(newest) if newest is not None else set()
    result = TakenBack([], [])
    for snapshot, packfile in moved:
        record = Delete.location(Resource.SNAPSHOT, snapshot, packfile)
        givers = [state for state, given in index.headers_of(snapshot) if given.packfile == packfile]
        if above.issuperset(givers):
            result.now.append(record)
        else:
            result.later.extend((state, record) for state in givers)
    return result


def publish(repository: Repository, records: Iterable[Writable], lock: HeldLock, parent: bytes | None = None) -> bytes:
    """Stores a state of so many records, in the original's order; its name.

    `parent`: the state whose records it takes back, which the original has to know first; by default the newest.
    Raises LockLostError, and the store's errors.
    """
    lock.check()
    name = os.urandom(states.NAME_SIZE)
    above = parent or repository.index.newest_state() or NO_MAC
    stream = states.write_stream(above, records, End(time.time_ns()))
    repository.writable_files.put(Folder.STATES, name, states.write(stream, repository.codec))
    repository.index.add_state(name, stream)
    return name


def colour(repository: Repository, blobs: Collection[tuple[int, bytes]], lock: HeldLock) -> None:
    """Colours blobs, given by kind and identifier. Raises as `publish`."""
    colours = coloured(repository.index, blobs, time.time_ns())
    if colours.now:
        publish(repository, colours.now, lock)
    for state, record in colours.later:
        publish(repository, [record], lock, parent=state)
