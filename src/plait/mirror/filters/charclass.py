"""Character classes of RE2 as ranges of code points, and the same written in Python's syntax.

Source: the syntax page of RE2 ("Perl character classes", "ASCII character classes", "Unicode character class").
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from itertools import groupby

Ranges = tuple[tuple[int, int], ...]
"""Code points, each range with both ends."""


def _ranges(*texts: str) -> Ranges:
    return tuple((ord(text[0]), ord(text[-1])) for text in texts)


DIGIT = _ranges("09")
SPACE = _ranges("\t\n", "\f\r", " ")
WORD = _ranges("09", "AZ", "_", "az")
POSIX = {
    "alnum": _ranges("09", "AZ", "az"),
    "alpha": _ranges("AZ", "az"),
    "ascii": _ranges("\0\x7f"),
    "blank": _ranges("\t", " "),
    "cntrl": _ranges("\0\x1f", "\x7f"),
    "digit": DIGIT,
    "graph": _ranges("!~"),
    "lower": _ranges("az"),
    "print": _ranges(" ~"),
    "punct": _ranges("!/", ":@", "[`", "{~"),
    "space": _ranges("\t\r", " "),
    "upper": _ranges("AZ"),
    "word": WORD,
    "xdigit": _ranges("09", "AF", "af"),
}
_MAJOR_CATEGORIES = {"C": "cfnos", "L": "lmotu", "M": "cen", "N": "dlo", "P": "cdefios", "S": "ckmo", "Z": "lps"}
_CATEGORIES = frozenset(major + minor for major, minors in _MAJOR_CATEGORIES.items() for minor in ("", *minors))
_FOLDED = {"k": "kK\u212a", "s": "sS\u017f"}
"""The letters of ASCII that have more than two cases: the Kelvin sign, the long s."""
_UNFOLDED = "\u0130\u0131"
"""Python takes these for cases of `i`; simple folding, which RE2 does, does not."""


def complement(ranges: Ranges) -> Ranges:
    """All other code points."""
    result = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            result.append((start, low - 1))
        start = max(start, high + 1)
    if start <= sys.maxunicode:
        result.append((start, sys.maxunicode))
    return tuple(result)


@lru_cache(maxsize=16)
def category(name: str) -> Ranges | None:
    """The code points of a general category such as `L` or `Lu`, or of `Any`; None where there is none of this name."""
    if name == "Any":
        return ((0, sys.maxunicode),)
    if name not in _CATEGORIES:
        return None
    from unicodedata import category as category_of

    result = []
    start = 0
    for belongs, group in groupby(range(sys.maxunicode + 1), lambda code: category_of(chr(code)).startswith(name)):
        end = start + sum(1 for _ in group)
        if belongs:
            result.append((start, end - 1))
        start = end
    return tuple(result)


def literal(character: str, *, fold: bool) -> str:
    """One character that stands for itself, in either case with `fold`; always a single atom."""
    if not fold or character in _UNFOLDED:
        return re.escape(character)
    cases = _cases(character)
    if cases:
        return f"[{cases}]"
    return f"(?i:{character})" if character.lower() != character.upper() else re.escape(character)


def _cases(character: str) -> str:
    """All cases of a letter that belongs to ASCII in one of them; "" for other characters."""
    letter = {"\u212a": "k", "\u017f": "s"}.get(character, character).lower()
    if not ("a" <= letter <= "z"):
        return ""
    return _FOLDED.get(letter, letter + letter.upper())


def folded(ranges: Ranges) -> Ranges:
    """The same code points and all their other cases."""
    cases = _ascii_cases() if all(high < 128 for _, high in ranges) else _all_cases()
    return ranges + tuple(
        (ord(case), ord(case))
        for letter, others in cases.items()
        if any(low <= ord(letter) <= high for low, high in ranges)
        for case in others
    )


@lru_cache(maxsize=1)
def _ascii_cases() -> dict[str, str]:
    return {letter: cases for letter in map(chr, range(128)) if (cases := _cases(letter))}


@lru_cache(maxsize=1)
def _all_cases() -> dict[str, str]:
    """All letters that have several cases, by simple folding (Unicode's CaseFolding.txt, status C and S)."""
    orbits: dict[str, str] = {}
    for letter in map(chr, range(sys.maxunicode + 1)):
        key = next((key for key in (letter.casefold(), letter.lower()) if len(key) == 1), letter)
        orbits[key] = orbits.get(key, "") + letter
    return {letter: orbit for orbit in orbits.values() if len(orbit) > 1 for letter in orbit}


def show(ranges: Ranges, *, negated: bool = False) -> str:
    """The class in Python's syntax; always a single atom."""
    if not ranges:
        return r"[\s\S]" if negated else r"(?!)"
    body = "".join(_code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in ranges)
    return f"[{'^' if negated else ''}{body}]"


def _code(code: int) -> str:
    character = chr(code)
    if character.isascii() and character.isalnum():
        return character
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
