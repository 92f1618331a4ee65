"""`runs` and `runs show`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from plait.cli.directories import state_directory
from plait.cli.output.runs import entry_line, run_lines, table
from plait.cli.recording import journal_directory
from plait.engine.journal import read_journal
from plait.engine.runs import FILE_NAME, RunRecords
from plait.model.errors import ExitCode, ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.forms import Invocation
    from plait.engine.runs import Run


def listing(invocation: Invocation) -> int:
    """Prints the newest runs."""
    runs = _runs(invocation)
    if invocation.values.json:
        _print_json(runs)
    elif runs:
        print("\n".join(table(runs)))
    else:
        print("no run is recorded")
    return ExitCode.DONE


def show(invocation: Invocation) -> int:
    """Prints one run and its journal."""
    directory = state_directory(invocation.environment)
    name = invocation.words[0]
    if not (directory / FILE_NAME).exists():
        raise ObjectNotFoundError(f"there is no run {name!r}", hint="no run is recorded")
    with closing(RunRecords(directory)) as records:
        run = records.run(name)
    as_json = invocation.values.json
    if as_json:
        _print_json([run])
    else:
        print("\n".join(run_lines(run)))
    if run.journal is None:
        return ExitCode.DONE
    for entry in read_journal(journal_directory(invocation.environment), run.journal):
        if as_json:
            _print_json([entry])
        else:
            print(entry_line(entry))
    return ExitCode.DONE


def _runs(invocation: Invocation) -> list[Run]:
    directory = state_directory(invocation.environment)
    # Looking makes nothing.
    if not (directory / FILE_NAME).exists():
        return []
    with closing(RunRecords(directory)) as records:
        return records.runs(max(0, invocation.values.limit))


def _print_json(records: Sequence[object]) -> None:
    import msgspec

    for record in records:
        print(msgspec.json.encode(record).decode())
