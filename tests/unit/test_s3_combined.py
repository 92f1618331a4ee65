"""In what parts an object was uploaded, where the server does not tell."""

from __future__ import annotations

import pytest

from plait.stores.objects.combined import usual_part_size

MIB = 1 << 20


@pytest.mark.parametrize(
    ("size", "count", "part_size"),
    [
        (1 << 30, 205, 5 * MIB),  # rclone
        (1 << 30, 128, 8 * MIB),  # Amazon's own tools
        (1 << 30, 64, 16 * MIB),
        (1 << 30, 21, 50 * MIB),  # s5cmd
        ((1 << 30) + 1, 129, 8 * MIB),
        (100 << 30, 9310, 11 * MIB),  # rclone, where 5 MiB would be too many
        (60 * MIB, 1, 64 * MIB),
        (1 << 30, 204, None),
        (1 << 30, 10_000, None),
    ],
)
def test_the_number_of_parts_tells_a_usual_size(size: int, count: int, part_size: int | None) -> None:
    assert usual_part_size(size, count) == part_size
