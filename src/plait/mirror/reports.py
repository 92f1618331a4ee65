"""The report files of sync, copy, move and check: `--combined`, `--match`, `--differ` …."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, ClassVar

from plait.engine.events import AttemptEnded, Compared, ComparedRun, Finished, FinishedRun
from plait.mirror.names import inside
from plait.model.actions import Status, Verb
from plait.model.closing import Closing
from plait.model.errors import ConfigurationError
from plait.model.items import order_bytes

if TYPE_CHECKING:
    from plait.engine.events import Event
    from plait.model.actions import Outcome
    from plait.model.items import Item
    from plait.model.options import Values

VERDICTS = {"missing_on_src": "-", "missing_on_dst": "+", "match": "=", "differ": "*", "error": "!"}
"""The report letters, by the name of the option that asks for their lines alone."""
STANDARD_OUTPUT = "-"
_FILE_VERBS = frozenset({Verb.CREATE, Verb.REPLACE, Verb.DELETE, Verb.TOUCH, Verb.DELETE_SOURCE})


class Reports(Closing):
    """Writes what the events say of each file to the report files; a subscriber of the event stream.

    A further attempt begins the files anew, as it compares everything again. Names are written as rclone has them
    inside, which keeps each on a line of its own.
    """

    KINDS: ClassVar = (Compared, ComparedRun, Finished, FinishedRun, AttemptEnded)

    def __init__(self, combined: IO[bytes] | None, single: dict[str, IO[bytes]], owned: list[IO[bytes]]) -> None:
        self._combined = combined
        self._single = single
        self._owned = owned

    @classmethod
    def open(cls, values: Values, standard_output: IO[bytes]) -> Reports | None:
        """The reports that the options ask for, None where they ask for none.

        Raises ConfigurationError where a file cannot be written.
        """
        owned: list[IO[bytes]] = []

        def opened(path: str) -> IO[bytes]:
            if path == STANDARD_OUTPUT:
                return standard_output
            try:
                file = open(path, "wb")  # noqa: SIM115  (closed by `close`)
            except OSError as error:
                raise ConfigurationError(f"failed to open report {path}: {error.strerror}") from error
            owned.append(file)
            return file

        try:
            combined = opened(values.combined) if values.combined else None
            single = {
                letter: opened(getattr(values, option))
                for option, letter in VERDICTS.items()
                if getattr(values, option)
            }
        except ConfigurationError:
            for file in owned:
                file.close()
            raise
        return cls(combined, single, owned) if combined is not None or single else None

    def __call__(self, event: Event) -> None:
        """Takes note of an event."""
        match event:
            case Compared():
                self._write(event.verdict, event.destination or event.source)
            case ComparedRun():
                for item in event.page.items():
                    self._write(event.verdict, item)
            case Finished() if _is_error(event.outcome):
                action = event.outcome.action
                self._write("!", action.destination or action.source)
            case AttemptEnded(again=True):
                for file in self._owned:
                    file.seek(0)
                    file.truncate()

    def _write(self, letter: str, item: Item | None) -> None:
        if item is None:
            return
        line = order_bytes(inside(item.key)) + b"\n"
        if self._combined is not None:
            self._combined.write(letter.encode() + b" " + line)
        single = self._single.get(letter)
        if single is not None:
            single.write(line)

    def close(self) -> None:
        """Closes the files. Raises ConfigurationError where their end could not be written."""
        for file in self._owned:
            try:
                file.close()
            except OSError as error:
                raise ConfigurationError(f"failed to write report {file.name}: {error.strerror}") from error


def _is_error(outcome: Outcome) -> bool:
    return outcome.status is Status.FAILED and outcome.action.verb in _FILE_VERBS
