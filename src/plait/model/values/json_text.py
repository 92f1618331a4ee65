"""JSON as Go's encoding/json writes it: `<`, `>` and `&` escaped, and what is no UTF-8 replaced."""

from __future__ import annotations

import json
from typing import Any, Final

_ESCAPES: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def go_json(value: Any, *, indent: str | None = None) -> str:
    """A value as Go writes it, on one line, or indented. Mappings keep their order."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, ensure_ascii=False, separators=separators, indent=indent)
    return text.translate(_ESCAPES).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
