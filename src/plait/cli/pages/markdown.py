"""Help as Markdown, for the reference in the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.cli.pages.page import EXIT_CODES, INTRODUCTION, overview

if TYPE_CHECKING:
    from plait.cli.pages.page import Entry, Page, Part

NOTE = "<!-- Made by `python -m plait.cli.reference`; edit the declarations, not this page. -->"


def page_markdown(page: Page) -> str:
    """The reference page of a command."""
    lines = [NOTE, "", f"# plait {page.name}", "", f"{page.summary}.", "", "```text", *page.usages, "```"]
    for part in page.parts:
        lines += _part(part)
    for group in page.groups:
        lines += ["", f"## {group.title} options", ""]
        for entry in group.entries:
            lines += _entry(entry)
    return "\n".join(lines).rstrip("\n") + "\n"


def overview_markdown() -> str:
    """The first page of the reference."""
    lines = [NOTE, "", "# Commands", "", " ".join(INTRODUCTION.split()), "", "| command | what it does |", "|---|---|"]
    lines += [f"| [`plait {name}`]({file_name(name)}) | {summary} |" for name, summary in overview()]
    lines += ["", "## Exit status", "", "| status | meaning |", "|---|---|"]
    lines += [f"| {code} | {says} |" for code, says in EXIT_CODES]
    pages = [file_name(name).removesuffix(".md") for name, _ in overview()]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def file_name(name: str) -> str:
    """The file of a command's page."""
    return f"plait-{name.replace(' ', '-')}.md"


def _part(part: Part) -> list[str]:
    lines = ["", f"## `{part.title}`"] if part.title else []
    for paragraph in part.paragraphs:
        lines += ["", _text(paragraph)]
    if part.examples:
        lines += ["", "```shell"]
        for example in part.examples:
            lines += [f"# {example.says}", example.line]
        lines.append("```")
    return lines


def _entry(entry: Entry) -> list[str]:
    value = f" {entry.value}" if entry.value else ""
    variables = ", ".join(f"`{name}`" for name in entry.environment)
    return [f"`{entry.flags}{value}`", f": {_text(entry.says)}. *Environment:* {variables}", ""]


def _text(text: str) -> str:
    return text.replace("<", "&lt;").replace("*.", "\\*.")
