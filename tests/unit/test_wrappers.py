from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.model.values.bandwidths import parse_bandwidths
from plait.stores.abilities import Directories, Leftovers, Renames, SetsAttributes
from plait.stores.base import Store
from plait.stores.copies import Copies, CopiesBatches, MovesBatches
from plait.stores.hashing import Hashes
from plait.stores.local import LocalStore
from plait.stores.memory import MemoryStore
from plait.stores.parts import Parts
from plait.stores.wrappers.base import unwrapped
from plait.stores.wrappers.fault import Script, faulty
from plait.stores.wrappers.limits import Limiter, limited
from plait.stores.wrappers.retry import retrying
from plait.testing.conformance import StoreConformance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPTIONAL = (Renames, Copies, SetsAttributes, Directories, Hashes, CopiesBatches, MovesBatches, Parts, Leftovers)
WRAPPERS: dict[str, Callable[[Store], Store]] = {
    "retry": retrying,
    "limits": lambda store: limited(store, Limiter(parse_bandwidths("10G"), requests=1e9), requests=True),
    "fault": lambda store: faulty(store, Script()),
    "all": lambda store: retrying(limited(faulty(store, Script()), Limiter())),
}


@pytest.fixture(params=WRAPPERS)
def wrap(request: pytest.FixtureRequest) -> Callable[[Store], Store]:
    return WRAPPERS[request.param]


class TestAroundALocalStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path, wrap: Callable[[Store], Store]) -> Store:
        (tmp_path / "root").mkdir()
        return wrap(LocalStore(tmp_path / "root"))


class TestAroundAMemoryStore(StoreConformance):
    @pytest.fixture
    def store(self, wrap: Callable[[Store], Store]) -> Store:
        return wrap(MemoryStore(part_size=100_000))


def test_offers_exactly_what_is_wrapped(tmp_path: Path, wrap: Callable[[Store], Store]) -> None:
    for inner in (LocalStore(tmp_path), MemoryStore()):
        store = wrap(inner)
        assert isinstance(store, Store)
        assert [isinstance(store, kind) for kind in OPTIONAL] == [isinstance(inner, kind) for kind in OPTIONAL]
        assert store.features == inner.features
        assert store.description == inner.description


def test_only_what_changes_nothing_is_reached_through() -> None:
    inner = MemoryStore()
    assert unwrapped(retrying(retrying(inner))) is inner
    for store in (limited(inner, Limiter()), faulty(inner, Script())):
        assert unwrapped(store) is store


def test_copies_between_wrapped_and_plain_stores() -> None:
    inner = MemoryStore()
    plain = MemoryStore(inner.space, "below")
    wrapped = retrying(plain)
    assert isinstance(wrapped, Copies)
    assert wrapped.can_copy_from(inner)
    assert wrapped.can_copy_from(retrying(inner))
    assert plain.can_copy_from(retrying(inner))
    assert not plain.can_copy_from(faulty(inner, Script()))
    torn = faulty(plain, Script())
    assert isinstance(torn, Copies)
    assert torn.can_copy_from(faulty(inner, Script()))
