"""The compression function of Whirlpool, in C and in Python."""

from types import ModuleType

import pytest

EMPTY = (
    "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a7"
    "3e83be698b288febcf88e3e03c4f0757ea8964e59b63d93708b138cc42a66eb3"
)
"""The hash of nothing, a test vector of the standard."""


def test_the_hash_of_nothing(implementation: ModuleType) -> None:
    assert implementation.whirlpool(bytes(64), b"\x80" + bytes(63)).hex() == EMPTY


def test_blocks_go_on_from_the_state_before(implementation: ModuleType) -> None:
    data = bytes(range(256)) * 2
    state = bytes(64)
    for start in range(0, len(data), 64):
        state = implementation.whirlpool(state, memoryview(data)[start : start + 64])
    assert implementation.whirlpool(bytes(64), data) == state


@pytest.mark.parametrize(("chain", "data"), [(b"", b""), (bytes(63), bytes(64)), (bytes(64), bytes(65))])
def test_whole_blocks_only(implementation: ModuleType, chain: bytes, data: bytes) -> None:
    with pytest.raises(ValueError, match="64 bytes each"):
        implementation.whirlpool(chain, data)
