"""Duplicating a snapshot: the same content under a new identifier, as if it were saved now."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import msgspec

from plait.repository.events import Begun, Ended, Warned, Work, silent
from plait.repository.format import wire
from plait.repository.format.headers import Header, Identity
from plait.repository.format.resources import Resource
from plait.repository.locking import HeldLock
from plait.repository.writing import Writer

if TYPE_CHECKING:
    from plait.repository.events import Listener
    from plait.repository.repository import Repository


def duplicate(repository: Repository, snapshot: bytes, *, listener: Listener = silent) -> Header:
    """Adds a snapshot that is equal to a listed one, but for its identifier and its time; its header.

    A signature is not taken over: it is of the other one. Raises DirectoryNotFoundError for a snapshot that is not
    listed, IntegrityError for one whose header cannot be read, BusyError, LockLostError, and the store's errors.
    """
    began = time.monotonic_ns()
    files, index = repository.writable_files, repository.index
    identifier = os.urandom(32)
    original = repository.snapshot(snapshot).header
    target = next((source.importer.directory for source in original.sources or ()), "")
    listener(Begun(Work.BACKUP, identifier, target))
    with (
        HeldLock(
            files,
            repository.codec,
            identifier,
            is_listed=lambda name: name in index.snapshots(),
            told=lambda text: listener(Warned(text)),
        ) as lock,
        Writer(
            files, repository.codec, index, lock, packfile_size=repository.configuration.packfile.max_size
        ) as writer,
    ):
        # Held from here on: what the snapshot needs is in use, unless it was removed a moment ago.
        repository.refresh()
        original = repository.snapshot(snapshot).header
        header = msgspec.structs.replace(
            original,
            identifier=identifier,
            timestamp=time.time_ns(),
            duration=time.monotonic_ns() - began,
            identity=Identity(),
        )
        writer.publish(last=(Resource.SNAPSHOT, identifier, wire.encode(header)))
    took = time.monotonic_ns() - began
    listener(Ended(Work.BACKUP, identifier, 0, took, 0, writer.written, target=target))
    return header
