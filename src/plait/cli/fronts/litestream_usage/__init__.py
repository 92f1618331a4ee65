"""The usage texts of the litestream front, as the original prints them: a file for each command, and the overview."""

from __future__ import annotations

from importlib.resources import files


def overview() -> str:
    """What is printed without a command, and by `help`."""
    return usage("overview")


def usage(command: str) -> str:
    """What a command prints when it is asked for help, or was given flags that it does not know."""
    return files(__name__).joinpath(f"{command}.txt").read_text(encoding="utf-8")
