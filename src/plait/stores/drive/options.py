"""Options of a remote of type drive, under rclone's names.

Source: rclone 1.75, backend drive (its manual, "Standard options", "Advanced options").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.model.errors import ConfigurationError
from plait.model.values.flags import parse_bool
from plait.model.values.sizes import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SMALLEST_CHUNK: Final = 256 << 10
"""Chunks of a resumable upload are multiples of this (Drive API, "Upload file data")."""


class DriveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options; see rclone's manual. `repr` hides them: some are secret."""

    client_id: str = ""
    client_secret: str = ""
    token: str = ""
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address)
    scope: str = "drive"
    root_folder_id: str = ""
    team_drive: str = ""
    service_account_file: str = ""
    service_account_credentials: str = ""
    impersonate: str = ""
    env_auth: bool = False
    auth_owner_only: bool = False
    use_trash: bool = True
    skip_gdocs: bool = False
    show_all_gdocs: bool = False
    shared_with_me: bool = False
    trashed_only: bool = False
    starred_only: bool = False
    export_formats: str = "docx,xlsx,pptx,svg"
    use_created_date: bool = False
    list_chunk: int = 1000
    acknowledge_abuse: bool = False
    keep_revision_forever: bool = False
    skip_shortcuts: bool = False
    skip_dangling_shortcuts: bool = False
    skip_checksum_gphotos: bool = False
    chunk_size: int = 8 << 20
    upload_cutoff: int = 8 << 20
    stop_on_upload_limit: bool = False
    stop_on_download_limit: bool = False
    resource_key: str = ""

    def __repr__(self) -> str:
        return "DriveOptions(…)"


ALIASES: Final = {"formats": "export_formats"}
WITHOUT_EFFECT: Final = frozenset(
    {
        "allow_import_name_change",
        "auth_url",
        "client_credentials",
        "description",
        "disable_http2",
        "encoding",
        "fast_list_bug_fix",
        "pacer_burst",
        "pacer_min_sleep",
        "server_side_across_configs",
        "size_as_quota",
        "type",
        "v2_download_min_size",
    }
)
"""Options that steer something that is done otherwise here, or only how the original asks Google."""
REFUSED: Final = {
    "copy_shortcut_content": "shortcuts are followed, and not copied as such",
    "import_formats": "files are stored as they are, never turned into documents",
    "metadata_enforce_expansive_access": "permissions are not carried",
    "metadata_labels": "labels are not carried",
    "metadata_owner": "owners are not carried",
    "metadata_permissions": "permissions are not carried",
    "use_shared_date": "the date of sharing is not shown as a modification time",
}
"""Options that would change what is stored, and are not there."""
_OFF: Final = frozenset({"", "false", "off", "read"})


def parse_options(options: Mapping[str, str]) -> DriveOptions:
    """The options of a remote. Unknown keys are passed over, as by rclone. Raises ConfigurationError."""
    found: dict[str, Any] = {}
    for name, text in options.items():
        field = ALIASES.get(name, name)
        if name in REFUSED and text.lower() not in _OFF:
            raise ConfigurationError(f"drive: option {name} is not supported: {REFUSED[name]}", hint="leave it out")
        parse = _PARSERS.get(field)
        if parse is None:
            continue
        try:
            found[field] = parse(text)
        except ValueError as error:
            raise ConfigurationError(f"drive: option {name}: {error}") from None
    parsed = DriveOptions(**found)
    if parsed.chunk_size < SMALLEST_CHUNK:
        raise ConfigurationError(f"drive: chunk size: {parsed.chunk_size} is less than {SMALLEST_CHUNK}")
    if parsed.chunk_size & (parsed.chunk_size - 1):
        raise ConfigurationError(f"drive: chunk size {parsed.chunk_size} isn't a power of two")
    return parsed


def _bytes(text: str) -> int:
    size = parse_size(text)
    if size is None:
        raise ValueError("a size is wanted")
    return size


_KINDS: Final[Mapping[type, Callable[[str], Any]]] = {bool: parse_bool, int: int, str: str}
_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    **{field.name: _KINDS[type(field.default)] for field in msgspec.structs.fields(DriveOptions)},
    "chunk_size": _bytes,
    "upload_cutoff": _bytes,
}
