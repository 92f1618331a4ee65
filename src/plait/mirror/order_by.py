"""`--order-by`: in which order transfers begin. Source: rclone's manual, "--order-by"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from plait.engine.ordering import Ordering
from plait.model.errors import ConfigurationError, FatalError
from plait.model.items import order_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.model.actions import Action

_HALF = 50


def parse_order(text: str) -> Ordering | None:
    """`size|name|modtime[,ascending|descending|mixed[,PERCENT]]` or `pattern,GLOB…`; None for no order.

    Raises FatalError, in rclone's words.
    """
    if not text:
        return None
    what, *rest = text.split(",")
    if what.lower() == "pattern":
        return Ordering(_by_pattern(rest))
    key = _KEYS.get(what.lower())
    if key is None:
        raise FatalError(f'unknown --order-by comparison "{what}"')
    direction = rest[0].lower() if rest else "ascending"
    if direction == "mixed":
        if len(rest) > 2:
            raise FatalError(f'bad --order-by string "{text}"')
        return Ordering(key, share=_percentage(rest[1]) if len(rest) > 1 else _HALF)
    if direction not in {"ascending", "asc", "descending", "desc"}:
        raise FatalError(f'unknown --order-by sort direction "{rest[0]}"')
    if len(rest) > 1:
        raise FatalError(f'bad --order-by string "{text}"')
    return Ordering(key, descending=direction.startswith("desc"))


def _percentage(text: str) -> int:
    if not re.fullmatch("[+-]?[0-9]{1,9}", text):
        raise FatalError(f'bad mixed fraction --order-by "{text}"')
    return int(text)


def _by_pattern(globs: Sequence[str]) -> Callable[[Action], Any]:
    from plait.mirror.filters.globs import glob_to_expression
    from plait.mirror.filters.re2 import translate

    if not globs:
        raise FatalError("pattern requires at least one glob")
    patterns: list[re.Pattern[str]] = []
    for glob in globs:
        if not glob:
            raise FatalError("empty pattern glob")
        try:
            patterns.append(re.compile(translate(glob_to_expression(glob))))
        except (ConfigurationError, ValueError) as error:
            raise FatalError(f'bad pattern glob "{glob}": {error}') from None

    def key(action: Action) -> Any:
        path = action.key if action.source is None else action.source.key
        rank = next((at for at, pattern in enumerate(patterns) if pattern.search(path)), len(patterns))
        return rank, order_bytes(path)

    return key


def _name(action: Action) -> Any:
    return order_bytes(action.key if action.source is None else action.source.key)


def _size(action: Action) -> Any:
    return -1 if action.source is None or action.source.size is None else action.source.size


def _time(action: Action) -> Any:
    return 0 if action.source is None else action.source.modified or 0


_KEYS = {"name": _name, "size": _size, "modtime": _time}
