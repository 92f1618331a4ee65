"""rclone's obscured values: not a secret, only unreadable at a glance.

Base64 (URL alphabet, no padding) of a random 16-byte IV and the AES-256-CTR of the text under a key that is public and
fixed. Source: rclone, `fs/config/obscure`.
"""

from __future__ import annotations

import base64
import binascii
import os

from plait.model.errors import ConfigurationError

_KEY = bytes.fromhex("9c935b48730a554d6bfd7c63c886a92bd390198eb8128afbf4de162b8b95f638")
_IV_SIZE = 16


def obscure(text: str) -> str:
    """The obscured form of a text; another one each time."""
    initial = os.urandom(_IV_SIZE)
    return base64.urlsafe_b64encode(initial + _crypt(initial, text.encode())).rstrip(b"=").decode()


def reveal(text: str) -> str:
    """The text behind an obscured value. Raises ConfigurationError where it is none."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError("base64 decode failed when revealing password - is it obscured?") from None
    if len(raw) < _IV_SIZE:
        raise ConfigurationError("input too short when revealing password - is it obscured?")
    try:
        return _crypt(raw[:_IV_SIZE], raw[_IV_SIZE:]).decode()
    except UnicodeDecodeError:
        raise ConfigurationError("what is revealed is no text - is it obscured?") from None


def _crypt(initial: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    stream = Cipher(algorithms.AES(_KEY), modes.CTR(initial)).encryptor()
    return stream.update(data) + stream.finalize()
