"""Files of the Drive API as items: names and keys, queries, and what a document is exported as.

Source: rclone 1.75, backend drive, which names of things and rules for documents are; Drive API v3, "Search query terms
and operators", "Export MIME types".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.model.errors import ConfigurationError, NotSupportedError, UnsafeNameError
from plait.model.items import Kind, Stat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.stores.drive.options import DriveOptions

FOLDER: Final = "application/vnd.google-apps.folder"
SHORTCUT: Final = "application/vnd.google-apps.shortcut"
NATIVE: Final = "application/vnd.google-apps."
FIELDS: Final = (
    "id,name,size,md5Checksum,sha1Checksum,sha256Checksum,trashed,modifiedTime,createdTime,mimeType,parents,"
    "shortcutDetails,exportLinks,resourceKey,ownedByMe,webViewLink"
)
HASHES: Final = {"md5": "md5Checksum", "sha1": "sha1Checksum", "sha256": "sha256Checksum"}
_SLASH: Final = "\N{FULLWIDTH SOLIDUS}"
_QUOTE: Final = "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}"
_SECOND: Final = 1_000_000_000
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
EXTENSIONS: Final[Mapping[str, str]] = {
    ".bmp": "image/bmp",
    ".csv": "text/csv",
    ".doc": "application/msword",
    ".docx": f"{_OFFICE}wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".html": "text/html",
    ".jpg": "image/jpeg",
    ".json": "application/vnd.google-apps.script+json",
    ".md": "text/markdown",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".pdf": "application/pdf",
    ".pjpeg": "image/pjpeg",
    ".png": "image/png",
    ".pptx": f"{_OFFICE}presentationml.presentation",
    ".rtf": "application/rtf",
    ".svg": "image/svg+xml",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".wmf": "application/x-msmetafile",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": f"{_OFFICE}spreadsheetml.sheet",
    ".zip": "application/zip",
}
"""Types that documents can be exported as, by rclone's extension for them."""
LINKS: Final[Mapping[str, str]] = {
    ".desktop": "[Desktop Entry]\nEncoding=UTF-8\nName={name}\nURL={url}\nIcon=text-html\nType=Link\n",
    ".link.html": '<html><head>\n  <meta http-equiv="refresh" content="0; url={url}" />\n  <title>{name}</title>\n'
    '</head><body>\n  Loading <a href="{url}">{name}</a>\n</body></html>\n',
    ".url": "[InternetShortcut]\r\nURL={url}\r\n",
    ".webloc": '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
    '"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0">\n  <dict>\n    <key>URL</key>\n'
    "    <string>{url}</string>\n  </dict>\n</plist>\n",
}
"""Files that lead to a document, by extension."""


class Export(msgspec.Struct, frozen=True):
    """What a document becomes: the extension of its name, the type to ask for, or the text of a file that links."""

    extension: str
    mime_type: str = ""
    template: str = ""


class Found(msgspec.Struct, frozen=True):
    """A file of the API under the name that it has here; `export` where it is a document."""

    name: str
    fields: Mapping[str, Any]
    stat: Stat
    export: Export | None = None
    shortcut: str = ""

    @property
    def identifier(self) -> str:
        """What the API calls it; of a shortcut, what it leads to."""
        return str(self.fields["id"])

    @property
    def place(self) -> str:
        """What has the name: the shortcut, where it is one. This is what is renamed and removed."""
        return self.shortcut or self.identifier

    def through(self, shortcut: str) -> Found:
        """The same as what a shortcut leads to; both identifiers are told, as rclone tells them."""
        stat = msgspec.structs.replace(self.stat, identifier=f"{self.identifier}\t{shortcut}")
        return msgspec.structs.replace(self, shortcut=shortcut, stat=stat)

    @property
    def is_folder(self) -> bool:
        """True for a folder, and a shortcut to one."""
        return self.stat.kind is Kind.DIRECTORY


def place_in(identifier: str) -> str:
    """What has a name, in an identifier that was told: the shortcut, where it is one."""
    return identifier.rpartition("\t")[2]


class Files:
    """Turns what the API says of files into items, as a remote's options have it."""

    def __init__(self, options: DriveOptions) -> None:
        """Raises ConfigurationError for an export format that there is not."""
        self._options = options
        self._formats = _formats(options.export_formats)
        self.skipped: tuple[str, str] | None = None

    def found(self, fields: Mapping[str, Any]) -> Found | None:
        """The file under its name; None for what is left out. `skipped` is the first that no format is there for."""
        name = to_key(str(fields.get("name", "")))
        kind = str(fields.get("mimeType", ""))
        if kind == FOLDER:
            return Found(name, fields, self._stat(fields, Kind.DIRECTORY))
        if self._options.auth_owner_only and not fields.get("ownedByMe"):
            return None
        if "md5Checksum" in fields or "size" in fields or not kind.startswith(NATIVE):
            return Found(name, fields, self._stat(fields, Kind.FILE))
        if self._options.skip_gdocs:
            return None
        export = self.export(fields)
        if export is None:
            self.skipped = self.skipped or (name, kind)
            return None
        stat = msgspec.structs.replace(self._stat(fields, Kind.FILE), content_type=export.mime_type or None)
        if export.template:
            stat = msgspec.structs.replace(stat, size=len(link_content(fields, export)))
        return Found(name + export.extension, fields, stat, export)

    def export(self, fields: Mapping[str, Any]) -> Export | None:
        """What a document is exported as: the first of the formats that the API offers for it."""
        if self._options.show_all_gdocs:
            return Export("", str(fields["mimeType"]))
        offered = fields.get("exportLinks") or {}
        for extension in self._formats:
            if extension in LINKS:
                return Export(extension, template=LINKS[extension])
            if EXTENSIONS[extension] in offered:
                return Export(extension, EXTENSIONS[extension])
        return None

    def stems(self, name: str) -> list[str]:
        """The names of documents that would be exported under a name."""
        if self._options.skip_gdocs:
            return []
        return [name.removesuffix(extension) for extension in self._formats if name.endswith(extension)]

    def _stat(self, fields: Mapping[str, Any], kind: Kind) -> Stat:
        hashes = {name: str(fields[field]).lower() for name, field in HASHES.items() if field in fields}
        if self._options.skip_checksum_gphotos and "photos" in (fields.get("spaces") or ()):
            hashes = {}
        size = fields.get("size")
        moment = "createdTime" if self._options.use_created_date else "modifiedTime"
        return Stat(
            kind,
            int(size) if size is not None and kind is Kind.FILE else None,
            modified=parse_time(str(fields.get(moment, ""))),
            stored_at=parse_time(str(fields.get("createdTime", ""))),
            hashes=hashes if kind is Kind.FILE else {},
            content_type=str(fields["mimeType"]) if kind is Kind.FILE else None,
            identifier=str(fields["id"]),
        )


def _formats(text: str) -> list[str]:
    formats = []
    for part in text.lower().split(","):
        extension = part.strip()
        if not extension:
            continue
        extension = extension if extension.startswith(".") else "." + extension
        if extension not in EXTENSIONS and extension not in LINKS:
            raise ConfigurationError(f'drive: couldn\'t find MIME type for extension "{extension}"')
        formats.append(extension)
    return list(dict.fromkeys(formats))


def link_content(fields: Mapping[str, Any], export: Export) -> bytes:
    """The content of a file that leads to a document."""
    from html import escape

    url = str(fields.get("webViewLink", ""))
    name = str(fields.get("name", ""))
    marked_up = export.extension in {".link.html", ".webloc"}
    return export.template.format(name=escape(name) if marked_up else name, url=url).encode()


def to_key(name: str) -> str:
    """A name of the API as part of a key: a slash in it becomes its full-width twin, as rclone has it."""
    if _SLASH in name:
        name = name.replace(_SLASH, _QUOTE + _SLASH)
    return name.replace("/", _SLASH)


def checked(key: str) -> str:
    """The key, which is a path. Raises UnsafeNameError where it is none, NotSupportedError for what is no text."""
    if any(part in {"", ".", ".."} for part in key.split("/")):
        raise UnsafeNameError("a name that is no name: empty, . or ..", key=key)
    try:
        key.encode()
    except UnicodeEncodeError:
        raise NotSupportedError("Google Drive keeps names in UTF-8 only", key=key) from None
    if "\0" in key:
        raise NotSupportedError("Google Drive keeps no NUL in names", key=key)
    return key


def to_name(part: str) -> str:
    """The inverse of `to_key`."""
    kept = part.replace(_QUOTE + _SLASH, "\0")
    return kept.replace(_SLASH, "/").replace("\0", _SLASH)


def quoted(text: str) -> str:
    r"""A text in a query: `\` and `'` escaped."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def below(identifier: str, options: DriveOptions, *, root: bool) -> str:
    """The query for what is in a folder; of the root, perhaps what is shared or starred instead."""
    special = [
        condition
        for condition, asked in (
            ("sharedWithMe=true", options.shared_with_me),
            ("starred=true", options.starred_only),
        )
        if asked and root
    ]
    place = " and ".join(special) or f"{quoted(identifier)} in parents"
    trashed = f"(mimeType={quoted(FOLDER)} or trashed=true)" if options.trashed_only else "trashed=false"
    return f"{trashed} and ({place})"


def named(names: Sequence[str], *, folders: bool) -> str:
    """The query for items of these names."""
    either = " or ".join(f"name={quoted(name)}" for name in names)
    kinds = f" and (mimeType={quoted(FOLDER)} or mimeType={quoted(SHORTCUT)})" if folders else ""
    return f" and ({either}){kinds}"


def parse_time(text: str) -> int | None:
    """Nanoseconds since the epoch of a time of the API, RFC 3339 in milliseconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * _SECOND + moment.microsecond * 1000


def show_time(moment: int) -> str:
    """A time as the API takes it."""
    seconds, nanoseconds = divmod(moment, _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
