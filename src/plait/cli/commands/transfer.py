"""`sync`, `copy` and `move` of trees, on both faces."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from plait.cli.plans import lasting
from plait.cli.session import Session
from plait.mirror.directory_move import move_as_directory
from plait.mirror.mirroring import NOT_A_DIRECTORY, Mirror
from plait.mirror.reports import STANDARD_OUTPUT
from plait.mirror.settings import Mode
from plait.mirror.single import SingleMirror, is_file, parent_and_name
from plait.mirror.status import check_transferred, exit_code
from plait.model.errors import ConfigurationError, NothingTransferredError
from plait.model.values.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.cli.forms import Invocation
    from plait.engine.settings import Result
    from plait.model.errors import PlaitError
    from plait.stores.location import Location

_MODES: Final = {
    "sync": Mode.SYNC,
    "copy": Mode.COPY,
    "move": Mode.MOVE,
    "copyto": Mode.COPY,
    "moveto": Mode.MOVE,
}


def run(invocation: Invocation) -> int:
    """Carries one tree to another and says what was done."""
    mode = _MODES[invocation.command]
    with Session(invocation, writes=True) as session:
        source, destination = session.locations()
        with Mirror(mode, source, destination, session.values, session.opening(), session.around) as mirror:
            if mirror.source.file is not None:
                session.carry_one()
            return _run(session, mirror, source, destination)


def single(invocation: Invocation) -> int:
    """Carries one file to a name of its own, or else one tree to another."""
    mode = _MODES[invocation.command]
    with Session(invocation, writes=True) as session:
        source, destination = session.locations()
        if not is_file(source, session.opening()):
            with _tree(mode, source, destination, session) as mirror:
                return _run(session, mirror, source, destination)
        directory, name = parent_and_name(destination)
        if not name:
            raise ConfigurationError(f"{quote(invocation.words[1])} is a directory")
        place = session.described(directory)
        session.carry_one()
        with SingleMirror(mode, source, (place, name), session.values, session.opening(), session.around) as mirror:
            return _run(session, mirror, source, destination)


def _tree(mode: Mode, source: Location, destination: Location, session: Session) -> Mirror:
    try:
        return Mirror(mode, source, destination, session.values, session.opening(), session.around)
    except ConfigurationError as error:
        if error.message == NOT_A_DIRECTORY:
            raise ConfigurationError("Source doesn't exist or is a directory and destination is a file") from None
        raise


def _run(session: Session, mirror: Mirror, source: Location, destination: Location) -> int:
    with session.recorded([lasting(source), lasting(destination)]) as recording, _predicting(session, mirror):
        moves = session.face == "rclone" and mirror.mode is Mode.MOVE and not mirror.is_same
        result = (move_as_directory(mirror) if moves else None) or mirror.run()
        error = deciding(result, session)
        code = exit_code(error)
        recording.finish(result, error, code)
    session.finish(result, error, source)
    return code


@contextmanager
def _predicting(session: Session, mirror: Mirror) -> Iterator[None]:
    """Writes `--dest-after` while the transfer goes on."""
    path = session.values.dest_after
    if not path:
        yield
        return
    from plait.mirror.dest_after import KINDS, DestAfter

    try:
        file = sys.stdout.buffer if path == STANDARD_OUTPUT else open(path, "wb")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise ConfigurationError(f"failed to open report {path}: {error.strerror}") from error
    with nullcontext(file) if path == STANDARD_OUTPUT else file:
        session.events.subscribe(DestAfter(mirror, file), *KINDS)
        yield
        file.flush()


def deciding(result: Result, session: Session) -> PlaitError | None:
    """The error that decides how the command ends."""
    if result.error is None and session.values.error_on_no_transfer:
        try:
            check_transferred(result)
        except NothingTransferredError as error:
            return error
    return session.deciding(result)
