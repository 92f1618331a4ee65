"""`mkdir`, `rmdir`, `rmdirs` and `purge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.tasks import only, working
from plait.mirror.verbs import directories as verbs

if TYPE_CHECKING:
    from plait.cli.forms import Invocation


def mkdir(invocation: Invocation) -> int:
    """Makes a directory or a bucket."""
    with working(invocation) as work:
        opened = work.task.directory(only(work.locations()))
        verbs.warn_of_no_directories(work.task, opened)
        return work.attempt(lambda: verbs.make_directory(work.task, opened), retries=True)


def rmdir(invocation: Invocation) -> int:
    """Removes an empty directory or bucket."""
    with working(invocation) as work:
        opened = work.task.directory(only(work.locations()))
        return work.attempt(lambda: verbs.remove_directory(work.task, opened), retries=True)


def rmdirs(invocation: Invocation) -> int:
    """Removes the directories in which there is no file."""
    leave = invocation.values.leave_root
    with working(invocation) as work:
        opened = work.task.directory(only(work.locations()))
        return work.attempt(lambda: verbs.remove_empty_directories(work.task, opened, leave_root=leave), retries=True)


def purge(invocation: Invocation) -> int:
    """Removes a directory and everything in it."""
    with working(invocation) as work:
        opened = work.task.directory(only(work.locations()))
        return work.attempt(lambda: verbs.purge(work.task, opened), retries=True)
