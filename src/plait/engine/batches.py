"""Groups transfers by directory, for carriers that take a directory's worth at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.model.actions import Action

MOST_ACTIONS = 256
MOST_BYTES = 64 << 20


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
        source = "" if action.source is None else action.source.key.rpartition("/")[0]
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
