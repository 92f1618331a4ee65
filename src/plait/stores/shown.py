"""What a store says of an item beside its content, all under one kind of names: rclone's, as its manual lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.items import Kind
from plait.model.values.times import show_rfc3339

if TYPE_CHECKING:
    from plait.model.items import Stat
    from plait.stores.base import Features

S3: Final = "s3"
STANDARD: Final = "STANDARD"
"""What is said of the class of an object of which the server says none."""
MTIME: Final = "mtime"
"""The key that says what the modification time says."""


def shown_metadata(stat: Stat, features: Features) -> dict[str, str]:
    """Everything that a store says of an item beside its content, under rclone's names."""
    shown = dict(stat.metadata or {})
    if stat.content_type is not None:
        shown.setdefault("content-type", stat.content_type)
    if features.scheme == S3 and stat.kind is Kind.FILE:
        shown["tier"] = stat.tier or STANDARD
    if stat.stored_at is not None:
        shown["btime"] = show_rfc3339(stat.stored_at)
    if stat.modified is not None:
        shown.setdefault(MTIME, show_rfc3339(stat.modified))
    return shown
