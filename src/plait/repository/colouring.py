"""Colours, given and taken back so that nobody sees it otherwise.

The original applies the states of a repository parents first, and in no order otherwise. So what a state says of a
colour is changed by a state below it: where several have the last word, by one below each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from plait.repository.format.states import Coloured, Delete

if TYPE_CHECKING:
    from collections.abc import Collection

    from plait.repository.index import StoredIndex


class Colours(NamedTuple):
    """Records that colour: `now` by the next state, whose parent is the newest, `later` each below the one named."""

    now: list[Coloured]
    later: list[tuple[bytes, Coloured]]


def coloured(index: StoredIndex, blobs: Collection[tuple[int, bytes]], when: int) -> Colours:
    """What colours blobs, given by kind and identifier; `when` in nanoseconds since the epoch."""
    newest = index.newest_state()
    above = index.ancestors(newest) if newest is not None else set()
    result = Colours([], [])
    for blob, last in index.last_on_colours(blobs).items():
        record = Coloured(*blob, when)
        back = [state for state, colours in last.items() if not colours]
        if above.issuperset(back):
            result.now.append(record)
        else:
            result.later.extend((state, record) for state in back)
    return result


def uncoloured(index: StoredIndex, resource: int, mac: bytes) -> list[tuple[bytes, Delete]]:
    """What takes the colour of a blob back, each to be stored below the state that is named with it."""
    last = index.last_on_colours([(resource, mac)])[resource, mac]
    return [(state, Delete.colour(resource, mac)) for state, colours in last.items() if colours]
