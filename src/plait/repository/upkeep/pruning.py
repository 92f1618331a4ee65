"""Which snapshots go: a pure plan, over headers and a query, for `prune` and for whoever applies a policy elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.repository.retention import Verdict
from plait.repository.selection import select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plait.repository.format.headers import Header
    from plait.repository.selection import Query


class Judged(msgspec.Struct, frozen=True):
    """A snapshot, and what becomes of it."""

    header: Header
    verdict: Verdict

    @property
    def reason(self) -> str:
        """Why, in the original's words."""
        verdict = self.verdict
        if not verdict.period:
            return f"reason={verdict.note}"
        return f"match={verdict.period}:{verdict.bucket} rank={verdict.rank} cap={verdict.cap}"


def plan(headers: Iterable[Header], query: Query, now: int) -> list[Judged]:
    """What becomes of every snapshot that passes the filters, newest first.

    It goes where the query has periods and none of them keeps it. Without periods, filters alone remove nothing; but
    snapshots that are named by their identifiers go: they can be meant for nothing else.
    """
    selection = select(headers, query, now)
    named = bool(query.prefixes) and not query.has_periods
    verdict = Verdict(kept=False, note="named")
    return [
        Judged(header, verdict if named else selection.verdicts[header.identifier]) for header in selection.filtered
    ]
