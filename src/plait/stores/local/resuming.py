"""Partial files that an interrupted transfer left, and that the next one of the same content goes on with.

What a partial file holds is written beside its content, in the extended attribute `user.plait.parts`: the fingerprint
of the content, the size of its parts, which of them are there, and since which start of the system. What was written
after that start is there for certain; what was written before it may have been lost with the power, and counts only
where the content is compared with a hash in the end. Where there are no extended attributes, nothing is gone on with.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Final

import msgspec

from plait.stores.local.partials import lock, partial_name

if TYPE_CHECKING:
    from collections.abc import Iterable

ATTRIBUTE: Final = "user.plait.parts"
LOOKED_AT: Final = 4
"""How many partial files of one name are looked at."""
_FLAGS: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Mark(msgspec.Struct, frozen=True):
    """What is known of a partial file: `content` is the fingerprint, `start` the system's, `done` as `0-3,7`: numbers
    of parts.
    """

    content: str
    start: str
    part_size: int
    done: str


class Found(msgspec.Struct, frozen=True):
    """A partial file to go on with: its name, the locked descriptor, and the numbers of the parts that are there."""

    name: str
    descriptor: int
    done: frozenset[int]


def find(directory: int, leaf: str, suffix: str, size: int, mark: Mark, *, checked: bool) -> Found | None:
    """A partial file of the same content and this user that nobody writes; `checked`: a hash is compared in the end."""
    if not hasattr(os, "getxattr"):
        return None
    for number in range(LOOKED_AT):
        name = partial_name(leaf, suffix, number)
        try:
            descriptor = os.open(name, _FLAGS, dir_fd=directory)
        except OSError:
            continue
        done = _taken_over(descriptor, size, mark, checked=checked)
        if done is not None:
            return Found(name, descriptor, done)
        os.close(descriptor)
    return None


def note(descriptor: int, mark: Mark) -> bool:
    """Writes what a partial file holds; False where that cannot be."""
    try:
        os.setxattr(descriptor, ATTRIBUTE, msgspec.json.encode(mark))
    except (OSError, AttributeError):
        return False
    return True


def forget(descriptor: int) -> None:
    """Takes the note away. Raises OSError."""
    if hasattr(os, "removexattr") and ATTRIBUTE in os.listxattr(descriptor):
        os.removexattr(descriptor, ATTRIBUTE)


@cache
def system_start() -> str:
    """What tells this start of the system from every other; "" where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def show_numbers(numbers: Iterable[int]) -> str:
    """Numbers as ranges: `0-3,7`."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def parse_numbers(text: str, most: int) -> frozenset[int]:
    """What `show_numbers` wrote. Raises ValueError, also for numbers of `most` and above."""
    found: set[int] = set()
    for word in text.split(",") if text else ():
        first, _, last = word.partition("-")
        low, high = int(first), int(last or first)
        if not 0 <= low <= high < most:
            raise ValueError(text)
        found.update(range(low, high + 1))
    return frozenset(found)


def _taken_over(descriptor: int, size: int, mark: Mark, *, checked: bool) -> frozenset[int] | None:
    try:
        there = os.fstat(descriptor)
        if not (S_ISREG(there.st_mode) and there.st_nlink == 1 and there.st_size == size):
            return None
        # Content that somebody else wrote, or may still write, is not ours to trust.
        if there.st_uid != os.geteuid() or not lock(descriptor):
            return None
        held = msgspec.json.decode(os.getxattr(descriptor, ATTRIBUTE), type=Mark)
        if (held.content, held.part_size) != (mark.content, mark.part_size):
            return None
        if not checked and (not mark.start or held.start != mark.start):
            return None
        return parse_numbers(held.done, -(-size // mark.part_size))
    except (OSError, ValueError, msgspec.DecodeError):
        return None
