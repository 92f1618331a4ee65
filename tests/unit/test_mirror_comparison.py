"""Each sentence of the rules by which a file is already right."""

from typing import Any

import pytest

from plait.mirror.comparison import (
    ComparisonSettings,
    Decision,
    HashAnswer,
    Need,
    Verdict,
    common_hash,
    compare,
    modify_window,
)
from plait.model.items import Kind, Stat
from plait.stores.base import Features

SECOND = 1_000_000_000
MD5: dict[str, Any] = {"common_hash": "md5"}


def stat(size: int | None = 5, modified: int | None = 1000 * SECOND) -> Stat:
    return Stat(Kind.FILE, size, modified)


def decide(
    source: Stat,
    destination: Stat,
    hashes: HashAnswer | None = None,
    options: dict[str, Any] | None = None,
    *,
    times_known: bool = True,
) -> Verdict | Need:
    settings = ComparisonSettings(**(options or {}))
    answer = compare(settings, source, destination, times_known=times_known, hashes=hashes)
    return answer.verdict if isinstance(answer, Decision) else answer


LATER = stat(modified=1000 * SECOND + 1)
MUCH_LATER = stat(modified=1010 * SECOND)
LARGER = stat(size=6)


@pytest.mark.parametrize(
    ("options", "source", "destination", "hashes", "expected"),
    [
        ({}, stat(), stat(), None, Verdict.EQUAL),
        ({}, stat(), LARGER, None, Verdict.DIFFERENT),
        # --ignore-existing and --ignore-times come before everything.
        ({"ignore_existing": True}, stat(), LARGER, None, Verdict.EQUAL),
        ({"ignore_existing": True, "ignore_times": True}, stat(), LARGER, None, Verdict.EQUAL),
        ({"ignore_times": True}, stat(), stat(), None, Verdict.DIFFERENT),
        ({"ignore_times": True, "size_only": True}, stat(), stat(), None, Verdict.DIFFERENT),
        # Sizes that are ignored or unknown say nothing.
        ({"ignore_size": True}, stat(), LARGER, None, Verdict.EQUAL),
        ({}, stat(size=None), LARGER, None, Verdict.EQUAL),
        ({}, stat(), stat(size=None), None, Verdict.EQUAL),
        ({"size_only": True}, stat(), MUCH_LATER, None, Verdict.EQUAL),
        ({"size_only": True}, stat(), LARGER, None, Verdict.DIFFERENT),
        # --checksum leaves times alone, and falls back to the size without a common hash.
        ({"checksum": True} | MD5, stat(), stat(), None, Need.HASHES),
        ({"checksum": True} | MD5, stat(), MUCH_LATER, HashAnswer.EQUAL, Verdict.EQUAL),
        ({"checksum": True} | MD5, stat(), stat(), HashAnswer.DIFFERENT, Verdict.DIFFERENT),
        ({"checksum": True} | MD5, stat(), stat(), HashAnswer.NONE, Verdict.EQUAL),
        ({"checksum": True}, stat(), MUCH_LATER, None, Verdict.EQUAL),
        ({"checksum": True} | MD5, stat(), LARGER, None, Verdict.DIFFERENT),
        # A difference equal to the window is a difference.
        ({"window": 1}, stat(), LATER, None, Verdict.DIFFERENT),
        ({"window": 2}, stat(), LATER, None, Verdict.EQUAL),
        ({"window": SECOND * 10}, stat(), MUCH_LATER, None, Verdict.DIFFERENT),
        ({"window": SECOND * 10 + 1}, MUCH_LATER, stat(), None, Verdict.EQUAL),
        # Without modification times an equal size is equal.
        ({"window": None}, stat(), MUCH_LATER, None, Verdict.EQUAL),
        ({"window": None}, stat(), stat(modified=None), None, Verdict.EQUAL),
        # Differing times: the hash decides, and an equal one saves the transfer.
        (MD5, stat(), LATER, None, Need.HASHES),
        (MD5, stat(), LATER, HashAnswer.DIFFERENT, Verdict.DIFFERENT),
        (MD5, stat(), LATER, HashAnswer.NONE, Verdict.DIFFERENT),
        (MD5, stat(), LATER, HashAnswer.EQUAL, Verdict.SET_TIME),
        (MD5 | {"update_times": False}, stat(), LATER, HashAnswer.EQUAL, Verdict.EQUAL),
        (MD5 | {"can_set_time": False}, stat(), LATER, HashAnswer.EQUAL, Verdict.DIFFERENT),
        ({}, stat(), LATER, None, Verdict.DIFFERENT),
        ({"refresh_times": True}, stat(), LATER, None, Verdict.SET_TIME),
        ({"refresh_times": True} | MD5, stat(), LATER, HashAnswer.NONE, Verdict.SET_TIME),
        ({"refresh_times": True} | MD5, stat(), LATER, HashAnswer.DIFFERENT, Verdict.DIFFERENT),
        # --immutable forbids each change.
        ({"immutable": True}, stat(), LARGER, None, Verdict.IMMUTABLE),
        ({"immutable": True} | MD5, stat(), LATER, HashAnswer.EQUAL, Verdict.IMMUTABLE),
        ({"immutable": True}, stat(), stat(), None, Verdict.EQUAL),
        # --update: what is newer at the destination stays.
        ({"update": True}, stat(), MUCH_LATER, None, Verdict.EQUAL),
        ({"update": True}, stat(), stat(size=6, modified=1010 * SECOND), None, Verdict.EQUAL),
        ({"update": True, "window": SECOND * 10}, stat(), stat(6, 1010 * SECOND), None, Verdict.EQUAL),
        ({"update": True, "window": SECOND * 11}, stat(), stat(6, 1010 * SECOND), None, Verdict.DIFFERENT),
        # What is older goes by size, then by hash, and an equal hash only mends the time.
        ({"update": True}, MUCH_LATER, LARGER, None, Verdict.DIFFERENT),
        ({"update": True} | MD5, MUCH_LATER, stat(), None, Need.HASHES),
        ({"update": True} | MD5, MUCH_LATER, stat(), HashAnswer.EQUAL, Verdict.SET_TIME),
        ({"update": True} | MD5, MUCH_LATER, stat(), HashAnswer.DIFFERENT, Verdict.DIFFERENT),
        ({"update": True}, MUCH_LATER, stat(), None, Verdict.DIFFERENT),
        # Within the window the size decides; with --checksum the hash too.
        ({"update": True} | MD5, stat(), stat(), None, Verdict.EQUAL),
        ({"update": True, "checksum": True} | MD5, stat(), stat(), None, Need.HASHES),
        ({"update": True, "checksum": True} | MD5, stat(), stat(), HashAnswer.DIFFERENT, Verdict.DIFFERENT),
        # Without modification times the window of --update is one second.
        ({"update": True, "window": None}, stat(), stat(6, 1001 * SECOND), None, Verdict.EQUAL),
        ({"update": True, "window": None}, stat(), stat(6, 1001 * SECOND - 1), None, Verdict.DIFFERENT),
    ],
)
def test_rules(
    options: dict[str, Any], source: Stat, destination: Stat, hashes: HashAnswer | None, expected: Verdict | Need
) -> None:
    assert decide(source, destination, hashes, options) is expected


def test_times_are_looked_up_only_when_they_decide() -> None:
    unknown = stat(modified=None)
    assert decide(unknown, stat(), times_known=False) is Need.TIMES
    assert decide(stat(), unknown, None, {"update": True}, times_known=False) is Need.TIMES
    assert decide(unknown, LARGER, times_known=False) is Verdict.DIFFERENT
    assert decide(unknown, stat(), None, {"size_only": True}, times_known=False) is Verdict.EQUAL
    assert decide(unknown, stat(), None, {"checksum": True} | MD5, times_known=False) is Need.HASHES
    # A time that nobody knows counts as different.
    assert decide(unknown, stat(), HashAnswer.EQUAL, MD5) is Verdict.SET_TIME


def test_equal_columns_suffice_unless_content_is_asked_for() -> None:
    assert ComparisonSettings().trusts_equal_columns
    assert ComparisonSettings(update=True).trusts_equal_columns
    assert ComparisonSettings(ignore_existing=True, ignore_times=True).trusts_equal_columns
    assert not ComparisonSettings(checksum=True).trusts_equal_columns
    assert not ComparisonSettings(ignore_times=True).trusts_equal_columns


def features(precision: int | None, *hashes: str) -> Features:
    return Features(scheme="x", identity="x", hashes=hashes, time_precision=precision)


def test_the_window_is_the_coarsest_of_request_and_precisions() -> None:
    assert modify_window(1, features(1), features(1)) == 1
    assert modify_window(1, features(1), features(SECOND)) == SECOND
    assert modify_window(2 * SECOND, features(1), features(SECOND)) == 2 * SECOND
    assert modify_window(1, features(None), features(1)) is None


def test_of_several_common_hashes_the_first_in_rclones_order_is_used() -> None:
    assert common_hash(features(1, "sha1", "md5"), features(1, "md5", "sha1")) == "md5"
    assert common_hash(features(1, "sha256", "blake3"), features(1, "blake3", "sha256")) == "sha256"
    assert common_hash(features(1, "md5"), features(1, "sha1")) is None
    assert common_hash(features(1, "quickxor"), features(1, "quickxor")) == "quickxor"
