"""A tree whose values change has the nodes that it would have if it were grown anew."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.repository.format import btrees


def mac(data: bytes) -> bytes:
    return sha256(data).digest()


def grown(kind: btrees.Kind, items: dict[str, bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    """The node at the top, and all nodes."""
    nodes = {stored.mac: stored.plain for stored in btrees.grow(kind, items.items(), mac)}
    *_, last = btrees.grow(kind, items.items(), mac)
    return btrees.read_root(last.plain).root, nodes


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([btrees.VFS, btrees.ERRORS, btrees.INDEX, btrees.CONTENT_TYPES]),
    st.integers(1, 3000),
    st.lists(st.integers(0, 2999), max_size=6),
)
def test_changed_values(kind: btrees.Kind, count: int, changed: list[int]) -> None:
    pick = random.Random(count)
    paths = [
        "/" + "/".join(str(pick.randrange(9)) for _ in range(pick.randrange(1, 5))) + f"/{n}" for n in range(count)
    ]
    items = {path: pick.randbytes(32) for path in paths}
    top, nodes = grown(kind, items)
    changes = {paths[n % count]: pick.randbytes(32) for n in changed}
    found = list(btrees.replaced(kind, top, changes, lambda name: btrees.read_node(nodes[name]), mac))
    wanted, all_nodes = grown(kind, items | changes)
    assert (found[-1].mac if found else top) == wanted
    assert {stored.mac: stored.plain for stored in found}.items() <= all_nodes.items()
    assert all_nodes.keys() - nodes.keys() - {stored.mac for stored in found} <= {list(all_nodes)[-1]}


def test_a_key_that_is_not_there() -> None:
    items = {f"/{number}": bytes(32) for number in range(500)}
    top, nodes = grown(btrees.VFS, items)
    with pytest.raises(KeyError):
        list(btrees.replaced(btrees.VFS, top, {"/x": bytes(32)}, lambda name: btrees.read_node(nodes[name]), mac))
