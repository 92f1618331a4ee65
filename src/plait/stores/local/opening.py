"""Opening a local store from rclone's options of the `local` backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import ConfigurationError
from plait.model.values.flags import parse_bool
from plait.stores.hashes import COMPUTABLE
from plait.stores.local.options import Links, LocalOptions
from plait.stores.local.store import LocalStore
from plait.stores.location import clean_local_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.stores.base import Store
    from plait.stores.registry import Opening

SWITCHES = {
    "skip_links": "skip_links",
    "skip_specials": "skip_specials",
    "one_file_system": "one_file_system",
    "no_check_updated": "no_check_updated",
    "no_preallocate": "no_preallocate",
    "no_set_modtime": "no_set_modtime",
    "metadata_restore_special_bits": "restore_special_bits",
}
"""rclone's names of switches, and the fields they set."""
LINK_MODES = {"links": Links.TRANSLATE, "copy_links": Links.FOLLOW}
KEPT_AS_THEY_ARE = frozenset({"slash", "dot", "none", "raw"})
"""Encodings that change no name which a local file can have."""
TIMES = ("mtime", "atime", "btime", "ctime")
CASES = {"case_sensitive": True, "case_insensitive": False}


def open_local(path: str, options: Mapping[str, str], opening: Opening) -> tuple[Store, str]:
    """Opens a local path, which need not exist; see `plait.stores.registry.Opener`."""
    store = LocalStore(clean_local_path(path), local_options(options, opening.local), opening.notice, opening.notices)
    wanted = options.get("time_type") or TIMES[0]
    if wanted.lower() not in TIMES:
        raise ConfigurationError(f"local: time_type cannot be {wanted!r}", hint=f"one of {', '.join(TIMES)}")
    if wanted.lower() == TIMES[0]:
        return store, store.path
    from plait.stores.local.other_times import with_times

    return with_times(store, wanted.lower()), store.path


def local_options(options: Mapping[str, str], base: LocalOptions) -> LocalOptions:
    """`base` with rclone's options of the backend applied.

    Options that change nothing here (`no_sparse` …) and keys that rclone does not know either are
    passed over, as rclone does. Raises ConfigurationError for what cannot be honoured.
    """
    changes: dict[str, object] = {}
    for name, value in options.items():
        if name in SWITCHES:
            changes[SWITCHES[name]] = _switch(name, value)
        elif name in LINK_MODES and _switch(name, value):
            changes["links"] = LINK_MODES[name]
        elif name in CASES and _switch(name, value):
            changes["case_sensitive"] = CASES[name]
        elif name == "hashes":
            changes["hashes"] = _hashes(value)
        elif name == "encoding":
            _check_encoding(value)
    if _both_link_modes(options):
        raise ConfigurationError("can't use -l/--links with -L/--copy-links")
    return msgspec.structs.replace(base, **changes)


def _hashes(value: str) -> tuple[str, ...] | None:
    """The hashes of a list, those that there are; None for an empty list."""
    named = {name.strip().lower() for name in value.split(",")}
    return tuple(name for name in COMPUTABLE if name in named) if value else None


def _check_encoding(value: str) -> None:
    """Raises ConfigurationError where names would be stored otherwise than they are."""
    for name in value.split(","):
        if name.strip().lower() not in KEPT_AS_THEY_ARE:
            raise ConfigurationError(f"local: encoding {name.strip()} is not supported: names are kept as they are")


def _both_link_modes(options: Mapping[str, str]) -> bool:
    return all(_switch(name, options.get(name, "false")) for name in ("links", "copy_links"))


def _switch(name: str, value: str) -> bool:
    try:
        return parse_bool(value)
    except ValueError as error:
        raise ConfigurationError(f"local: option {name}: {error}") from None
