"""`sync`, `copy` and `move` of trees, on both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.cli.plans import lasting
from plait.cli.session import Session
from plait.mirror.mirroring import Mirror
from plait.mirror.settings import Mode
from plait.mirror.status import check_transferred, exit_code
from plait.model.errors import NothingTransferredError

if TYPE_CHECKING:
    from plait.cli.forms import Invocation
    from plait.engine.settings import Result
    from plait.model.errors import PlaitError

_MODES: Final = {"sync": Mode.SYNC, "copy": Mode.COPY, "move": Mode.MOVE}


def run(invocation: Invocation) -> int:
    """Carries one tree to another and says what was done."""
    mode = _MODES[invocation.command]
    with Session(invocation, writes=True) as session:
        source, destination = session.locations()
        with (
            Mirror(mode, source, destination, session.values, session.opening(), session.around) as mirror,
            session.recorded([lasting(source), lasting(destination)]) as recording,
        ):
            result = mirror.run()
            error = _deciding(result, session)
            code = exit_code(error)
            recording.finish(result, error, code)
        session.finish(result, error, source)
        return code


def _deciding(result: Result, session: Session) -> PlaitError | None:
    """The error that decides how the command ends."""
    if result.error is None and session.values.error_on_no_transfer:
        try:
            check_transferred(result)
        except NothingTransferredError as error:
            return error
    return session.deciding(result)
