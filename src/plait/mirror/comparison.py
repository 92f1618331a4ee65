"""Is a file already right? The decision about one matched pair, without any I/O.

`compare` decides from what is known. Where a time or a hash must be looked up first it says so with a `Need`; the
caller looks it up and asks again.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from plait.model.items import Stat
    from plait.stores.base import Features

SECOND = 1_000_000_000

CANNOT_SET_TIME = "src and dst identical but can't set mod time without re-uploading"
TIMESTAMP_MISMATCH = "Timestamp mismatch between immutable objects"

HASH_ORDER = ("md5", "sha1", "whirlpool", "crc32", "sha256", "sha512", "blake3", "xxh3", "xxh128")
"""Which of several common hashes is taken, rclone's order; any other comes after these."""


class ComparisonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options that decide, and what both stores can tell.

    `window`: times that differ by less, in nanoseconds, are equal; None where one store keeps no times.
    `common_hash`: the hash that both stores know, None where there is none.
    `can_set_time`: the destination's times can be set without carrying content. `dry_run`: nothing will be done; rclone
    then minds a mere time under `--immutable` no more.
    """

    checksum: bool = False
    size_only: bool = False
    ignore_existing: bool = False
    ignore_times: bool = False
    ignore_size: bool = False
    update: bool = False
    immutable: bool = False
    refresh_times: bool = False
    update_times: bool = True
    window: int | None = 1
    common_hash: str | None = None
    can_set_time: bool = True
    dry_run: bool = False

    @property
    def trusts_equal_columns(self) -> bool:
        """True where equal kind, size and (known) time suffice for a file to be right."""
        if self.ignore_existing:
            return True
        return not (self.ignore_times or self.checksum)


class Need(Enum):
    """What must be looked up before the pair can be decided."""

    TIMES = "modification times"
    HASHES = "hashes"


class HashAnswer(Enum):
    """What a look-up of the common hash on both sides gave."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NONE = "no hash"


class Verdict(Enum):
    """What is to be done about the pair."""

    EQUAL = "equal"
    """Nothing; the report says `=`."""
    SET_TIME = "set time"
    """Content is equal: give the destination the source's time; the report says `=`."""
    DIFFERENT = "different"
    """Carry the source over the destination; the report says `*`."""
    IMMUTABLE = "immutable"
    """They differ and `--immutable` forbids the change."""


class Decision(msgspec.Struct, frozen=True):
    """A verdict and, in a few words, why."""

    verdict: Verdict
    reason: str


def modify_window(requested: int, source: Features, destination: Features) -> int | None:
    """The modify window in nanoseconds: the coarsest of what was asked for and both precisions.

    None where one of the stores keeps no modification times.
    """
    if source.time_precision is None or destination.time_precision is None:
        return None
    return max(requested, source.time_precision, destination.time_precision)


def common_hash(source: Features, destination: Features) -> str | None:
    """The hash by which items of both stores are compared, None where they know none in common."""
    common = set(source.hashes) & set(destination.hashes)
    for name in HASH_ORDER:
        if name in common:
            return name
    return min(common, default=None)


def compare(
    settings: ComparisonSettings,
    source: Stat,
    destination: Stat,
    *,
    times_known: bool = True,
    hashes: HashAnswer | None = None,
) -> Decision | Need:
    """Decides about a matched pair of files.

    `times_known` False says that a time that is None may still be looked up. `hashes` is the answer to an earlier
    `Need.HASHES`. A time that nobody knows counts as different.
    """
    if settings.ignore_existing:
        return Decision(Verdict.EQUAL, "destination exists")
    if settings.ignore_times:
        return _different(settings, "--ignore-times")
    if settings.update:
        return _compare_update(settings, source, destination, times_known=times_known, hashes=hashes)
    decision = _compare_sizes(settings, source, destination)
    if decision is not None:
        return decision
    if settings.checksum:
        return _compare_checksum(settings, hashes)
    return _compare_times(settings, source, destination, times_known=times_known, hashes=hashes)


def _compare_times(
    settings: ComparisonSettings, source: Stat, destination: Stat, *, times_known: bool, hashes: HashAnswer | None
) -> Decision | Need:
    if settings.window is None:
        return Decision(Verdict.EQUAL, "sizes identical")
    difference = _time_difference(source, destination)
    if difference is None and not times_known:
        return Need.TIMES
    if difference is not None and abs(difference) < settings.window:
        return Decision(Verdict.EQUAL, "size and modification time the same")
    return _compare_content(settings, hashes, "modification times differ")


def _compare_update(
    settings: ComparisonSettings, source: Stat, destination: Stat, *, times_known: bool, hashes: HashAnswer | None
) -> Decision | Need:
    window = SECOND if settings.window is None else settings.window
    difference = _time_difference(source, destination)
    if difference is None and not times_known:
        return Need.TIMES
    if difference is not None and difference >= window:
        return Decision(Verdict.EQUAL, "destination is newer")
    decision = _compare_sizes(settings, source, destination)
    if decision is not None:
        return decision
    if settings.checksum:
        return _compare_checksum(settings, hashes)
    if difference is not None and difference > -window:
        return Decision(Verdict.EQUAL, "modification times are close and sizes identical")
    return _compare_content(settings, hashes, "destination is older")


def _compare_checksum(settings: ComparisonSettings, hashes: HashAnswer | None) -> Decision | Need:
    if settings.common_hash is None:
        return Decision(Verdict.EQUAL, "sizes identical")
    if hashes is None:
        return Need.HASHES
    if hashes is HashAnswer.DIFFERENT:
        return _different(settings, f"{settings.common_hash} differ")
    return Decision(Verdict.EQUAL, f"size and {settings.common_hash} identical")


def _compare_content(settings: ComparisonSettings, hashes: HashAnswer | None, reason: str) -> Decision | Need:
    """Times differ: only an equal hash (or `--refresh-times` where there is none) saves the transfer."""
    if settings.common_hash is not None and hashes is None:
        return Need.HASHES
    if hashes is HashAnswer.DIFFERENT:
        return _different(settings, f"{settings.common_hash} differ")
    if hashes in {None, HashAnswer.NONE} and not settings.refresh_times:
        return _different(settings, reason)
    if not settings.update_times:
        return Decision(Verdict.EQUAL, "content identical")
    if settings.immutable and not settings.dry_run:
        return Decision(Verdict.IMMUTABLE, TIMESTAMP_MISMATCH)
    if not settings.can_set_time:
        return Decision(Verdict.DIFFERENT, CANNOT_SET_TIME)
    return Decision(Verdict.SET_TIME, reason)


def _compare_sizes(settings: ComparisonSettings, source: Stat, destination: Stat) -> Decision | None:
    """What the sizes alone decide."""
    ignored = settings.ignore_size or source.size is None or destination.size is None
    if not ignored and source.size != destination.size:
        return _different(settings, "sizes differ")
    return Decision(Verdict.EQUAL, "sizes identical") if settings.size_only else None


def _different(settings: ComparisonSettings, reason: str) -> Decision:
    return Decision(Verdict.IMMUTABLE if settings.immutable else Verdict.DIFFERENT, reason)


def _time_difference(source: Stat, destination: Stat) -> int | None:
    """By how much the destination is newer, in nanoseconds."""
    if source.modified is None or destination.modified is None:
        return None
    return destination.modified - source.modified
