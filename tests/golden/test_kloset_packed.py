"""Entries and objects packed without structs have the bytes of those packed with them, and are read the same."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.errors import IntegrityError
from plait.repository.format import entries, packed, wire
from plait.repository.format.objects import Object
from plait.repository.format.resources import Resource

if TYPE_CHECKING:
    from tests.golden.conftest import Golden


def check(entry: entries.Entry) -> None:
    plain = wire.encode(entry)
    info = packed.info(entry.file_info)
    assert info == wire.encode(entry.file_info)
    made = packed.entry(
        packed.text(entry.parent_path),
        info,
        target=entry.symlink_target,
        mac=entry.object,
        content_type=entry.content_type,
        entropy=entry.entropy,
        chunks=entry.chunks,
        attributes=entry.extended_attributes,
    )
    assert made == plain
    found = entry.file_info
    assert packed.glance(plain) == packed.Glance(
        found.name, info, found.mode, found.size, found.mod_time // 10**9, entry.object, entry.content_type,
        entry.entropy, entry.chunks, entry.extended_attributes,
    )  # fmt: skip


def test_those_of_the_original(golden: Golden) -> None:
    count = 0
    for resource, mac in golden.holdings.blobs():
        if resource == Resource.VFS_ENTRY:
            check(entries.read(golden.stored(resource, mac)))
            count += 1
        elif resource == Resource.OBJECT:
            item = wire.decode(golden.stored(resource, mac), Object)
            pieces = [packed.Piece(chunk.content_mac, chunk.length, chunk.entropy) for chunk in item.chunks or ()]
            made = packed.content(item.content_mac, pieces, item.content_type, item.entropy)
            assert made == golden.stored(resource, mac)
    assert count


TEXTS = st.one_of(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=300),
    # Bytes that look like what follows in an entry.
    st.sampled_from(["\udca4size\udcd3", "\udca9file_info\udc8c\udca4name", "x\udca8username", "\udca7summary\udcc0"]),
)


@given(
    TEXTS, TEXTS, TEXTS, TEXTS | st.just(""), TEXTS | st.just(""), st.integers(-(2**62), 2**62), st.floats(0, 8),
    st.lists(TEXTS, max_size=2),
)  # fmt: skip
def test_any(  # noqa: PLR0917  (the fields of an entry)
    name: str, parent: str, user: str, target: str, kind: str, time: int, entropy: float, attributes: list[str]
) -> None:
    info = entries.FileInfo(name=name, size=time, mode=0o644, mod_time=time, inode=2**63, user=user, group=name[:9])
    check(
        entries.Entry(
            parent_path=f"/{parent}",
            file_info=info,
            symlink_target=target,
            object=b"\xa6" * 32,
            content_type=kind,
            entropy=entropy,
            chunks=abs(time) % 3,
            extended_attributes=tuple(attributes),
        )
    )


@pytest.mark.parametrize("cut", [0, 1, 20, 100, 200])
def test_what_is_no_entry(cut: int) -> None:
    info = entries.FileInfo(name="n", mode=0, mod_time=0)
    plain = wire.encode(entries.Entry(parent_path="/", file_info=info))
    with suppress(IntegrityError):
        assert packed.glance(plain[:cut]) is None
    assert packed.glance(plain + b"x") is None
