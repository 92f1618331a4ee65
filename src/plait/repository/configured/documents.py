"""YAML documents as the original reads and writes them: scalars are text, keys sorted, four blanks a level."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

SIZE_LIMIT: Final = 16 * 1024 * 1024
"""More than any configuration; a larger file is somebody's mistake."""


class DocumentError(ValueError):
    """The text is no YAML document of the kind that is meant."""


class Moment(str):
    """A moment as YAML writes it, which needs no quotes."""

    __slots__ = ()


def parse(text: str) -> Any:
    """A document, every scalar as the text that stands there, null as no text; None where there is none.

    Raises DocumentError, also where a key stands twice in a map.
    """
    # Not before there is one: the library takes time and memory that most commands need not spend.
    from plait.repository.configured.yaml_text import load

    return load(text)


def emit(document: Any) -> str:
    """A document as text; dicts keep the order they have."""
    from plait.repository.configured.yaml_text import dump

    return dump(document)


def read(path: Path) -> str | None:
    """The text of a file, None where there is none. Raises OSError, DocumentError where it is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        return None
    if len(data) > SIZE_LIMIT:
        raise DocumentError("the file is too large to be a configuration")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(str(error)) from None


def write(path: Path, text: str) -> None:
    """Replaces a file by a new one, readable by its owner only; the directory is made where it is missing.

    Raises OSError; then the old file is as it was.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(prefix="config.", suffix=".yml", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(beside).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(beside).unlink()
        raise
