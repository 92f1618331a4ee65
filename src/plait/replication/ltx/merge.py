"""Compaction: several LTX files that follow each other, as one; and the pages of a database from files that restore it.

A merge of ordered listings of pages, in which the latest file wins. Every file is read to its end and verified on the
way, so that nothing is certain before the last page was taken.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

from plait.model.errors import IntegrityError
from plait.replication.ltx.header import Header
from plait.replication.ltx.names import format_txid
from plait.replication.ltx.reader import PageOrder
from plait.replication.ltx.writer import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.replication.ltx.reader import Page, Reader


def merged_header(headers: Sequence[Header]) -> Header:
    """The header of the file that holds all of these, which are in the order of their transactions.

    Raises IntegrityError where they do not follow each other; they may overlap. ValueError for none at all.
    """
    if not headers:
        raise ValueError("there is no file to merge")
    for before, after in itertools.pairwise(headers):
        if after.page_size != before.page_size:
            raise IntegrityError(f"the page size changes from {before.page_size} to {after.page_size}")
        if after.min_txid > before.max_txid + 1:
            raise IntegrityError(
                f"non-contiguous ltx files: have up to {format_txid(before.max_txid)} "
                f"but next file starts at {format_txid(after.min_txid)}"
            )
        if after.max_txid <= before.max_txid:
            raise IntegrityError(
                f"ltx files are not in order: {format_txid(after.max_txid)} follows {format_txid(before.max_txid)}"
            )
    last = headers[-1]
    return Header(
        page_size=last.page_size,
        commit=last.commit,
        min_txid=min(header.min_txid for header in headers),
        max_txid=last.max_txid,
        timestamp=last.timestamp,
    )


def merged_pages(readers: Sequence[Reader]) -> Iterator[Page]:
    """The pages of the database that these files make, in ascending order, of each number that of the latest file.

    Pages beyond the final size of the database are left out. Raises IntegrityError where a file is wrong, and where a
    page is missing from files that hold every page.
    """
    header = merged_header([reader.header for reader in readers])
    order = PageOrder(header.page_size, header.commit, whole=header.is_snapshot)
    streams = [_ranked(reader, -rank) for rank, reader in enumerate(readers)]
    last = 0
    for number, _, data in heapq.merge(*streams):
        if number == last or number > header.commit:
            continue
        last = number
        fault = order.fault(number)
        if fault is not None:
            raise IntegrityError(fault)
        yield number, data
    fault = order.end_fault()
    if fault is not None:
        raise IntegrityError(fault)


def compact(readers: Sequence[Reader]) -> tuple[Header, Iterator[bytes]]:
    """One file that holds all of these: its header, and its bytes in chunks.

    Raises IntegrityError as `merged_header` does, and while the bytes are taken as `merged_pages` does; what was taken
    until then is no file.
    """
    header = merged_header([reader.header for reader in readers])
    return header, encode(header, merged_pages(readers))


def _ranked(reader: Reader, rank: int) -> Iterator[tuple[int, int, bytes]]:
    """Pages that sort by their number, and those of later files first."""
    for number, data in reader.pages():
        yield number, rank, data
