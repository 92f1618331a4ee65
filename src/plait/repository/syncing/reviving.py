"""A snapshot that was removed is listed again: what hides it is taken back.

The original applies the states of a repository parents first, and in no order otherwise; a state that it writes itself
has often no parent. So each record is taken back by a state of its own, whose parent is the state that has the record.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from plait.model.errors import IntegrityError
from plait.repository.colouring import uncoloured
from plait.repository.format import states
from plait.repository.format.resources import Resource
from plait.repository.format.states import Delete, End
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from plait.repository.locking import HeldLock
    from plait.repository.repository import Repository


def revive(peer: Repository, snapshot: bytes, header: bytes, lock: HeldLock) -> None:
    """Makes sure that a snapshot is listed, once, with this header, which is part of the repository already.

    Raises IntegrityError where it does not read back, and changes nothing then; LockLostError, and the store's errors.
    """
    index = peer.index
    kept = _packfile_of(peer, snapshot, header)
    if kept is None:
        raise IntegrityError(f"the header of snapshot {snapshot.hex()} that was written does not read back")
    known = index.packfiles()
    for state, record in uncoloured(index, Resource.SNAPSHOT, snapshot):
        _take_back(peer, state, record, lock)
    for state, place in list(index.headers_of(snapshot)):
        if place.packfile != kept and place.packfile in known:
            _take_back(peer, state, Delete.location(Resource.SNAPSHOT, snapshot, place.packfile), lock)


def is_there(peer: Repository, snapshot: bytes, header: bytes) -> bool:
    """Whether the repository has the snapshot with this header, listed or not."""
    return _packfile_of(peer, snapshot, header) is not None


def _packfile_of(peer: Repository, snapshot: bytes, header: bytes) -> bytes | None:
    blobs = peer.reader.blobs
    for place in peer.index.places(Resource.SNAPSHOT, snapshot):
        try:
            if blobs.decode(Resource.SNAPSHOT, snapshot, place, blobs.stored(place)) == header:
                return place.packfile
        except IntegrityError:
            continue
    return None


def _take_back(peer: Repository, state: bytes, record: Delete, lock: HeldLock) -> None:
    lock.check()
    name = os.urandom(states.NAME_SIZE)
    stream = states.write_stream(state, [record], End(time.time_ns()))
    peer.writable_files.put(Folder.STATES, name, states.write(stream, peer.codec))
    peer.index.add_state(name, stream)
