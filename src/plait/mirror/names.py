"""Names as rclone has them inside: control characters as their pictures, so that rules and lists can hold them.

A newline in a name is U+240A there; a name that holds such a picture itself gets a quote (U+201B) before it.
Source: rclone's manual, "Restricted characters" and "Encoding"; this is what the local backend's names become.
"""

from __future__ import annotations

import re

_QUOTE = "\u201b"
_SPECIAL = re.compile(f"{_QUOTE}[{_QUOTE}\u2400\uff0f]|[{_QUOTE}\x00-\x1f\x7f\u2401-\u241f\u2421]")
_DOTS = re.compile("(?:\\A|(?<=/))(?:\\.\\.?|\uff0e\uff0e?|\u201b\uff0e(?:\u201b\uff0e)?)(?=/|\\Z)")
_DOT = {".": "\uff0e", "..": "\uff0e\uff0e"}


def inside(path: str) -> str:
    """The path of a file, a key without slashes at its ends, as rclone has it inside and shows it."""
    if path.isascii() and path.isprintable() and "/." not in path and path[:1] != ".":
        return path
    if _SPECIAL.search(path) is None and _DOTS.search(path) is None:
        return path
    return "/".join(_name_inside(name) for name in path.split("/"))


def _name_inside(name: str) -> str:
    if _DOTS.fullmatch(name) is not None:
        return _DOT.get(name, name)
    return _SPECIAL.sub(_picture, name)


def _picture(found: re.Match[str]) -> str:
    text = found[0]
    if len(text) == 2:
        return text
    code = ord(text)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else _QUOTE + text
