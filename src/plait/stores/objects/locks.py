"""Object locks: the headers that say until when nobody may change or remove an object.

Source: Amazon S3 API Reference, "PutObject"; rclone 1.75, backend s3 (its options `object_lock_…`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from plait.model.errors import ConfigurationError
from plait.model.values.durations import parse_duration
from plait.model.values.times import show_rfc3339

if TYPE_CHECKING:
    from plait.stores.objects.options import S3Options

PREFIX: Final = "x-amz-object-lock-"
BYPASS: Final = "x-amz-bypass-governance-retention"


def lock_headers(options: S3Options) -> dict[str, str]:
    """What goes with every object. Raises ConfigurationError for what cannot be.

    A retention needs both a mode and a date: one of them alone does nothing, as with rclone.
    """
    found = {}
    mode, until = options.object_lock_mode.upper(), options.object_lock_retain_until_date
    if mode not in {"", "GOVERNANCE", "COMPLIANCE"}:
        raise ConfigurationError("s3: object_lock_mode can be GOVERNANCE or COMPLIANCE")
    if mode and until:
        found[PREFIX + "mode"] = mode
        found[PREFIX + "retain-until-date"] = _moment(until)
    hold = options.object_lock_legal_hold_status.upper()
    if hold not in {"", "ON", "OFF"}:
        raise ConfigurationError("s3: object_lock_legal_hold_status can be ON or OFF")
    if hold:
        found[PREFIX + "legal-hold"] = hold
    return found


def deletion_headers(options: S3Options) -> dict[str, str]:
    """What goes with every deletion."""
    return {BYPASS: "true"} if options.bypass_governance_retention else {}


def _moment(text: str) -> str:
    """A time in RFC 3339 as it is; a duration as the time after it."""
    from datetime import datetime

    try:
        datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return text
    try:
        length = parse_duration(text)
    except ValueError:
        length = None
    if length is None:
        raise ConfigurationError(f"s3: object_lock_retain_until_date is neither a time nor a duration: {text!r}")
    whole = int(time.time()) * 10**9 + length
    return show_rfc3339(whole - whole % 10**9)
