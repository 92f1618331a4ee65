"""`delete`, `deletefile`, `cleanup`, `dedupe` and `touch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plait.cli.tasks import only, working
from plait.mirror.verbs import deleting as verbs
from plait.mirror.verbs.directories import remove_empty_directories
from plait.mirror.verbs.duplicates import Deduplication
from plait.mirror.verbs.touching import now, time_of
from plait.mirror.verbs.touching import touch as touch_files
from plait.model.errors import ConfigurationError
from plait.model.values.quoting import quote

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def delete(invocation: Invocation) -> int:
    """Deletes the files of a location."""
    with working(invocation) as work:
        chosen = work.task.chosen(only(work.locations()))

        def run() -> None:
            verbs.delete(work.task, chosen)
            if invocation.values.rmdirs:
                remove_empty_directories(work.task, chosen.opened, leave_root=True)

        return work.attempt(run, retries=True)


def deletefile(invocation: Invocation) -> int:
    """Deletes one file."""
    with working(invocation) as work:
        opened = work.task.either(only(work.locations()))
        return work.attempt(lambda: verbs.delete_file(work.task, opened, invocation.words[0]), retries=True)


def cleanup(invocation: Invocation) -> int:
    """Empties the trash of a store, or ends what was abandoned there."""
    with working(invocation) as work:
        opened = work.task.either(only(work.locations()))
        return work.attempt(lambda: verbs.clean_up(work.task, opened), retries=True)


def dedupe(invocation: Invocation) -> int:
    """Finds duplicates and does with them what a mode says."""
    from plait.mirror.verb_options import MODES

    values, words = invocation.values, invocation.words
    mode = values.dedupe_mode
    if len(words) > 1:
        mode = words[0].lower()
        if mode not in MODES:
            raise ConfigurationError(f"unknown mode for dedupe {quote(words[0])}")
    with working(invocation) as work:
        chosen = work.task.chosen(work.session.location(words[-1]))
        deduplication = Deduplication(work.task, chosen, mode, Asking(), by_hash=values.by_hash)
        deduplication.warn()
        return work.attempt(deduplication.run)


def touch(invocation: Invocation) -> int:
    """Sets modification times, or makes an empty file."""
    from plait.cli.commands.contents import directory_or_root

    values = invocation.values
    with working(invocation) as work:
        opened, name = directory_or_root(work, only(work.locations()))

        def run() -> None:
            moment = time_of(values.timestamp, local=values.localtime, now=now())
            create = not values.no_create
            touch_files(work.task, opened, name, moment, create=create, recursive=values.recursive)

        return work.attempt(run, retries=True)


class Asking:
    """Asks on standard output what to do with duplicates, in rclone's words."""

    def show(self, line: str) -> None:
        """Prints a line."""
        print(line.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))

    def what(self, *, rename: bool) -> str:
        """A letter. Raises NoAnswerError where there is no answer."""
        choices = {"s": "Skip and do nothing", "k": "Keep just one (choose which in next step)"}
        if rename:
            choices["r"] = "Rename all to be different (by changing file.jpg to file-1.jpg)"
        choices["q"] = "Quit"
        for letter, text in choices.items():
            print(f"{letter}) {text}")
        while True:
            answer = _read(f"{'/'.join(choices)}> ").lower()
            if answer in choices:
                return answer
            print(f"This value must be one of the following characters: {', '.join(choices)}.")

    def which(self, count: int) -> int:
        """A number from 1 to `count`."""
        while True:
            answer = _read("Enter the number of the file to keep> ")
            if answer.isdecimal() and 1 <= int(answer) <= count:
                return int(answer)
            print(f"Out of range - should be between 1 and {count}.")


def _read(prompt: str) -> str:
    from plait.cli.output.questions import NoAnswerError

    print(prompt, end="", flush=True)
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not line:
        raise NoAnswerError("Failed to read line: EOF")
    return line.strip()
