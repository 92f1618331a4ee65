"""`check` of two trees, on both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.session import Session, located, naming
from plait.mirror.check import check
from plait.mirror.status import exit_code
from plait.model.errors import DirectoryNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.forms import Invocation


def run(invocation: Invocation, words: Sequence[str] | None = None, *, with_file: bool | None = None) -> int:
    """Compares two trees, those that the words name, and says where they differ.

    `with_file`: the second may be a file; as rclone has it not, unless it is said, on its face.
    """
    with Session(invocation, writes=False, measures=True) as session:
        source, destination = session.locations(words)
        allowed = invocation.face == "plait" if with_file is None else with_file
        with naming(source, invocation.face):
            result = check(source, destination, session.values, session.opening(), session.around, with_file=allowed)
        error = result.error
        if invocation.face == "plait" and isinstance(error, DirectoryNotFoundError):
            error = located(error, source)
        session.end(
            {
                "matches": result.matches,
                "differences": result.differences,
                "missing_at_source": result.missing_at_source,
                "missing_at_destination": result.missing_at_destination,
                "unhashed": result.unhashed,
            },
            result.errors,
            error,
        )
        return exit_code(error)
