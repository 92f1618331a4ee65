"""Checking a part of a repository at a time, and remembering which, so that all of it comes in turn."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Final

import msgspec

from plait.engine.workers import Cancellation
from plait.repository.checking.files import check_states_and_locks
from plait.repository.checking.findings import DamagedFile
from plait.repository.events import Advanced, Warned, Work, silent
from plait.repository.layout import Folder
from plait.repository.upkeep.damage import Without, damaged_packfiles, hits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from plait.repository.checking.findings import Checked
    from plait.repository.events import Listener
    from plait.repository.repository import Repository

_FOLDER: Final = "checked"
_MISSING: Final = "the packfile is missing"


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of a sample found.

    `checked`: what is damaged, of files and of snapshots. `size`: bytes that were read of `total`; `covered`: bytes of
    what is there now that this check and those before it have found whole; `oldest`: when the longest ago of them was,
    in nanoseconds since the epoch, None while not all is covered.
    """

    checked: Checked
    size: int
    total: int
    covered: int
    oldest: int | None


def pick(sizes: Mapping[bytes, int], seen: Mapping[bytes, int], share: float, order: random.Random) -> list[bytes]:
    """The packfiles to check: at least so large a share of the bytes, those first that were never checked, or longest
    ago. Pure, but for the order of equals.
    """
    wanted = share * sum(sizes.values())
    names = sorted(sizes)
    order.shuffle(names)
    names.sort(key=lambda name: seen.get(name, 0))
    chosen: list[bytes] = []
    size = 0
    for name in names:
        if size >= wanted:
            break
        chosen.append(name)
        size += sizes[name]
    return chosen


def check_sample(
    repository: Repository,
    share: float,
    *,
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Sampled:
    """Checks states, locks and all trees, and reads a share (0 to 1) of the packfiles from beginning to end.

    What is damaged is in the result, with every path that it hits; it raises nothing. Raises CancelledError, and the
    store's errors; what was checked until then is remembered.
    """
    cancellation = cancellation or Cancellation()
    repository.refresh()
    files = repository.writable_files
    readable = repository.index.readable_packfiles()
    there = files.packfile_sizes()
    sizes = {name: size for name, size in there.items() if name in readable}
    memory = None if repository.cache is None else repository.cache / _FOLDER / repository.place.hex()[:32]
    seen = {name: when for name, when in _recalled(memory).items() if name in sizes}
    names = pick(sizes, seen, share, random.Random())  # noqa: S311  (nothing depends on it)
    damaged_files = check_states_and_locks(files, repository.codec)
    missing = readable - there.keys()
    damaged_files += [DamagedFile(files.key(Folder.PACKFILES, name), _MISSING) for name in sorted(missing)]
    whole: list[bytes] = []
    lost: list[tuple[bytes, bytes]] = []

    def advanced(items: int, size: int, total: int) -> None:
        listener(Advanced(Work.CHECK, items, size, len(names), total))

    try:
        for packfile in damaged_packfiles(repository, names, whole.append, cancellation, advanced=advanced):
            damaged_files.append(DamagedFile(files.key(Folder.PACKFILES, packfile.name), packfile.reason))
            lost += [(key, packfile.name) for key in packfile.lost]
            seen.pop(packfile.name, None)
    finally:
        now = time.time_ns()
        seen.update(dict.fromkeys(whole, now))
        _remember(memory, seen)
    for file in damaged_files:
        listener(Warned(f"{file.key} is damaged: {file.reason}"))
    index = Without(repository.reader.holdings, lost, missing)
    checked, _ = hits(repository, index, listener=listener, cancellation=cancellation)
    checked.files = damaged_files
    return Sampled(
        checked=checked,
        size=sum(sizes[name] for name in names),
        total=sum(sizes.values()),
        covered=sum(sizes[name] for name in seen),
        oldest=min(seen.values(), default=now) if seen.keys() == sizes.keys() else None,
    )


def _recalled(memory: Path | None) -> dict[bytes, int]:
    """When packfiles were last found whole, as far as that is known."""
    if memory is None:
        return {}
    try:
        return msgspec.msgpack.decode(memory.read_bytes(), type=dict[bytes, int])
    except (OSError, msgspec.DecodeError):
        # A cache may be lost at any time; then the first packfile comes again.
        return {}


def _remember(memory: Path | None, seen: dict[bytes, int]) -> None:
    if memory is None:
        return
    beside = memory.with_name(f"{memory.name}.{os.getpid()}")
    try:
        memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode(seen))
        beside.replace(memory)
    except OSError:
        # Without a memory every sample is a fresh one.
        beside.unlink(missing_ok=True)
