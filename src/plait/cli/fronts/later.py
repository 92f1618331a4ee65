"""Fronts that are recognised and not yet there."""

from __future__ import annotations

from typing import NoReturn

from plait.model.errors import NotSupportedError


def refuse(front: str) -> NoReturn:
    """Says that the front is not there yet. Raises NotSupportedError."""
    raise NotSupportedError(f"the {front} front is not in this version yet", hint="plait help lists what is")
