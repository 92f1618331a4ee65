"""What a restore is told, and what it tells."""

from __future__ import annotations

import msgspec


class RestoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a snapshot is restored.

    `permissions`: modes and owners are; else everything gets what a new file of the user gets. `attributes`: extended
    attributes are.
    """

    permissions: bool = True
    attributes: bool = True


class Failure(msgspec.Struct, frozen=True):
    """A path of the snapshot that was not restored, or not wholly, and why.

    `packfiles`: the damaged or missing packfiles that are the reason, where that is one.
    """

    snapshot: bytes
    path: str
    reason: str
    packfiles: tuple[bytes, ...] = ()


class Restored(msgspec.Struct, kw_only=True):
    """What a restore did.

    `files` counts regular files with content of their own, `size` their bytes, `hard_links` further names of such a
    file. `failures`: the first of those that `failed` counts. `left_out`: paths of kinds that the destination cannot
    hold, or that a snapshot does not describe wholly (devices); they fail nothing, `skipped` counts them.
    """

    files: int = 0
    size: int = 0
    directories: int = 0
    hard_links: int = 0
    symbolic_links: int = 0
    special_files: int = 0
    failed: int = 0
    failures: list[Failure] = []
    skipped: int = 0
    left_out: list[str] = []
