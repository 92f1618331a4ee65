"""Snapshots: the whole database as one file of level 9, streamed to a replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.ltx.names import Span
from plait.replication.ltx.writer import encode
from plait.replication.replica import Chunks

if TYPE_CHECKING:
    from plait.replication.capture.database import Database
    from plait.replication.ltx.plan import File
    from plait.replication.replica import Replica


def write_snapshot(database: Database, replica: Replica) -> File:
    """Store the database as of its newest transaction. Raises what the database's image and the replica raise."""
    with database.image() as (header, pages):
        span = Span(header.min_txid, header.max_txid)
        return replica.write(
            SNAPSHOT_LEVEL, span, lambda: Chunks(encode(header, pages())), None, header.timestamp, replace=True
        )
