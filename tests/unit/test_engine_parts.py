"""What becomes of an item in parts that was interrupted: left for the next run, or forgotten."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import msgspec
import pytest

from plait.engine.transfer import Transfer, TransferSettings
from plait.model.errors import (
    CancelledError,
    IntegrityError,
    NoSpaceError,
    PermissionDeniedError,
    PlaitError,
    TemporaryError,
)
from plait.model.items import Item, Kind, Stat
from plait.stores.base import Outgoing
from plait.stores.hashing import CombinedHash
from plait.stores.local import LocalStore
from plait.stores.local.parts import PART_CUTOFF, PART_SIZE
from plait.stores.memory import MemorySpace, MemoryStore
from plait.testing.generators import content

if TYPE_CHECKING:
    from pathlib import Path

    from plait.stores.content import BytesReader

SIZE = PART_CUTOFF + 3
FAILS_AT = PART_CUTOFF


class Failing(MemoryStore):
    """Holds one large object of which one part cannot be read."""

    def __init__(self, error: PlaitError | None) -> None:
        super().__init__(MemorySpace())
        self.error = error
        self.asked: list[int] = []

    def read(
        self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None
    ) -> BytesReader:
        self.asked.append(offset)
        if self.error is not None and offset == FAILS_AT:
            raise self.error
        return super().read(key, offset, length, expected=expected)


def filled(error: PlaitError | None) -> Failing:
    store = Failing(error)
    store.write("large", io.BytesIO(bytes(SIZE)), SIZE, Outgoing(modified=1))
    return store


def carry(source: Failing, root: Path) -> None:
    transfer = Transfer(source, LocalStore(root), TransferSettings(streams=2, tries=1), cancelled=lambda: False)
    transfer.carry(Item("large", source.stat("large")), "large", Outgoing(), lambda _: None)


@pytest.mark.parametrize("error", [TemporaryError("gone for a moment"), CancelledError("interrupted")])
def test_after_a_passing_fault_the_next_one_goes_on(tmp_path: Path, error: PlaitError) -> None:
    source = filled(error)
    with pytest.raises(type(error)):
        carry(source, tmp_path)
    [partial] = tmp_path.iterdir()
    assert partial.name.endswith(".partial")
    source.error = None
    source.asked.clear()
    carry(source, tmp_path)
    assert len(source.asked) < FAILS_AT // PART_SIZE
    assert FAILS_AT in source.asked
    assert [path.name for path in tmp_path.iterdir()] == ["large"]
    assert (tmp_path / "large").read_bytes() == bytes(SIZE)


@pytest.mark.parametrize("error", [PermissionDeniedError("no"), IntegrityError("wrong"), NoSpaceError("full")])
def test_after_what_another_try_would_meet_again_nothing_is_left(tmp_path: Path, error: PlaitError) -> None:
    with pytest.raises(type(error)):
        carry(filled(error), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_listed_item_that_is_another_one_now_is_not_begun(tmp_path: Path) -> None:
    source = filled(None)
    listed = Item("large", Stat(Kind.FILE, SIZE, modified=2))
    transfer = Transfer(source, LocalStore(tmp_path), TransferSettings(streams=2), cancelled=lambda: False)
    with pytest.raises(PlaitError, match="source file is being updated"):
        transfer.carry(listed, "large", Outgoing(), lambda _: None)
    assert not list(tmp_path.iterdir())


HASHED = 5 << 20
BUSY = "busy"


class InParts(MemoryStore):
    """Holds one large object that came in parts, and says of it what it is told to."""

    def __init__(self, combined: str, md5: str) -> None:
        super().__init__(MemorySpace())
        self.combined = combined
        self.md5 = md5

    def stat(self, key: str) -> Stat:
        return msgspec.structs.replace(super().stat(key), hashes={"md5": self.md5})

    def combined_hash(self, key: str, stat: Stat) -> CombinedHash:
        assert (key, stat.hashes) == ("large", {"md5": self.md5})
        if self.combined == BUSY:
            raise TemporaryError("slow down")
        return CombinedHash("md5", HASHED, self.combined)


def md5(*pieces: bytes) -> hashlib._Hash:
    return hashlib.md5(b"".join(pieces), usedforsecurity=False)


LARGE = content(SIZE)
COMBINED = md5(*(md5(LARGE[start : start + HASHED]).digest() for start in range(0, SIZE, HASHED))).hexdigest()


@pytest.mark.parametrize(
    ("combined", "whole", "right"),
    [
        (COMBINED, md5(LARGE).hexdigest(), True),
        # One that fits is enough: the whole is hashed only where the parts are not as they were said to be.
        (COMBINED, "0" * 32, True),
        ("0" * 32, md5(LARGE).hexdigest(), True),
        (BUSY, md5(LARGE).hexdigest(), True),
        (BUSY, "0" * 32, False),
        ("0" * 32, "0" * 32, False),
    ],
)
def test_a_hash_of_the_parts_or_of_the_whole_proves_what_arrived(
    tmp_path: Path, combined: str, whole: str, *, right: bool
) -> None:
    source = InParts(combined, whole)
    source.write("large", io.BytesIO(LARGE), SIZE, Outgoing(modified=1))
    transfer = Transfer(source, LocalStore(tmp_path), TransferSettings(streams=3), cancelled=lambda: False)
    item = Item("large", Stat(Kind.FILE, SIZE, modified=1))
    if right:
        transfer.carry(item, "large", Outgoing(), lambda _: None)
        assert (tmp_path / "large").read_bytes() == LARGE
    else:
        with pytest.raises(IntegrityError, match="md5 hashes differ"):
            transfer.carry(item, "large", Outgoing(), lambda _: None)
        assert not list(tmp_path.iterdir())
