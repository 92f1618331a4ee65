"""Entries of plakar's configuration, as commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK: Final = "********"
_SECRET_KEYS: Final = (
    "access_key",
    "secret_access_key",
    "passphrase",
    "password",
    "pass",
    "private_key",
    "token",
    "client_id",
    "client_secret",
    "auth_token",
    "sse_customer_key",
)


def masked(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings, without the values that nobody should see by accident."""
    return {key: MASK if _is_secret(key) else value for key, value in settings.items()}


def show_ini(name: str, settings: Mapping[str, str]) -> str:
    """A section of an INI file."""
    width = max(map(len, settings), default=0)
    return "\n".join([f"[{name}]", *(f"{key:<{width}} = {value}" for key, value in settings.items())])


def _is_secret(key: str) -> bool:
    lowered = key.lower()
    return any(lowered == secret or lowered.endswith("_" + secret) for secret in _SECRET_KEYS)
