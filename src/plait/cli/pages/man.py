"""Help as man pages, in the macros of man(7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait import __version__
from plait.cli.pages.page import EXIT_CODES, INTRODUCTION, overview

if TYPE_CHECKING:
    from plait.cli.pages.page import Page, Part


def page_man(page: Page) -> str:
    """The man page of a command: `plait-sync(1)`."""
    title = "plait-" + page.name.replace(" ", "-")
    lines = [_heading(title), ".SH NAME", f"{title} \\- {_text(page.summary.lower())}", ".SH SYNOPSIS"]
    for number, usage in enumerate(page.usages):
        lines += [".br"] * bool(number) + [f".B {_text(usage)}"]
    lines.append(".SH DESCRIPTION")
    for part in page.parts:
        lines += _part(part)
    for group in page.groups:
        lines.append(f".SH {_text(group.title.upper())}" if group.title != "Main" else ".SH OPTIONS")
        for entry in group.entries:
            value = f" \\fI{_text(entry.value)}\\fR" if entry.value else ""
            lines += [".TP", f"\\fB{_text(entry.flags)}\\fR{value}", _text(entry.says)]
    return "\n".join([*lines, ".SH SEE ALSO", ".BR plait (1)", ""])


def overview_man() -> str:
    """The man page `plait(1)`."""
    lines = [
        _heading("plait"),
        ".SH NAME",
        "plait \\- keep trees, snapshot repositories and SQLite databases in step",
        ".SH SYNOPSIS",
        ".B plait",
        "\\fICOMMAND\\fR [\\fIOPTION\\fR\u2026] \\fIWORDS\\fR",
        ".SH DESCRIPTION",
        _text(" ".join(INTRODUCTION.split())),
        ".SH COMMANDS",
    ]
    for name, summary in overview():
        lines += [".TP", f"\\fBplait {_text(name)}\\fR", _text(summary)]
    lines.append(".SH EXIT STATUS")
    for code, says in EXIT_CODES:
        lines += [".TP", f"\\fB{code}\\fR", _text(says)]
    pages = ",\n".join(f".BR plait\\-{_text(name.replace(' ', '-'))} (1)" for name, _ in overview())
    return "\n".join([*lines, ".SH SEE ALSO", pages, ""])


def _heading(title: str) -> str:
    return f'.TH {title.upper()} 1 "" "plait {__version__}" "Plait"'


def _part(part: Part) -> list[str]:
    lines = [f".SS {_text(part.title)}"] if part.title else []
    for paragraph in part.paragraphs:
        lines += [".PP", _text(paragraph)]
    for example in part.examples:
        lines += [".TP", f"\\fB{_text(example.line)}\\fR", _text(example.says)]
    return lines


def _text(text: str) -> str:
    """`text` so that roff prints it as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
