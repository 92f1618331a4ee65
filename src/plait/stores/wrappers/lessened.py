"""A store without abilities that a person does not want used, by rclone's names of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.stores.abilities import Renames
from plait.stores.copies import Copies, MovesBatches
from plait.stores.wrappers.base import Wrapper, wrapping

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from plait.stores.base import Store

PROTOCOLS: Final[Mapping[str, tuple[type, ...]]] = {"copy": (Copies,), "move": (Renames, MovesBatches)}
"""What is taken away, by a name in lower case. Whatever is not named here would change nothing but the way."""


class Lessened(Wrapper):
    """Passes everything on but what was taken away."""

    @property
    def reached_through(self) -> Store:
        """The inner store: content that is copied from here may come straight from it."""
        return self.inner


def lessened(store: Store, names: Collection[str]) -> Store:
    """The store without what the names, in lower case, stand for."""
    without = frozenset(protocol for name in names for protocol in PROTOCOLS.get(name, ()))
    return wrapping(Lessened, store, without)(store) if without else store
