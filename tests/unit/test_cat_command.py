"""`cat`: what gzip compressed is printed piece by piece."""

from __future__ import annotations

import gzip

import pytest

from plait.cli.commands.repository.contents import _decompressed


@pytest.mark.parametrize("size", [1000, 1 << 22])
def test_what_expands_a_thousandfold_is_never_in_memory_as_a_whole(size: int) -> None:
    plain = bytes(9_000_000)
    stream = gzip.compress(plain) + gzip.compress(b"a second member")
    pieces = list(_decompressed((stream[at : at + size] for at in range(0, len(stream), size)), "path"))
    assert b"".join(pieces) == plain + b"a second member"
    assert max(map(len, pieces)) <= 1 << 20
