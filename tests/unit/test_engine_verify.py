"""`--verify`: what was written is read back, and a store that keeps something else is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.engine.transfer import Transfer, TransferSettings
from plait.model.errors import IntegrityError
from plait.stores.base import Outgoing
from plait.stores.content import BytesReader
from plait.stores.memory import MemoryStore
from plait.testing.store_tools import get, items, put

if TYPE_CHECKING:
    from plait.model.items import Stat


class Forgetful(MemoryStore):
    """Says that all is well, and gives back other bytes of the same number."""

    def read(
        self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None
    ) -> BytesReader:
        with super().read(key, offset, length, expected=expected) as reader:
            return BytesReader(bytes(len(reader.read())), reader.stat)


def carry(destination: MemoryStore, *, verify: bool) -> None:
    source = MemoryStore()
    put(source, "file", b"content")
    transfer = Transfer(source, destination, TransferSettings(verify=verify), cancelled=lambda: False)
    transfer.carry(items(source)[0], "file", Outgoing(), lambda _: None)


def test_a_store_that_keeps_other_bytes_is_found_out_by_reading_back() -> None:
    carry(Forgetful(), verify=False)
    with pytest.raises(IntegrityError, match="corrupted on transfer"):
        carry(Forgetful(), verify=True)


def test_a_store_that_keeps_what_it_got_passes() -> None:
    store = MemoryStore()
    carry(store, verify=True)
    assert get(store, "file") == b"content"
