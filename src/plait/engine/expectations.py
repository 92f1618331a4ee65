"""Is a side still as it was when the plan was made? A pure comparison of what is expected with what is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.items import Kind

if TYPE_CHECKING:
    from plait.model.items import Posix, Stat

_SECOND = 1_000_000_000


def difference(expected: Stat | None, found: Stat | None) -> str | None:
    """In a few words, how a side differs from what a plan expects; None where it is as expected. None is absent.

    What only one of both tells is no difference. Of a directory only its being one counts: its time changes with what
    the plan itself does in it.
    """
    if expected is None or found is None:
        if expected is found:
            return None
        return "it exists now" if expected is None else "it is gone"
    if expected.kind is not found.kind:
        return f"it was a {expected.kind.name.lower()} and is a {found.kind.name.lower()} now"
    if expected.kind is Kind.DIRECTORY:
        return None
    if _differ(expected.size, found.size):
        return f"its size changed from {expected.size} to {found.size}"
    return _told_difference(expected, found) or _kept_difference(expected, found)


def _told_difference(expected: Stat, found: Stat) -> str | None:
    """A difference in what the content was said to be."""
    if _differ(expected.modified, found.modified):
        return "its modification time changed"
    if _differ(expected.etag, found.etag):
        return "its etag changed"
    for name in expected.hashes.keys() & found.hashes.keys():
        if expected.hashes[name] != found.hashes[name]:
            return f"its {name} changed"
    return None


def _kept_difference(expected: Stat, found: Stat) -> str | None:
    """A difference in how the store keeps it."""
    if expected.posix is not None and found.posix is not None:
        return _posix_difference(expected.posix, found.posix)
    # A server's clock may be told to the second in one answer and finer in another.
    if (
        expected.etag is None
        and expected.stored_at is not None
        and found.stored_at is not None
        and expected.stored_at // _SECOND != found.stored_at // _SECOND
    ):
        return "it was stored again"
    return None


def _posix_difference(expected: Posix, found: Posix) -> str | None:
    if (expected.inode, expected.device) != (found.inode, found.device):
        return "another file has taken its place"
    # Replacing one of several hard links changes the change time of the others, and a plan may do that itself.
    if expected.links == 1 and expected.changed != found.changed:
        return "it was changed"
    return None


def _differ(expected: int | str | None, found: int | str | None) -> bool:
    return expected is not None and found is not None and expected != found
