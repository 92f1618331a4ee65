"""Groups and divides transfers, for carriers that take a directory's worth at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.model.actions import Action, Creations

MOST_ACTIONS = 256
MOST_BYTES = 64 << 20
ALONE = 1 << 20
"""From this size on, an item is told as started by itself, and is no part of a run."""


class Batches:
    """Collects actions and hands on batches of one verb, whose keys share a directory and whose sources do, too.

    A batch ends with its directory, at `MOST_ACTIONS`, or at `MOST_BYTES`.
    """

    def __init__(self, hand_on: Callable[[Sequence[Action]], bool]) -> None:
        self._hand_on = hand_on
        self._directory = ""
        self._groups: dict[tuple[str, str], list[Action]] = {}
        self._sizes: dict[tuple[str, str], int] = {}

    def add(self, action: Action) -> bool:
        """Takes an action; False where what was handed on was not taken."""
        directory = action.key.rpartition("/")[0]
        taken = True
        if directory != self._directory:
            taken = self.flush()
            self._directory = directory
        origin = action.origin or ("" if action.source is None else action.source.key)
        source = origin.rpartition("/")[0]
        group = action.verb, source
        actions = self._groups.setdefault(group, [])
        actions.append(action)
        size = self._sizes.get(group, 0) + action.size
        if len(actions) < MOST_ACTIONS and size < MOST_BYTES:
            self._sizes[group] = size
            return taken
        del self._groups[group]
        self._sizes.pop(group, None)
        return self._hand_on(actions) and taken

    def flush(self) -> bool:
        """Hands on what was collected; False where it was not taken."""
        groups, self._groups = self._groups, {}
        self._sizes.clear()
        return all(self._hand_on(actions) for actions in groups.values())


def divided(creations: Creations) -> Iterator[Creations | Action]:
    """The creations in runs of the size of a batch, and files that are too large for a run by themselves."""
    sizes = creations.sizes()
    if 0 < len(sizes) <= MOST_ACTIONS and max(sizes) < ALONE and sum(sizes) <= MOST_BYTES:
        yield creations
        return
    start = total = 0
    for row, size in enumerate(sizes):
        alone = size >= ALONE
        if row > start and (alone or row - start == MOST_ACTIONS or total + size > MOST_BYTES):
            yield creations.slice(start, row)
            start, total = row, 0
        if alone:
            yield creations.action(row)
            start = row + 1
        else:
            total += size
    if start < len(sizes):
        yield creations.slice(start, len(sizes))
