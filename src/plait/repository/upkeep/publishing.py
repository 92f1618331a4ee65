"""States of upkeep: a few records, published at once."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from plait.repository.format import states
from plait.repository.format.resources import NO_MAC
from plait.repository.format.states import End
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plait.repository.format.states import Writable
    from plait.repository.locking import HeldLock
    from plait.repository.repository import Repository


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
