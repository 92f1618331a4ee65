"""Which names match: equal after Unicode normalisation, and after case folding where asked.

The normal form is rclone's: NFC, then lower case character by character. The merge streams names that no other name can
match and looks closer at the rest; the fast tests for that live here.
"""

from __future__ import annotations

import msgspec


class Names(msgspec.Struct, frozen=True):
    """A rule of matching: `unicode` matches canonically equal names, `fold` ignores case."""

    unicode: bool = True
    fold: bool = False

    def normal(self, name: str) -> str:
        """The normal form of a name; two names match where it is equal."""
        if name.isascii():
            return name.lower() if self.fold else name
        if self.unicode:
            from unicodedata import normalize

            name = normalize("NFC", name)
        return "".join(map(_lower, name)) if self.fold else name

    def plain(self, text: str) -> bool:
        """True where each name in `text` (names joined by "/") can only match a name equal to it; quick.

        Three ASCII characters are the NFC form of another one, too (U+212A, U+037E, U+1FEF).
        """
        return not (self.fold or "K" in text or ";" in text or "`" in text) and text.isascii()

    def own(self, text: str) -> bool:
        """True where each name in `text` (names joined by "/") is its own normal form."""
        if self.fold or not self.unicode:
            return self.normal(text) == text
        from unicodedata import is_normalized

        return is_normalized("NFC", text)


def _lower(character: str) -> str:
    # U+0130 is the one character whose lower case is two; Go's, and so rclone's, is "i".
    return "i" if character == "\u0130" else character.lower()


NFC = Names()
NFC_FOLDED = Names(fold=True)
