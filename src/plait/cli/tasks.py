"""What the verbs beside sync, copy, move and check have in common: a session, a task, and how they end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from plait.cli.session import Session, located
from plait.mirror.verbs.task import Task
from plait.model.errors import CancelledError, DirectoryNotFoundError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from plait.cli.forms import Invocation
    from plait.model.errors import PlaitError
    from plait.stores.location import Location


class Work:
    """A verb under way: its session and its task."""

    def __init__(self, invocation: Invocation, session: Session, task: Task) -> None:
        self.invocation = invocation
        self.session = session
        self.task = task
        self._places: list[Location] = []

    def locations(self) -> list[Location]:
        """The locations that the words name."""
        self._places = self.session.locations()
        return self._places

    def attempt(self, work: Callable[[], object], *, retries: bool = False, lead: str = "") -> int:
        """Does the work, in as many attempts as it takes, says how it ended, and gives the exit code."""
        error = self.task.attempts(work, retries=retries, lead=lead)
        return self.end(error)

    def end(self, error: PlaitError | None) -> int:
        """Says how the verb ended; the exit code."""
        if isinstance(error, CancelledError):
            raise error
        if isinstance(error, DirectoryNotFoundError) and self._places and self.session.face == "plait":
            error = located(error, self._places[0])
        self.session.end({}, self.task.errors.count, error)
        return ExitCode.DONE if error is None else error.exit_code


@contextmanager
def working(invocation: Invocation, *, measures: bool = False) -> Iterator[Work]:
    """The surroundings of a verb; `measures`: it shows statistics without being told to."""
    values = invocation.values
    measures = measures or values.was_given("stats") or bool(values.progress)
    rclone = invocation.face == "rclone"
    with (
        Session(invocation, writes=False, measures=measures) as session,
        Task(values, session.opening(), session.around, original=rclone) as task,
    ):
        yield Work(invocation, session, task)


def with_values(invocation: Invocation, **changes: Any) -> Invocation:
    """The same invocation, as if options had these values."""
    values = invocation.values
    given = {**values.given, **dict.fromkeys(changes, "command line")}
    changed = replace(values, parsed={**values.parsed, **changes}, given=given)
    return replace(invocation, values=changed)


def only(words: list[Location]) -> Location:
    """The one location of a verb that takes one."""
    [place] = words
    return place
