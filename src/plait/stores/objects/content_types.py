"""The content type of an object by its name's extension, as rclone sends it.

That is the rule of Go's package mime (1.26): its own table, then the system's (`globs2` of the shared MIME database,
else `mime.types`), then what rclone adds and sets; upper and lower case are tried in this order, and text is UTF-8.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNKNOWN: Final = "application/octet-stream"
_GLOBS: Final = ("/usr/local/share/mime/globs2", "/usr/share/mime/globs2")
_TABLES: Final = (
    "/etc/mime.types",
    "/etc/apache2/mime.types",
    "/etc/apache/mime.types",
    "/etc/httpd/conf/mime.types",
)
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_BUILT_IN: Final[Mapping[str, str]] = {
    "application/gzip": ".gz",
    "application/json": ".json",
    "application/msword": ".doc",
    UNKNOWN: ".bin .com .exe",
    "application/pdf": ".pdf",
    "application/postscript": ".ai .eps .ps",
    "application/rdf+xml": ".rdf",
    "application/rtf": ".rtf",
    "application/vnd.android.package-archive": ".apk",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    "application/wasm": ".wasm",
    "application/xhtml+xml": ".xht .xhtml",
    "application/zip": ".zip",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".oga .ogg .opus",
    "audio/wav": ".wav",
    "audio/webm": ".webm",
    "image/apng": ".apng",
    "image/avif": ".avif",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/jpeg": ".jfif .jpeg .jpg .pjp",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tif .tiff",
    "image/vnd.microsoft.icon": ".ico",
    "image/webp": ".webp",
    "image/x-xbitmap": ".xbm",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/css": ".css",
    "text/csv": ".csv",
    "text/html": ".ehtml .htm .html .shtml",
    "text/javascript": ".js .mjs",
    "text/plain": ".text .txt",
    "text/vtt": ".vtt",
    "text/xml": ".xbl .xml .xsl",
    "video/mp4": ".mp4",
    "video/ogg": ".ogv",
}
_ADDED_BY_RCLONE: Final[Mapping[str, str]] = {
    "application/x-subrip": ".srt",
    "audio/flac": ".flac",
    "audio/mpeg": ".mpga .mpega .mp2 .mp3 .m4a",
    "audio/ogg": ".oga .ogg .opus .spx",
    "audio/x-wav": ".wav",
    "image/tiff": ".tiff .tif",
    "video/MP2T": ".ts",
    "video/dv": ".dif .dv",
    "video/fli": ".fli",
    "video/mp4": ".mp4",
    "video/mpeg": ".mpeg .mpg .mpe",
    "video/ogg": ".ogv",
    "video/quicktime": ".qt .mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mpv .mkv",
    "video/x-msvideo": ".avi",
}
_SET_BY_RCLONE: Final[Mapping[str, str]] = {
    "application/epub+zip": ".epub",
    "application/json": ".json",
    "application/msword": ".doc",
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.text": ".odt",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    "application/x-link-desktop": ".desktop",
    "application/x-link-url": ".url",
    "application/x-link-webloc": ".webloc",
    "application/x-msmetafile": ".wmf",
    "application/zip": ".zip",
    "image/bmp": ".bmp",
    "image/jpeg": ".jpg",
    "image/pjpeg": ".pjpeg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/tab-separated-values": ".tsv",
}
"""What its Google Drive backend sets, for every backend."""


def content_type_of(key: str) -> str:
    """The type that goes with the extension of the key's last component."""
    name = key.rpartition("/")[2]
    dot = name.rfind(".")
    if dot < 0:
        return UNKNOWN
    exact, folded = _tables()
    found = exact.get(name[dot:]) or folded.get(name[dot:].lower()) or UNKNOWN
    return found if "/" in found else UNKNOWN


@cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    """Types by extension, as spelled and in lower case."""
    exact = {extension: _complete(kind) for kind, extension in _pairs(_BUILT_IN)}
    folded = dict(exact)
    for extension, kind, replaces in _of_system():
        if replaces or extension not in exact:
            exact[extension] = folded[extension.lower()] = _complete(kind)
    for kind, extension in _pairs(_ADDED_BY_RCLONE):
        if extension not in folded:
            exact[extension] = folded[extension] = _complete(kind)
    for kind, extension in _pairs(_SET_BY_RCLONE):
        exact[extension] = folded[extension] = _complete(kind)
    return exact, folded


def _pairs(table: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for kind, extensions in table.items():
        for extension in extensions.split():
            yield kind, extension


def _of_system() -> Iterator[tuple[str, str, bool]]:
    """Extension, type, and whether it replaces one known before, of the first database found."""
    for path in _GLOBS:
        lines = _lines(path)
        if lines is not None:
            for line in lines:
                fields = line.split(":")
                if len(fields) > 2 and not line.startswith("#") and fields[2].startswith("*."):
                    extension = fields[2][1:]
                    if len(extension) > 1 and not set(extension) & set("?*["):
                        yield extension, fields[1], False
            return
    for path in _TABLES:
        for line in _lines(path) or ():
            kind, *extensions = line.partition("#")[0].split() or [""]
            for extension in extensions:
                yield f".{extension}", kind, True


def _lines(path: str) -> list[str] | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None


def _complete(kind: str) -> str:
    return f"{kind.lower()}; charset=utf-8" if kind.startswith("text/") and "charset=" not in kind else kind
