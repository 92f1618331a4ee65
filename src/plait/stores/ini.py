"""The INI dialect of `rclone.conf`, kept line by line, so that a change leaves everything else as it was.

rclone reads its file with goconfig, whose rules these are: `[section]`, `key = value` or `key: value`, comments on
lines of their own (`#`, `;`), keys and values perhaps in backquotes or triple quotes, `%(key)s` for another value, and
a section `a.b` that has the keys of `a` where it lacks its own.
"""

from __future__ import annotations

import re

import msgspec

from plait.model.errors import ConfigurationError

DEFAULT_SECTION = "DEFAULT"
_REFERENCE = re.compile(r"%\(([^)]+)\)s")
_MOST_REFERENCES = 200
_DEEPEST = 50
_SPACES = "\t\n\v\f\r \x85\xa0"
_KEY_QUOTES = ('"""', '"', "`")
_VALUE_QUOTES = ("`", '"""')


class _Line(msgspec.Struct):
    """One line as it stands; `key` None for a section's heading, `section` None for comments and empty lines."""

    raw: str
    section: str | None = None
    key: str | None = None
    value: str = ""


class Document:
    """The text of a configuration, to be looked at and changed."""

    def __init__(self, text: str = "") -> None:
        """Raises ConfigurationError, in rclone's words, for a line that is none."""
        self._lines: list[_Line] = []
        section: str | None = DEFAULT_SECTION
        unnamed = 0
        for raw in text.removeprefix("\ufeff").removesuffix("\n").split("\n") if text else ():
            line = _parse(raw, section)
            if line.section is not None and line.key is None:
                section = line.section
                line.section = section or DEFAULT_SECTION
                unnamed = 0
            elif line.key == "-":
                unnamed += 1
                line.key = f"#{unnamed}"
            self._lines.append(line)

    def text(self) -> str:
        """The whole, each line ended."""
        return "".join(line.raw + "\n" for line in self._lines)

    def sections(self) -> dict[str, dict[str, str]]:
        """The keys and values of all sections, as they were written, in their order; the last of equal keys holds."""
        found: dict[str, dict[str, str]] = {}
        for line in self._lines:
            if line.section is not None:
                section = found.setdefault(line.section, {})
                if line.key:
                    section[line.key] = line.value
        return found

    def resolved(self) -> dict[str, dict[str, str]]:
        """The same with inherited keys, and values put in for `%(key)s`. Raises ConfigurationError for circles."""
        raw = self.sections()
        own = {name: {key: _resolve(raw, name, key) for key in section} for name, section in raw.items()}
        return {name: _inherited(own, name) for name in own}

    def set(self, section: str, key: str, value: str) -> None:
        """Sets a value, in its place or at the end of its section; a missing section is added at the end.

        Raises ConfigurationError for what the file cannot hold: line breaks, `%(…)s`.
        """
        line = _Line(f"{_show_key(key)} = {_show_value(value)}", section, key, value)
        places = [position for position, known in enumerate(self._lines) if known.section == section]
        same = [position for position in places if self._lines[position].key == key]
        if same:
            self._lines[same[-1]] = line
        elif places:
            self._lines.insert(places[-1] + 1, line)
        else:
            if self._lines and self._lines[-1].raw.strip(_SPACES):
                self._lines.append(_Line(""))
            self._lines += [_Line(f"[{section}]", section), line]

    def delete(self, section: str, key: str | None = None) -> bool:
        """Deletes a key, or a whole section with the comments between its lines; False where there was none."""
        kept: list[_Line] = []
        comments: list[_Line] = []
        inside = False
        for line in self._lines:
            if line.section is None:
                (comments if inside else kept).append(line)
                continue
            deleted = line.section == section and (key is None or line.key == key)
            if not (deleted and key is None):
                kept += comments
            comments = []
            inside = deleted
            if not deleted:
                kept.append(line)
        kept += comments
        changed = len(kept) < len(self._lines)
        self._lines = kept
        return changed


def _parse(raw: str, section: str | None) -> _Line:
    text = raw.strip(_SPACES)
    if not text or text[0] in "#;":
        return _Line(raw)
    if text[0] == "[" and text[-1] == "]":
        return _Line(raw, text[1:-1].strip(_SPACES))
    if not section:
        raise ConfigurationError("empty section name not allowed")
    key, rest = _split_key(text)
    value = _unquoted(rest)
    if value is None:
        raise ConfigurationError(f"could not parse line: {text}")
    return _Line(raw, section, key, value)


def _split_key(text: str) -> tuple[str, str]:
    quote = next((quote for quote in _KEY_QUOTES if text.startswith(quote)), "")
    if quote == '"""' and len(text) < 6:
        quote = '"'
    closing = text.find(quote, len(quote)) if quote else 0
    equals = re.compile("[=:]").search(text, max(closing, 0))
    if closing < 0 or equals is None or equals.start() == closing:
        raise ConfigurationError(f"could not parse line: {text}")
    key = text[len(quote) : closing] if quote else text[: equals.start()].strip(_SPACES)
    return key, text[equals.end() :].strip(_SPACES)


def _unquoted(text: str) -> str | None:
    """The value without its quotes; None where they are not closed."""
    for quote in _VALUE_QUOTES:
        if text.startswith(quote) and len(text) >= 2 * len(quote):
            closing = text.rfind(quote, len(quote))
            return None if closing < 0 else text[len(quote) : closing]
    return text


def _show_key(key: str) -> str:
    if not key or "\n" in key or "\r" in key or "`" in key:
        raise ConfigurationError(f"{key!r} cannot be a key of a configuration file")
    needs_quotes = key[0] in '[#;"' or key != key.strip(_SPACES) or set(key) & set("=:")
    return f"`{key}`" if needs_quotes else key


def _show_value(value: str) -> str:
    if "\n" in value or "\r" in value or _REFERENCE.search(value):
        raise ConfigurationError("a value of a configuration file holds no line break and no %(name)s")
    needs_quotes = value != value.strip(_SPACES) or value.startswith(_VALUE_QUOTES)
    return f"`{value}`" if needs_quotes else value


def _inherited(sections: dict[str, dict[str, str]], name: str) -> dict[str, str]:
    """The section's own keys, and those of the sections whose names it extends with a dot."""
    parent = name.rpartition(".")[0]
    return (_inherited(sections, parent) if parent in sections else {}) | sections[name]


def _resolve(sections: dict[str, dict[str, str]], name: str, key: str, depth: int = 0) -> str:
    """The value with others put in, from the default section, else from its own."""
    value = sections[name][key]
    if depth > _DEEPEST:
        raise ConfigurationError(f"values of [{name}] refer to each other in a circle")
    for _ in range(_MOST_REFERENCES):
        found = _REFERENCE.search(value)
        if found is None:
            break
        # goconfig takes off any of these letters, not the brackets alone.
        wanted = found[0].lstrip("%(").rstrip(")s")
        other = ""
        if wanted in sections.get(DEFAULT_SECTION, {}):
            other = _resolve(sections, DEFAULT_SECTION, wanted, depth + 1)
        elif name != DEFAULT_SECTION:
            other = sections[name].get(wanted, "")
        value = value.replace(found[0], other)
    return value
