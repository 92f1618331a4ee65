"""Removing snapshots: a state that colours them (format, section 12). Needs no lock, deletes no data."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from plait.model.errors import DirectoryNotFoundError
from plait.repository.colouring import coloured
from plait.repository.format import states
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.format.states import End
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.format.states import Coloured
    from plait.repository.repository import Repository


def remove(repository: Repository, snapshots: Sequence[bytes]) -> None:
    """As `Repository.remove`."""
    files = repository.writable_files
    files.refuse_replaced()
    repository.refresh()
    listed = set(repository.reader.snapshots())
    for snapshot in snapshots:
        if snapshot not in listed:
            raise DirectoryNotFoundError(f"the repository has no snapshot {snapshot.hex()}")
    if not snapshots:
        return
    now = time.time_ns()
    colours = coloured(repository.index, [(Resource.SNAPSHOT, snapshot) for snapshot in dict.fromkeys(snapshots)], now)
    below: dict[bytes, list[Coloured]] = {}
    if colours.now:
        below[repository.index.newest_state() or NO_MAC] = colours.now
    for state, record in colours.later:
        below.setdefault(state, []).append(record)
    for parent, records in below.items():
        name = os.urandom(states.NAME_SIZE)
        stream = states.write_stream(parent, records, End(now))
        files.put(Folder.STATES, name, states.write(stream, repository.codec))
        repository.index.add_state(name, stream)
