"""`cat`, `digest` and `diff`: what files in snapshots hold."""

from __future__ import annotations

import os
import sys
import zlib
from typing import TYPE_CHECKING

from plait.cli.commands.repository.listing import open_path
from plait.cli.output.work import encodable
from plait.cli.repositories import RefusedError
from plait.model.errors import (
    DirectoryNotFoundError,
    ExitCode,
    IntegrityError,
    ObjectNotFoundError,
    PlaitError,
    StoreError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.comparing import Difference, Side
    from plait.repository.snapshots import SnapshotReader

_NO_DIFFERENCE = "diff: could not diff pathnames"
_GZIP = "application/gzip"
_PIECE = 1 << 20
"""Bytes of decompressed content at once."""
_ALGORITHMS = ("SHA256", "BLAKE3")


def cat(command: RepositoryCommand) -> int:
    """Prints files, one after the other; what cannot be printed is named, and the others still are."""
    failed = 0
    for word in command.invocation.words:
        command.cancellation.raise_if_cancelled()
        try:
            _cat(command, word)
        except PlaitError as error:
            sys.stdout.flush()
            command.output.error(f"cat: {error.message}")
            failed += 1
    if not failed:
        return ExitCode.DONE
    if command.is_front:
        raise StoreError("errors occurred")
    return ExitCode.PARTLY if failed < len(command.invocation.words) else ExitCode.FAILED


def _cat(command: RepositoryCommand, word: str) -> None:
    try:
        snapshot, path = open_path(command, word)
    except PlaitError as error:
        error.message = f"{word}: {error.message}"
        raise
    try:
        entry = snapshot.follow(path)
    except ObjectNotFoundError:
        raise ObjectNotFoundError(f"{path}: no such file") from None
    if not entry.file_info.is_regular:
        raise StoreError(f"{path}: not a regular file")
    content: Iterable[bytes] = snapshot.content(entry)
    if command.values.decompress and entry.content_type == _GZIP:
        content = _decompressed(content, path)
    if _is_coloured(command):
        from rich.syntax import Syntax

        text = b"".join(content).decode("utf-8", "replace")
        _highlight(text, Syntax.guess_lexer(path, text))
        return
    sys.stdout.flush()
    for chunk in content:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _decompressed(content: Iterable[bytes], path: str) -> Iterator[bytes]:
    """What gzip compressed (RFC 1952), of one member or several."""
    rest = zlib.decompressobj(wbits=31)
    try:
        for chunk in content:
            data = chunk
            while data:
                yield rest.decompress(data, _PIECE)
                data = rest.unconsumed_tail
                if rest.eof and (data := rest.unused_data):
                    rest = zlib.decompressobj(wbits=31)
        yield rest.flush()
    except zlib.error as error:
        raise IntegrityError(f"{path}: {error}") from None


def _is_coloured(command: RepositoryCommand) -> bool:
    """Whether contents are coloured: on the front also where no person looks, as the original has it."""
    return bool(command.values.highlight) and (command.is_front or sys.stdout.isatty())


def _highlight(text: str, lexer: str) -> None:
    """Prints text in the eight colours that every terminal has, and else as it is."""
    from rich.console import Console
    from rich.syntax import Syntax

    coloured = Syntax(text, lexer, theme="ansi_dark", background_color="default").highlight(text)
    if not text.endswith("\n"):
        # The lexer ends the last line.
        coloured.right_crop(1)
    Console(force_terminal=True, color_system="standard", soft_wrap=True).print(coloured, end="")


def digest(command: RepositoryCommand) -> int:
    """Prints a digest of every regular file at and below the paths; what is damaged or missing is named and fails."""
    from plait.repository.digests import Digest, digests

    algorithm = command.values.hashing.upper()
    if algorithm not in _ALGORITHMS:
        raise RefusedError(f"unsupported hashing algorithm: {algorithm}", hint=f"one of {', '.join(_ALGORITHMS)}")
    done = failed = 0
    for word in command.invocation.words:
        try:
            snapshot, path = open_path(command, word)
            for found in digests(snapshot, path, algorithm):
                command.cancellation.raise_if_cancelled()
                if not isinstance(found, Digest):
                    command.output.error(f"digest: {found.path}: {found.reason}")
                    failed += 1
                    continue
                done += 1
                if command.values.json:
                    command.record({"path": found.path, "algorithm": found.algorithm, "digest": found.hexadecimal})
                else:
                    command.output.result(f"{found.algorithm} ({found.path}) = {found.hexadecimal}")
        except (ObjectNotFoundError, IntegrityError, PlaitError) as error:
            command.cancellation.raise_if_cancelled()
            named = "digest: :" if command.is_front else "digest:"
            command.output.error(f"{named} {error.message}")
            failed += 1
    if not failed:
        return ExitCode.DONE
    if command.is_front:
        raise StoreError("errors occurred")
    return ExitCode.PARTLY if done else ExitCode.FAILED


def diff(command: RepositoryCommand) -> int:
    """Shows how two paths differ; the second is that of this machine where it is not named."""
    from plait.repository.comparing import LocalSide, SnapshotSide, compare

    words = command.invocation.words
    first, first_path = _open(command, words[0])
    second: Side
    if len(words) == 2 and not command.is_front and is_path(words[1]):
        second, second_path = LocalSide(), os.path.abspath(words[1])
    elif len(words) == 2:
        other, second_path = _open(command, words[1])
        second = SnapshotSide(other)
    else:
        second, second_path = LocalSide(), first_path
    one = SnapshotSide(first)
    failed = 0
    recursive = command.values.recursive
    try:
        for found in compare(one, first_path, second, second_path, recursive=recursive):
            command.cancellation.raise_if_cancelled()
            if not _is_untold(command, found, one, first_path):
                failed += _show(command, found)
    except ObjectNotFoundError as error:
        if not command.is_front:
            raise
        raise ObjectNotFoundError(f"{_NO_DIFFERENCE}: {_not_there(one, first_path, second, second_path)}") from error
    except StoreError as error:
        if command.is_front:
            error.message = f"{_NO_DIFFERENCE}: {error.message}"
        raise
    if failed:
        raise IntegrityError(f"{failed} paths could not be compared")
    return ExitCode.DONE


def _is_untold(command: RepositoryCommand, found: Difference, side: Side, path: str) -> bool:
    """Whether the original says nothing of a difference: without `-recursive` of files in directories that changed."""
    from plait.repository.comparing import ContentsDiffer, Kind, NotCompared

    if not command.is_front or command.values.recursive or not isinstance(found, ContentsDiffer | NotCompared):
        return False
    return side.kind(path) is Kind.DIRECTORY


def _not_there(first: Side, first_path: str, second: Side, second_path: str) -> str:
    """What the original says of the one of two paths that is not there."""
    side, path = second, second_path
    try:
        first.kind(first_path)
    except ObjectNotFoundError:
        side, path = first, first_path
    if side.label == "local":
        path = path.lstrip("/")
        return f"could not open path {path} in snapshot local: open {path}: no such file or directory"
    return f"could not open path {path} in snapshot {side.label}: file does not exist"


def _open(command: RepositoryCommand, word: str) -> tuple[SnapshotReader, str]:
    try:
        return open_path(command, word)
    except (DirectoryNotFoundError, UsageError) as error:
        if not command.is_front:
            if error.hint is None and os.path.lexists(word):
                error.hint = f"a path of this machine is written ./{word}"
            raise
        raise DirectoryNotFoundError(f"diff: could not open snapshot: {word}") from None


def is_path(word: str) -> bool:
    """Whether a word is a path of this machine and no snapshot."""
    return word in {".", ".."} or word.startswith(("/", "./", "../"))


def _show(command: RepositoryCommand, found: Difference) -> int:
    """Prints a difference; 1 where it says that something could not be compared."""
    from plait.repository.comparing import (
        CommonDirectories,
        ContentsDiffer,
        KindsDiffer,
        NotCompared,
        OnlyIn,
        WithoutContents,
    )

    output = command.output
    if command.values.json and not command.is_front:
        record = _record(found)
        if record:
            command.record(encodable(record))
        return int(isinstance(found, NotCompared))
    match found:
        case OnlyIn():
            output.result(f"Only in {found.directory}: {found.name}")
        case CommonDirectories():
            paths = (found.first, found.second)
            names = paths if command.values.recursive else [path.rpartition("/")[2] for path in paths]
            output.result(f"Common subdirectories: {names[0]} and {names[1]}")
        case KindsDiffer():
            output.result(f"File type mismatch: {found.first} vs {found.second}")
        case WithoutContents() if command.is_front:
            if command.values.recursive or not found.equal:
                output.result(f"File type mismatch: {found.first} vs {found.second}")
        case WithoutContents():
            if not found.equal:
                output.result(f"Symbolic links {found.first} and {found.second} differ")
        case ContentsDiffer() if found.lines is None:
            output.result(f"Binary files {found.first} and {found.second} differ")
        case ContentsDiffer():
            _print_lines(command, found.lines or ())
        case NotCompared():
            output.error(f"diff: {found.path}: {found.error.message}")
            return 1
    return 0


def _record(found: Difference) -> dict[str, object]:
    """A difference for `--json`; nothing where both sides are alike."""
    from plait.repository.comparing import ContentsDiffer, KindsDiffer, NotCompared, OnlyIn, WithoutContents

    match found:
        case OnlyIn():
            side = ("first", "second")[found.side]
            return {"difference": f"only in {side}", "path": f"{found.directory.rstrip('/')}/{found.name}"}
        case KindsDiffer():
            return {"difference": "kind", "path": found.first, "other": found.second}
        case WithoutContents(equal=False):
            return {"difference": "link", "path": found.first, "other": found.second}
        case ContentsDiffer():
            changed = None if found.lines is None else "".join(found.lines)
            return {"difference": "content", "path": found.first, "other": found.second, "unified": changed}
        case NotCompared():
            return {"difference": "unknown", "path": found.path, "error": found.error.message}
        case _:
            return {}


def _print_lines(command: RepositoryCommand, lines: tuple[str, ...]) -> None:
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    if _is_coloured(command):
        _highlight(text, "diff")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(text))
    sys.stdout.buffer.flush()
