r"""RE2 regular expressions, as rclone's filters hold them, translated for Python's `re`.

The expression is parsed whole and written anew, so that nothing is left to a difference of the two languages: classes
such as `\d` are ASCII only, `$` is the very end, a brace that is no repetition stands for itself, and what RE2 refuses
(look-around, back-references) is refused in its words. Only whether a text matches is kept: groups capture nothing and
repetition is greedy. Source: the syntax page of RE2, as read by Go's package regexp.

Unicode classes are general categories (`\pL`, `\p{Lu}`); scripts (`\p{Greek}`) are refused, for lack of tables.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from plait.mirror.filters import charclass

if TYPE_CHECKING:
    from plait.mirror.filters.charclass import Ranges

_MOST_REPEATS = 1000
_DEEPEST = 100
"""Nesting of groups; Go allows 1000, the recursion here (and in Python's own parser) less."""
_REPEAT = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_PLAIN = re.compile(r"[^\\\[\](){}.*+?|^$]+(?=[^\\\[\](){}.*+?|^$])")
_GROUP_NAME = re.compile(r"\?P?<([^>]*)>")
_OCTAL = re.compile("[1-7][0-7]{1,2}|0[0-7]{0,2}")
_HEX = re.compile(r"x\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{2})")
_CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_PERL = {"d": charclass.DIGIT, "s": charclass.SPACE, "w": charclass.WORD}
_EDGES = {"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?a:\B)"}


class ExpressionError(ValueError):
    """The expression is not one of RE2's; the message is Go's."""

    def __init__(self, problem: str, culprit: str) -> None:
        super().__init__(f"error parsing regexp: {problem}: `{culprit}`")


class _Piece(NamedTuple):
    """A part of a branch, in Python's syntax.

    `repeats`: how often its innermost part is repeated by counts. `single`: a quantifier may follow as it is.
    """

    text: str
    repeats: int = 1
    single: bool = True


def translate(expression: str, *, capturing: bool = False) -> str:
    """The expression for Python's `re`, to be used with `search`. Raises ExpressionError.

    `capturing`: its groups can be asked for.
    """
    return _joined(_parse(expression, capturing=capturing))


def translate_for_match(expression: str) -> str:
    """The expression for Python's `re`, to be used with `match` (or as a branch of one). Raises ExpressionError.

    The two beginnings of all path rules, `^` and `(^|/)`, are written so that no text is searched position by position.
    """
    fold = "(?i)" if expression.startswith("(?i)") else ""
    for beginning, lead in (("(^|/)", r"(?:[\s\S]*/)?"), ("^", "")):
        if expression.startswith(fold + beginning):
            rest = _parse_or_nothing(fold + expression[len(fold) + len(beginning) :])
            if len(rest) == 1:
                return lead + rest[0].text
    return rf"[\s\S]*?(?:{translate(expression)})"


def _parse_or_nothing(expression: str) -> list[_Piece]:
    try:
        return _parse(expression)
    except ExpressionError:
        return []


def _parse(expression: str, *, capturing: bool = False) -> list[_Piece]:
    parser = _Parser(expression, capturing=capturing)
    branches = parser.branches(0)
    if parser.position < len(expression):
        raise ExpressionError("unexpected )", expression)
    return branches


def _joined(branches: list[_Piece]) -> str:
    return "|".join(branch.text for branch in branches)


class _Parser:
    """A recursive descent; `position` is the next character, the flags are those of RE2's `(?ims)`."""

    def __init__(self, text: str, *, capturing: bool = False) -> None:
        self.text = text
        self.capturing = capturing
        self.position = 0
        self.fold = False
        self.lines = False
        self.dot_all = False

    def branches(self, depth: int) -> list[_Piece]:
        """What stands between bars, up to a closing parenthesis or the end."""
        branches = [self._branch(depth)]
        while self._next() == "|":
            self.position += 1
            branches.append(self._branch(depth))
        return branches

    def _next(self) -> str:
        return self.text[self.position : self.position + 1]

    def _branch(self, depth: int) -> _Piece:
        pieces: list[_Piece] = []
        quantified_at = ""
        while self._next() not in {"", "|", ")"}:
            start = self.position
            quantifier = self._quantifier()
            if quantifier is None:
                pieces += self._plain() or self._atom(depth)
                quantified_at = ""
                continue
            if not pieces:
                raise ExpressionError("missing argument to repetition operator", self.text[start : self.position])
            if quantified_at:
                raise ExpressionError(
                    "invalid nested repetition operator", quantified_at + self.text[start : self.position]
                )
            quantified_at = self.text[start : self.position]
            pieces.append(_repeated(pieces.pop(), quantifier, quantified_at))
        return _Piece("".join(piece.text for piece in pieces), max((piece.repeats for piece in pieces), default=1))

    def _quantifier(self) -> tuple[int, int | None] | None:
        """How often the piece before is repeated, at least and at most; None where no quantifier stands here."""
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        found = simple.get(self._next())
        if found is not None:
            self.position += 1
        else:
            braces = _REPEAT.match(self.text, self.position)
            if braces is None:
                return None
            least = int(braces[1])
            most = least if braces[2] is None else int(braces[3]) if braces[3] else None
            if least > _MOST_REPEATS or (most is not None and not least <= most <= _MOST_REPEATS):
                raise ExpressionError("invalid repeat count", braces[0])
            found = (least, most)
            self.position = braces.end()
        if self._next() == "?":
            self.position += 1
        return found

    def _plain(self) -> list[_Piece]:
        """Characters that stand for themselves, but for the last, which a quantifier may concern."""
        found = None if self.fold else _PLAIN.match(self.text, self.position)
        if found is None:
            return []
        self.position = found.end()
        return [_Piece(re.escape(found[0]))]

    def _atom(self, depth: int) -> list[_Piece]:
        """The next atom; nothing for flags such as `(?i)`, several for quoted text."""
        character = self._next()
        if character == "(":
            return self._group(depth)
        if character == "[":
            return [_Piece(self._class())]
        if character == "\\":
            return self._escape()
        self.position += 1
        if character == ".":
            return [_Piece(r"[\s\S]" if self.dot_all else ".")]
        if character == "^":
            return [_Piece(r"(?:\A|(?<=\n))" if self.lines else r"\A", single=False)]
        if character == "$":
            return [_Piece(r"(?=\n|\Z)" if self.lines else r"\Z", single=False)]
        return [_Piece(charclass.literal(character, fold=self.fold))]

    def _group(self, depth: int) -> list[_Piece]:
        if depth >= _DEEPEST:
            raise ExpressionError("expression nests too deeply", self.text)
        before = (self.fold, self.lines, self.dot_all)
        self.position += 1
        opening = self._opening() if self.capturing else "(?:"
        if self._next() == "?" and not self._named_group() and self._flags():
            return []
        branches = self.branches(depth + 1)
        if self._next() != ")":
            raise ExpressionError("missing closing )", self.text)
        self.position += 1
        self.fold, self.lines, self.dot_all = before
        return [_Piece(f"{opening}{_joined(branches)})", max(branch.repeats for branch in branches))]

    def _opening(self) -> str:
        """How Python begins the group at this position."""
        named = _GROUP_NAME.match(self.text, self.position)
        if named is not None:
            return f"(?P<{named[1]}>"
        return "(?:" if self._next() == "?" else "("

    def _named_group(self) -> bool:
        """Passes over `?P<name>` or `?<name>`, where one stands here."""
        if not self.text.startswith(("?P<", "?<"), self.position) or self.text.startswith(
            ("?<=", "?<!"), self.position
        ):
            return False
        found = _GROUP_NAME.match(self.text, self.position)
        if found is None:
            raise ExpressionError("invalid named capture", self.text[self.position - 1 :])
        if re.fullmatch("[0-9A-Za-z_]+", found[1]) is None:
            raise ExpressionError("invalid named capture", "(" + found[0])
        self.position = found.end()
        return True

    def _flags(self) -> bool:
        """Reads `?flags` and sets them; True where they stand alone, False where a group follows their colon."""
        start = self.position - 1
        self.position += 1
        value, seen = True, False
        while True:
            character = self._next()
            self.position += 1
            if character in {"i", "m", "s", "U"}:
                self._set_flag(character, value=value)
                seen = True
            elif character == "-" and value:
                value, seen = False, False
            elif character in {":", ")"} and (value or seen):
                return character == ")"
            else:
                raise ExpressionError("invalid or unsupported Perl syntax", self.text[start : self.position])

    def _set_flag(self, flag: str, *, value: bool) -> None:
        if flag == "i":
            self.fold = value
        elif flag == "m":
            self.lines = value
        elif flag == "s":
            self.dot_all = value

    def _escape(self) -> list[_Piece]:
        letter = self.text[self.position + 1 : self.position + 2]
        if letter in _EDGES:
            self.position += 2
            return [_Piece(_EDGES[letter], single=False)]
        if letter == "Q":
            quoted, _, _ = self.text[self.position + 2 :].partition("\\E")
            self.position = min(self.position + 4 + len(quoted), len(self.text))
            return [_Piece(charclass.literal(character, fold=self.fold)) for character in quoted]
        ranges = self._class_escape()
        if ranges is not None:
            return [_Piece(charclass.show(self._folded(ranges)))]
        return [_Piece(charclass.literal(chr(self._character_escape()), fold=self.fold))]

    def _class_escape(self) -> Ranges | None:
        r"""The class of `\d`, `\W`, `\pL`, `\P{Lu}` …; None where no such escape stands here."""
        letter = self.text[self.position + 1 : self.position + 2]
        if letter.lower() in _PERL:
            self.position += 2
            ranges = _PERL[letter.lower()]
            return charclass.complement(self._folded(ranges)) if letter.isupper() else ranges
        if letter not in {"p", "P"}:
            return None
        found = re.compile(r"\\[pP](?:\{(\^?)([^}]*)\}|(\^?)(.))", re.DOTALL).match(self.text, self.position)
        if found is None:
            raise ExpressionError("invalid character class range", self.text[self.position :])
        self.position = found.end()
        name = found[2] if found[2] is not None else found[4]
        category = charclass.category(name)
        if category is None:
            raise ExpressionError("invalid character class range", found[0])
        negated = (letter == "P") != bool(found[1] or found[3])
        return charclass.complement(self._folded(category)) if negated else category

    def _folded(self, ranges: Ranges) -> Ranges:
        return charclass.folded(ranges) if self.fold else ranges

    def _character_escape(self) -> int:
        """The code of the one character that the escape here stands for."""
        start = self.position
        letter = self.text[start + 1 : start + 2]
        if not letter:
            raise ExpressionError("trailing backslash at end of expression", "")
        octal = _OCTAL.match(self.text, start + 1)
        if octal is not None:
            self.position = octal.end()
            return int(octal[0], 8)
        code = -1
        if letter == "x":
            found = _HEX.match(self.text, start + 1)
            if found is not None:
                code = int(found[1] or found[2], 16)
            self.position = found.end() if found is not None else min(start + 4, len(self.text))
        else:
            self.position = start + 2
            if letter in _CONTROLS:
                code = _CONTROLS[letter]
            elif letter.isascii() and not letter.isalnum():
                code = ord(letter)
        if not 0 <= code <= sys.maxunicode:
            raise ExpressionError("invalid escape sequence", self.text[start : self.position])
        return code

    def _class(self) -> str:
        start = self.position
        self.position += 1
        negated = self._next() == "^"
        self.position += negated
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self._next() != "]":
            first = False
            if not self._next():
                raise ExpressionError("missing closing ]", self.text[start:])
            ranges += self._class_item(start)
        self.position += 1
        return charclass.show(self._folded(tuple(ranges)), negated=negated)

    def _class_item(self, start: int) -> Ranges:
        """A named class, a class escape, a range or a single character inside brackets that open at `start`."""
        named = re.compile(r"\[:(\^?)([^\]]*?):\]").match(self.text, self.position)
        if named is not None:
            self.position = named.end()
            ranges = charclass.POSIX.get(named[2])
            if ranges is None:
                raise ExpressionError("invalid character class range", named[0])
            return charclass.complement(self._folded(ranges)) if named[1] else ranges
        if self._next() == "\\":
            ranges = self._class_escape()
            if ranges is not None:
                return ranges
        begin = self.position
        low = high = self._class_character(start)
        if self._next() == "-" and self.text[self.position + 1 : self.position + 2] not in {"", "]"}:
            self.position += 1
            high = self._class_character(start)
            if high < low:
                raise ExpressionError("invalid character class range", self.text[begin : self.position])
        return ((low, high),)

    def _class_character(self, start: int) -> int:
        character = self._next()
        if not character:
            raise ExpressionError("missing closing ]", self.text[start:])
        if character == "\\":
            return self._character_escape()
        self.position += 1
        return ord(character)


def _repeated(piece: _Piece, quantifier: tuple[int, int | None], text: str) -> _Piece:
    least, most = quantifier
    repeats = piece.repeats * max(1, least if most is None else most)
    if repeats > _MOST_REPEATS:
        raise ExpressionError("invalid repeat count", text)
    atom = piece.text if piece.single else f"(?:{piece.text})"
    symbol = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get(quantifier)
    if symbol is None:
        symbol = f"{{{least},{'' if most is None else most}}}"
    return _Piece(atom + symbol, repeats, single=False)
