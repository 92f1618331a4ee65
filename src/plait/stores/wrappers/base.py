"""What wrappers have in common: they pass every call on, and offer exactly the optional protocols of what they wrap.

A wrapper overrides `call` for what concerns every operation, and single methods for what concerns one. Its optional
methods come from mixins, chosen when it is made, so that `isinstance(store, Copies)` and the like tell the truth.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from plait.model.closing import Closing
from plait.stores.abilities import Directories, Leftovers, Renames, SetsAttributes
from plait.stores.base import PLAIN
from plait.stores.copies import Copies, CopiesBatches, MovesBatches
from plait.stores.hashing import Hashes, HashesParts
from plait.stores.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence

    from plait.model.items import Item, Page, Stat
    from plait.stores.base import Deleted, Features, Outgoing, PartHashes, Reader, Source, Store
    from plait.stores.copies import CopyRequest, CopyResult
    from plait.stores.parts import PartialWrite

T = TypeVar("T")
W = TypeVar("W", bound="Wrapper")
if TYPE_CHECKING:
    # `list` is a method in the classes below.
    Results = list[CopyResult]
    Moved = list[CopyResult | None]
    Carried = Callable[[CopyRequest, int], None]
    CopyBatch = Callable[[Sequence[CopyRequest], Carried | None], Results]


@runtime_checkable
class Transparent(Protocol):
    """Wrappers that a copy between two stores may reach through: they neither change content nor slow it down."""

    @property
    def reached_through(self) -> Store: ...


def unwrapped(store: Store) -> Store:
    """The store below all transparent wrappers."""
    while isinstance(store, Transparent):
        store = store.reached_through
    return store


def offered(store: Store, protocol: Callable[..., T]) -> T | None:
    """The store, or what it wraps, as one that offers a protocol which no wrapper passes on; None where none does."""
    layer: object = store
    while layer is not None and not isinstance(layer, cast("type[T]", protocol)):
        layer = getattr(layer, "inner", None)
    return layer


@runtime_checkable
class PassedOn(Protocol):
    """Partial writes round another one, which they pass parts on to."""

    @property
    def passed_to(self) -> PartialWrite: ...


def innermost(partial: PartialWrite) -> PartialWrite:
    """The partial write below all that pass its parts on."""
    while isinstance(partial, PassedOn):
        partial = partial.passed_to
    return partial


class Wrapper:
    """A store that passes every call on to `inner`; made by `wrap`, so that it has the right optional methods."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def features(self) -> Features:
        return self.inner.features

    @property
    def description(self) -> str:
        return self.inner.description

    @property
    def takes_batches(self) -> bool:
        """True where batches of copies go through."""
        return True

    def call(self, operation: str, key: str, run: Callable[[], T]) -> T:  # noqa: ARG002  (for those who override it)
        """Makes one call of the inner store; `operation` is the method's name."""
        return run()

    def call_rename(self, origin: str, key: str, run: Callable[[], None]) -> None:  # noqa: ARG002  (the base's signature; others need it)
        """Makes one call of the inner store's `rename`."""
        self.call("rename", origin, run)

    def call_copy(self, key: str, how: Outgoing, run: Callable[[], Stat]) -> Stat:  # noqa: ARG002  (the base's signature; others need it)
        """Makes one call of the inner store's `copy_from`."""
        return self.call("copy_from", key, run)

    def call_batch(self, requests: Sequence[CopyRequest], carried: Carried | None, run: CopyBatch) -> Results:
        """Makes one call of the inner store's `copy_batch`; `run` takes requests and `carried`."""
        return self.call("copy_batch", requests[0].key if requests else "", lambda: run(requests, carried))

    def partial(self, key: str, partial: PartialWrite) -> PartialWrite:  # noqa: ARG002  (for those who override it)
        """What `begin` returns."""
        return partial

    def peeled(self, source: Store) -> Store:
        """The store that the inner one is told to copy from when this one is told `source`."""
        return source

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        pages = self.inner.list(prefix, start_after, descend=descend)
        while (page := self.call("list", prefix, lambda: next(pages, None))) is not None:
            yield page

    def stat(self, key: str) -> Stat:
        return self.call("stat", key, lambda: self.inner.stat(key))

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        return self.call("read", key, lambda: self.inner.read(key, offset, length, expected=expected))

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        return self.call("write", key, lambda: self.inner.write(key, content, size, how))

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        results = self.inner.delete(keys)
        first = keys[0] if keys else ""
        while (result := self.call("delete", first, lambda: next(results, None))) is not None:
            yield result

    def close(self) -> None:
        self.inner.close()


class _WithRenames(Wrapper):
    def rename(self, origin: str, key: str, *, replace: bool = False, durable: bool = False) -> None:
        inner = cast("Renames", self.inner)
        self.call_rename(origin, key, lambda: inner.rename(origin, key, replace=replace, durable=durable))


class _WithCopies(Wrapper):
    def can_copy_from(self, source: Store) -> bool:
        return cast("Copies", self.inner).can_copy_from(self.peeled(source))

    def copy_from(self, source: Store, item: Item, key: str, how: Outgoing = PLAIN) -> Stat:
        inner = cast("Copies", self.inner)
        return self.call_copy(key, how, lambda: inner.copy_from(self.peeled(source), item, key, how))


class _WithSetsAttributes(Wrapper):
    def set_attributes(
        self, key: str, *, modified: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        inner = cast("SetsAttributes", self.inner)
        self.call("set_attributes", key, lambda: inner.set_attributes(key, modified=modified, metadata=metadata))


class _WithDirectories(Wrapper):
    def make_directory(self, key: str) -> None:
        inner = cast("Directories", self.inner)
        self.call("make_directory", key, lambda: inner.make_directory(key))

    def remove_directory(self, key: str) -> None:
        inner = cast("Directories", self.inner)
        self.call("remove_directory", key, lambda: inner.remove_directory(key))


class _WithHashes(Wrapper):
    def hash(self, key: str, name: str, *, expected: Stat | None = None) -> str | None:
        inner = cast("Hashes", self.inner)
        return self.call("hash", key, lambda: inner.hash(key, name, expected=expected))


class _WithHashesParts(Wrapper):
    def hash_parts(
        self, key: str, name: str, part_size: int, *, expected: Stat, cancelled: Callable[[], bool]
    ) -> PartHashes | None:
        inner = cast("HashesParts", self.inner)
        return self.call(
            "hash_parts", key, lambda: inner.hash_parts(key, name, part_size, expected=expected, cancelled=cancelled)
        )


class _WithCopiesBatches(Wrapper):
    def can_copy_batches_from(self, source: Store) -> bool:
        return self.takes_batches and cast("CopiesBatches", self.inner).can_copy_batches_from(self.peeled(source))

    def copy_batch(
        self,
        source: Store,
        requests: Sequence[CopyRequest],
        how: Outgoing,
        cancelled: Callable[[], bool],
        carried: Carried | None = None,
    ) -> Results:
        inner = cast("CopiesBatches", self.inner)

        def run(some: Sequence[CopyRequest], told: Carried | None) -> Results:
            return inner.copy_batch(self.peeled(source), some, how, cancelled, told)

        return self.call_batch(requests, carried, run)


class _WithMovesBatches(Wrapper):
    def can_move_from(self, source: Store) -> bool:
        return cast("MovesBatches", self.inner).can_move_from(self.peeled(source))

    def move_batch(
        self, source: Store, requests: Sequence[CopyRequest], how: Outgoing, cancelled: Callable[[], bool]
    ) -> Moved:
        inner = cast("MovesBatches", self.inner)
        first = requests[0].key if requests else ""
        return self.call("move_batch", first, lambda: inner.move_batch(self.peeled(source), requests, how, cancelled))


class _WithParts(Wrapper):
    def begin(self, key: str, size: int, how: Outgoing = PLAIN) -> PartialWrite:
        inner = cast("Parts", self.inner)
        return self.partial(key, self.call("begin", key, lambda: inner.begin(key, size, how)))


class _WithLeftovers(Wrapper):
    def remove_leftovers(self) -> Iterator[Deleted]:
        inner = cast("Leftovers", self.inner)
        return self.call("remove_leftovers", "", inner.remove_leftovers)


_OPTIONAL: tuple[tuple[type[Any], type[Wrapper]], ...] = (
    (Renames, _WithRenames),
    (Copies, _WithCopies),
    (SetsAttributes, _WithSetsAttributes),
    (Directories, _WithDirectories),
    (Hashes, _WithHashes),
    (HashesParts, _WithHashesParts),
    (CopiesBatches, _WithCopiesBatches),
    (MovesBatches, _WithMovesBatches),
    (Parts, _WithParts),
    (Leftovers, _WithLeftovers),
)


def wrapping(kind: type[W], inner: Store, without: Collection[type] = ()) -> type[W]:
    """The class that is `kind` and offers the optional protocols of `inner`, but for some.

    It is made once for each combination.
    """
    mixins = tuple(mixin for protocol, mixin in _OPTIONAL if isinstance(inner, protocol) and protocol not in without)
    return cast("type[W]", _combined(cast("Hashable", kind), mixins))


@cache
def _combined(kind: Any, mixins: tuple[type[Wrapper], ...]) -> type[Wrapper]:
    return type(kind.__name__, (*mixins, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__})


class WrappedReader(Closing):
    """A reading round another one, `_reader`, that is closed with it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.stat = reader.stat

    def close(self) -> None:
        """Closes the reading under way."""
        self._reader.close()


class WrappedPartial:
    """An item in parts round another one, `_partial`."""

    def __init__(self, partial: PartialWrite) -> None:
        self._partial = partial

    @property
    def passed_to(self) -> PartialWrite:
        """What the calls go to."""
        return self._partial

    @property
    def part_size(self) -> int:
        """As the store's, in bytes."""
        return self._partial.part_size
