"""What a person is asked under `--interactive`, and what a dry run skips: rclone's words."""

from __future__ import annotations

from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING

from plait.model.actions import Verb
from plait.model.errors import CancelledError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.model.actions import Action

_WORDS = {
    Verb.CREATE: "copy",
    Verb.REPLACE: "copy",
    Verb.TOUCH: "update modification time",
    Verb.RENAME: "move",
    Verb.RESPELL: "move",
    Verb.DELETE: "delete",
    Verb.DELETE_SOURCE: "delete",
    Verb.MAKE_DIRECTORY: "make directory",
    Verb.REMOVE_DIRECTORY: "remove directory",
    Verb.REMOVE_SOURCE_DIRECTORY: "remove directory",
    Verb.TOUCH_DIRECTORY: "set directory modification time",
}


class Answer(Enum):
    """What a person may answer; the values are the letters to type."""

    YES = "y"
    NO = "n"
    SKIP_ALL = "s"
    """No to this and every later question about the same kind of action."""
    DO_ALL = "!"
    QUIT = "q"


class QuitError(CancelledError):
    """A person answered a question with quit: the run ends there, and has not failed."""

    exit_code = ExitCode.DONE


def words(action: Action, *, moves: bool = False, keeps: bool = False) -> str:
    """What rclone calls an action; `moves`: the source goes, `keeps`: there is a `--backup-dir` or `--suffix`."""
    if moves and action.verb in {Verb.CREATE, Verb.REPLACE}:
        return "move"
    if keeps and action.verb is Verb.DELETE:
        return "move into backup dir"
    return _WORDS[action.verb]


class Confirmations:
    """Asks before each action, one question at a time, and remembers answers that hold for all of a kind.

    `ask(words, key)` puts one question to a person.
    """

    def __init__(self, ask: Callable[[str, str], Answer], *, moves: bool = False, keeps: bool = False) -> None:
        self._ask = ask
        self._moves = moves
        self._keeps = keeps
        self._lock = Lock()
        self._remembered: dict[str, bool] = {}

    def __call__(self, action: Action) -> bool:
        """True where the action may be executed. Raises QuitError."""
        asked = words(action, moves=self._moves, keeps=self._keeps)
        with self._lock:
            remembered = self._remembered.get(asked)
            if remembered is not None:
                return remembered
            answer = self._ask(asked, action.key)
            if answer is Answer.QUIT:
                raise QuitError("quit")
            if answer in {Answer.SKIP_ALL, Answer.DO_ALL}:
                self._remembered[asked] = answer is Answer.DO_ALL
            return answer in {Answer.YES, Answer.DO_ALL}
