"""Questions on the terminal under `--interactive`, in rclone's words (reference, section 1.9)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from plait.engine.events import Level, Message
from plait.mirror.questions import Answer
from plait.model.errors import CancelledError, ExitCode

if TYPE_CHECKING:
    from plait.engine.events import EventStream

_LETTERS: Final = tuple(answer.value for answer in Answer)


class NoAnswerError(CancelledError):
    """Standard input ended where an answer was expected."""

    exit_code = ExitCode.FAILED


class Questions:
    """Asks a person on standard output and reads the answer from standard input."""

    def __init__(self, events: EventStream, program: str) -> None:
        self._events = events
        self._program = program

    def __call__(self, what: str, key: str) -> Answer:
        """The answer to whether `what` may be done to `key`; an empty line is yes. Raises NoAnswerError."""
        from plait.mirror.names import inside
        from plait.model.values.quoting import quote

        print(f"\n{self._program}: {what} {quote(inside(key))}?")
        print("y) Yes, this is OK (default)")
        print("n) No, skip this")
        print(f"s) Skip all {what} operations with no more questions")
        print(f"!) Do all {what} operations with no more questions")
        print(f"q) Exit {self._program} now.", flush=True)
        answer = self._read()
        match answer:
            case Answer.SKIP_ALL:
                self._say(f"Skipping all {what} operations from now on without asking")
            case Answer.DO_ALL:
                self._say(f"Doing all {what} operations from now on without asking")
            case Answer.QUIT:
                self._say(f"Quitting {self._program} now")
        return answer

    def _read(self) -> Answer:
        while True:
            if sys.stdin is not None and sys.stdin.isatty():
                print(f"{'/'.join(_LETTERS)}> ", end="", flush=True)
            line = sys.stdin.readline() if sys.stdin is not None else ""
            if not line:
                raise NoAnswerError("Failed to read line: EOF")
            letter = line.strip().lower()
            if letter in {"", *_LETTERS}:
                return Answer(letter or Answer.YES.value)
            one = "one of the following"
            wanted = f"{one} characters" if len(letter) == 1 else f"a single character, {one}"
            print(f"This value must be {wanted}: {', '.join(_LETTERS)}.", flush=True)

    def _say(self, text: str) -> None:
        self._events.emit(Message(Level.NOTICE, text))
