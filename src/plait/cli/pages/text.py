"""Help for a terminal, laid out by click's formatter."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from click.formatting import HelpFormatter

from plait.cli.main import FRONTS
from plait.cli.pages.page import INTRODUCTION, overview

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.cli.pages.page import Entry, Page, Part

_WIDEST: Final = 110
_NARROWEST: Final = 50


def page_text(page: Page) -> str:
    """The page of a command."""
    formatter = _formatter()
    for number, usage in enumerate(page.usages):
        formatter.write(f"{'Usage:' if number == 0 else '      '} {usage}\n")
    formatter.write_paragraph()
    formatter.write_text(page.summary + ".")
    for part in page.parts:
        _write_part(formatter, part)
    for group in page.groups:
        _write_list(formatter, f"{group.title}:", [(_flags(entry), entry.says) for entry in group.entries])
    if any(entry.value.endswith("…") for group in page.groups for entry in group.entries):
        formatter.write_paragraph()
        formatter.write_text("An option whose value ends in … may be given several times.")
    return formatter.getvalue().rstrip("\n")


def overview_text() -> str:
    """The page of Plait as a whole."""
    formatter = _formatter()
    formatter.write("Usage: plait COMMAND [OPTION…] WORDS\n")
    formatter.write_paragraph()
    formatter.write_text(" ".join(INTRODUCTION.split()))
    _write_list(formatter, "Commands:", overview())
    _write_list(
        formatter,
        "Faces of other programs:",
        [(f"plait {front} …", f"the commands, flags, output and exit codes of {front}") for front in FRONTS],
    )
    formatter.write_paragraph()
    formatter.write_text("plait help COMMAND, or plait COMMAND --help, shows how a command is used.")
    return formatter.getvalue().rstrip("\n")


def _formatter() -> HelpFormatter:
    columns = shutil.get_terminal_size((100, 24)).columns
    return HelpFormatter(width=max(_NARROWEST, min(columns, _WIDEST) - 2))


def _write_part(formatter: HelpFormatter, part: Part) -> None:
    if not part.paragraphs and not part.examples:
        return
    formatter.write_paragraph()
    if part.title:
        formatter.write(f"{part.title}\n")
    formatter.indent()
    for number, paragraph in enumerate(part.paragraphs):
        if number:
            formatter.write_paragraph()
        formatter.write_text(paragraph)
    if part.examples:
        formatter.write_paragraph()
        lead = " " * formatter.current_indent
        for example in part.examples:
            formatter.write(f"{lead}{example.line}\n{lead}    {example.says}\n")
    formatter.dedent()


def _write_list(formatter: HelpFormatter, title: str, rows: Sequence[tuple[str, str]]) -> None:
    formatter.write_paragraph()
    formatter.write(f"{title}\n")
    formatter.indent()
    formatter.write_dl(rows, col_max=34)
    formatter.dedent()


def _flags(entry: Entry) -> str:
    flags = entry.flags if entry.flags.startswith("-") and entry.flags[1] != "-" else "    " + entry.flags
    return f"{flags} {entry.value}".rstrip()
