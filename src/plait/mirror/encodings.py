"""Rclone's encodings of names: characters that a store cannot hold become similar ones, and back.

`Slash,LtGt,Dot` names what is replaced: most by the full-width form, control characters by their pictures. What looks
like a replacement already gets a quote (U+201B) before it. Source: rclone's manual, "Restricted filenames".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

QUOTE: Final = "\u201b"
_FULL_WIDTH: Final = 0xFEE0
_PICTURES: Final = 0x2400
_SPACE, _DELETE, _PERIOD, _TILDE = "\u2420", "\u2421", "\uff0e", "\uff5e"
_CHARACTERS: Final = {
    "Slash": "/",
    "LtGt": "<>",
    "SquareBracket": "[]",
    "Semicolon": ";",
    "Exclamation": "!",
    "DoubleQuote": '"',
    "SingleQuote": "'",
    "BackQuote": "`",
    "Dollar": "$",
    "Colon": ":",
    "Question": "?",
    "Asterisk": "*",
    "Pipe": "|",
    "Hash": "#",
    "Percent": "%",
    "BackSlash": "\\",
    "CrLf": "\r\n",
    "Del": "\x7f",
    "Ctl": "".join(map(chr, range(1, 0x20))),
}
_GROUPS: Final = {
    "Win": ("Colon", "Question", "DoubleQuote", "Asterisk", "LtGt", "Pipe"),
    "HashPercent": ("Hash", "Percent"),
    "None": (),
}
_ENDS: Final = {
    "LeftSpace": (True, {" ": _SPACE}),
    "LeftPeriod": (True, {".": _PERIOD}),
    "LeftTilde": (True, {"~": _TILDE}),
    "LeftCrLfHtVt": (True, {mark: chr(_PICTURES + ord(mark)) for mark in "\t\n\v\r"}),
    "RightSpace": (False, {" ": _SPACE}),
    "RightPeriod": (False, {".": _PERIOD}),
    "RightCrLfHtVt": (False, {mark: chr(_PICTURES + ord(mark)) for mark in "\t\n\v\r"}),
}
_OTHERS: Final = ("Raw", "Dot", "InvalidUtf8")


class Encoding:
    """Replaces in names what the flags name. Raises ValueError for an unknown flag."""

    def __init__(self, flags: str) -> None:
        names = [name.strip() for name in flags.split(",") if name.strip()]
        known = {name.lower(): name for name in self.names()}
        chosen: list[str] = []
        for name in names:
            if name.lower() not in known:
                raise ValueError(f'bad encoding "{name}": possible values are: {", ".join(self.names())}')
            found = known[name.lower()]
            chosen += _GROUPS.get(found, (found,))
        self._raw = "Raw" in chosen
        self._dot = "Dot" in chosen
        self._invalid = "InvalidUtf8" in chosen
        self._ends = [_ENDS[name] for name in _ENDS if name in chosen]
        marks = "".join(_CHARACTERS[name] for name in chosen if name in _CHARACTERS)
        self._replaced = {mark: _picture(mark) for mark in marks} | {"\0": "\u2400"}

    @staticmethod
    def names() -> list[str]:
        """What may be named, in order."""
        return sorted((*_CHARACTERS, *_GROUPS, *_ENDS, *_OTHERS))

    def encode(self, name: str) -> str:
        """The name as it can be held."""
        if self._raw or not name:
            return name
        if self._dot and name.replace(_PERIOD, ".") in {".", ".."} and len(set(name)) == 1:
            return "".join(_PERIOD if mark == "." else QUOTE + mark for mark in name)
        first, name = self._encode_end(name, left=True)
        last, name = self._encode_end(name, left=False)
        quoted = {*self._replaced.values(), QUOTE}
        return first + "".join(self._one(mark, quoted) for mark in name) + last

    def decode(self, name: str) -> str:
        """What `encode` made the name from."""
        if self._raw:
            return name
        if self._dot and name in {_PERIOD, _PERIOD * 2}:
            return name.replace(_PERIOD, ".")
        if self._dot and name in {QUOTE + _PERIOD, (QUOTE + _PERIOD) * 2}:
            return name.replace(QUOTE, "")
        back: dict[str, str] = {picture: mark for mark, picture in self._replaced.items()}
        last = len(name) - 1
        ends = {(0 if left else last): {picture: mark for mark, picture in marks.items()} for left, marks in self._ends}
        for left, marks in self._ends:
            ends[0 if left else last].update({picture: mark for mark, picture in marks.items()})
        known = {*back, QUOTE} | {picture for table in ends.values() for picture in table}
        return _decoded(name, known, lambda mark, place: ends.get(place, {}).get(mark) or back.get(mark, mark))

    def _encode_end(self, name: str, *, left: bool) -> tuple[str, str]:
        for at_left, marks in self._ends:
            if at_left is not left or not name:
                continue
            mark = name[0] if left else name[-1]
            rest = name[1:] if left else name[:-1]
            if mark in marks:
                return marks[mark], rest
            if mark in marks.values():
                return QUOTE + mark, rest
        return "", name

    def _one(self, mark: str, quoted: set[str]) -> str:
        if mark in self._replaced:
            return self._replaced[mark]
        if mark in quoted:
            return QUOTE + mark
        if self._invalid and 0xDC80 <= ord(mark) <= 0xDCFF:
            return f"{QUOTE}{ord(mark) - 0xDC00:02X}"
        return mark


def _picture(mark: str) -> str:
    code = ord(mark)
    if code < 0x20:
        return chr(_PICTURES + code)
    return _DELETE if code == 0x7F else chr(code + _FULL_WIDTH)


def _decoded(name: str, known: set[str], plain: Callable[[str, int], str]) -> str:
    out: list[str] = []
    place = 0
    while place < len(name):
        mark = name[place]
        if mark == QUOTE and place + 1 < len(name) and name[place + 1] in known:
            out.append(name[place + 1])
            place += 2
            continue
        out.append(plain(mark, place))
        place += 1
    return "".join(out)
