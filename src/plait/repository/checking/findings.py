"""What a check is told, and what it found."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from plait.repository.restoring.settings import Failure


class CheckSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How thorough a check is.

    `fast`: that everything is there, in packfiles that are long enough, without reading contents.
    `signatures`: those of signed snapshots are verified. `files`: every file of the repository is read, too, whether a
    snapshot needs all of it or not; never with `fast`.
    """

    fast: bool = False
    signatures: bool = True
    files: bool = False


class DamagedFile(msgspec.Struct, frozen=True):
    """A file of the repository that is not as it was written, or is missing, by its key, and why."""

    key: str
    reason: str


class CheckedSnapshot(msgspec.Struct, kw_only=True):
    """What was found of a snapshot: how many of its paths were looked at, and how many are damaged."""

    identifier: bytes
    items: int = 0
    size: int = 0
    failed: int = 0


class Checked(msgspec.Struct, kw_only=True):
    """What a check found.

    `snapshots` in the order in which they were given. `failures`: damaged paths, of every snapshot that has them; the
    first thousand. `files`: damaged files of the repository, whether any snapshot needs what is damaged or not.
    """

    snapshots: list[CheckedSnapshot] = []
    failures: list[Failure] = []
    files: list[DamagedFile] = []

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.files and not any(snapshot.failed for snapshot in self.snapshots)


Damage: TypeAlias = tuple[str, str, tuple[bytes, ...]]
"""A path, what is wrong with it, and the packfiles that are the reason."""
