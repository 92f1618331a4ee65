"""Writes man pages and the command reference: `python -m plait.cli.reference ROOT [--check]`.

ROOT is the project's directory; `man/` and `docs/reference/` below it hold exactly what is made here. With `--check`
nothing is written, and the exit code is 1 where a file is not as it would be made.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from plait.cli.pages.man import overview_man, page_man
from plait.cli.pages.markdown import file_name, overview_markdown, page_markdown
from plait.cli.pages.page import page_of
from plait.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Sequence


def reference_files() -> dict[str, str]:
    """The files, by path below the project's directory, and their text."""
    files = {"man/plait.1": overview_man(), "docs/reference/commands.md": overview_markdown()}
    for name in VERBS:
        page = page_of(name)
        files[f"man/plait-{name.replace(' ', '-')}.1"] = page_man(page)
        files[f"docs/reference/{file_name(name)}"] = page_markdown(page)
    return files


def outdated(root: Path) -> list[str]:
    """The paths below `root` that differ from what would be made, and those that would not be made at all."""
    files = reference_files()
    found = [path for path, text in files.items() if not _holds(root / path, text)]
    kept = [*(root / "man").glob("plait*.1"), *(root / "docs/reference").glob("plait*.md")]
    return sorted({*found, *(str(path.relative_to(root)) for path in kept)} - (files.keys() - set(found)))


def write(root: Path) -> None:
    """Makes the files below `root`, and removes pages of commands that are no more."""
    files = reference_files()
    for stale in outdated(root):
        if stale not in files:
            (root / stale).unlink()
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """The program; see the module."""
    words = [word for word in arguments if word != "--check"]
    root = Path(words[0] if words else ".")
    if "--check" not in arguments:
        write(root)
        return 0
    stale = outdated(root)
    for path in stale:
        print(f"{path} is not current: run python -m plait.cli.reference", file=sys.stderr)
    return 1 if stale else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
