"""`hashsum`, `md5sum`, `sha1sum` and `checksum`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from plait.cli.commands import check as checking
from plait.cli.forms import WordsError
from plait.cli.output.found import asks_for_records, hash_line
from plait.cli.tasks import with_values, working
from plait.mirror.verbs.sums import hash_lines, line, stream_hash, supported
from plait.model.errors import StoreError
from plait.model.values.quoting import quote
from plait.stores.hashes import hash_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.cli.forms import Invocation


def hashsum(invocation: Invocation) -> int:
    """Prints hashes of the kind that the first word names."""
    if not invocation.words:
        print(supported(), end="")
        return 0
    name = _name(invocation.words[0])
    return _sums(invocation, name, invocation.words[1:])


def md5sum(invocation: Invocation) -> int:
    """Prints MD5 sums."""
    return _sums(invocation, "md5", invocation.words)


def sha1sum(invocation: Invocation) -> int:
    """Prints SHA-1 sums."""
    return _sums(invocation, "sha1", invocation.words)


def checksum(invocation: Invocation) -> int:
    """Compares the files of a location with a file of sums."""
    name = _name(invocation.words[0])
    return checking.run(with_values(invocation, checkfile=name), words=invocation.words[1:])


def _name(text: str) -> str:
    name = hash_name(text)
    if name is None:
        print(supported())
        raise WordsError(f"unknown hash type {quote(text)}")
    return name


def _sums(invocation: Invocation, name: str, words: tuple[str, ...]) -> int:
    values = invocation.values
    if not words or (words[0] == "-" and not sys.stdin.isatty()):
        with _output(values.output_file) as write:
            write(line(stream_hash(sys.stdin.buffer, name), name, "-", base64=values.base64))
        return 0
    if values.checkfile:
        checked = with_values(invocation, checkfile=name, combined="-", one_way=False)
        return checking.run(checked, words=(values.checkfile, words[0]), with_file=True)
    with working(invocation) as work:
        chosen = work.task.chosen(work.session.location(words[0]))
        show = hash_line if asks_for_records(invocation) else partial(line, base64=values.base64)

        def run() -> None:
            with _output(values.output_file) as write:
                for text in hash_lines(work.task, chosen, name, download=values.download, show=show):
                    write(text)

        return work.attempt(run)


@contextmanager
def _output(path: str) -> Iterator[Callable[[str], None]]:
    """Writes lines to a file, or to standard output."""
    if not path:
        yield lambda text: _write(sys.stdout.buffer.write, text)
        sys.stdout.buffer.flush()
        return
    try:
        file = open(path, "wb")  # noqa: SIM115  (a path as typed; closed below)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreError(f"failed to open output file {path}: open {path}: {reason}") from None
    with file:
        yield lambda text: _write(file.write, text)


def _write(write: Callable[[bytes], object], text: str) -> None:
    write(text.encode("utf-8", "surrogateescape") + b"\n")
