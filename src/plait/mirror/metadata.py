"""What goes with a file beside its content and name: as the source shows it, as options and a program change it.

Source: rclone 1.75, its manual ("Metadata", "Metadata mapper") and its behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import StoreError
from plait.model.items import Kind
from plait.model.values.times import show_rfc3339
from plait.stores.local.attributes import parse_time
from plait.stores.shown import MTIME, shown_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from plait.model.items import Item
    from plait.model.options import Values
    from plait.stores.base import Store

LARGEST_ANSWER: Final = 16 << 20
WHAT: Final = "failed to read metadata from source object: metadata mapper"


class Sides(msgspec.Struct, frozen=True):
    """The two stores of a mirror and the names by which a person knows them."""

    source: Store
    source_text: str
    destination: Store
    destination_text: str


class Belongings(msgspec.Struct, frozen=True):
    """What an item gets: metadata without its time, and the time where it is another one than the source's."""

    metadata: Mapping[str, str]
    modified: int | None


class MetadataRules:
    """What `--metadata-set` adds, and the program of `--metadata-mapper` makes of it. `show` is told what it said."""

    def __init__(
        self,
        added: Mapping[str, str],
        mapper: Sequence[str],
        sides: Sides,
        show: Callable[[str], None] | None = None,
    ) -> None:
        self._added = added
        self._mapper = mapper
        self._sides = sides
        self._show = show

    @property
    def change(self) -> bool:
        """True where metadata are not simply the source's."""
        return bool(self._added or self._mapper)

    def belongings(self, item: Item) -> Belongings | None:
        """What goes with an item; None where the destination keeps no metadata. Raises what stores raise."""
        if not self._sides.destination.features.metadata:
            return None
        source = self._sides.source
        metadata: dict[str, str] = {}
        if source.features.metadata:
            stat = item.stat if item.stat.metadata is not None else source.stat(item.key)
            metadata = shown_metadata(stat, source.features)
        before = metadata.get(MTIME)
        metadata |= self._added
        if self._mapper:
            metadata = self._mapped(item, metadata)
        after = metadata.pop(MTIME, before)
        return Belongings(metadata, None if after == before else _moment(after))

    def _mapped(self, item: Item, metadata: Mapping[str, str]) -> dict[str, str]:
        question = msgspec.json.encode(self._question(item, metadata))
        self._said("sent", question)
        try:
            import subprocess

            done = subprocess.run(self._mapper, input=question, capture_output=True, check=False)
        except OSError as error:
            raise StoreError(f"{WHAT}: failed to run {self._mapper[0]}: {(error.strerror or '').lower()}") from None
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace")[:1000].strip()
            command = " ".join(self._mapper)
            raise StoreError(f'{WHAT}: failed on {command}: "{words}": exit status {done.returncode}')
        self._said("received", done.stdout)
        try:
            if len(done.stdout) > LARGEST_ANSWER:
                raise StoreError(f"{WHAT}: its output is larger than {LARGEST_ANSWER} bytes")
            return dict(msgspec.json.decode(done.stdout, type=_Answer).metadata or {})
        except msgspec.DecodeError as error:
            words = done.stdout[:200].decode("utf-8", "replace")
            raise StoreError(f"{WHAT}: failed to read output: {words!r}: {error}") from None

    def _question(self, item: Item, metadata: Mapping[str, str]) -> _Question:
        from plait.stores.objects.content_types import content_type_of

        sides = self._sides
        directory = item.kind is Kind.DIRECTORY
        return _Question(
            source=sides.source_text,
            source_type=sides.source.features.scheme,
            destination=sides.destination_text,
            destination_type=sides.destination.features.scheme,
            remote=item.key,
            size=-1 if directory or item.size is None else item.size,
            mime_type="inode/directory" if directory else metadata.get("content-type") or content_type_of(item.key),
            modified="" if item.modified is None else show_rfc3339(item.modified, local=True),
            is_directory=directory,
            metadata=dict(sorted(metadata.items())),
        )

    def _said(self, verb: str, text: bytes) -> None:
        if self._show is not None:
            self._show(f"Metadata mapper {verb}: \n{text.decode('utf-8', 'replace')}\n")


def metadata_rules(values: Values, sides: Sides, show: Callable[[str], None]) -> MetadataRules | None:
    """The rules that the options ask for; None where metadata are not carried."""
    from plait.mirror.network_options import dumped

    if not values.metadata:
        return None
    shown = show if "mapper" in dumped(values) else None
    return MetadataRules(dict(values.metadata_set), values.metadata_mapper, sides, shown)


class _Question(msgspec.Struct, frozen=True):
    source: str = msgspec.field(name="SrcFs")
    source_type: str = msgspec.field(name="SrcFsType")
    destination: str = msgspec.field(name="DstFs")
    destination_type: str = msgspec.field(name="DstFsType")
    remote: str = msgspec.field(name="Remote")
    size: int = msgspec.field(name="Size")
    mime_type: str = msgspec.field(name="MimeType")
    modified: str = msgspec.field(name="ModTime")
    is_directory: bool = msgspec.field(name="IsDir")
    metadata: dict[str, str] = msgspec.field(name="Metadata")


class _Answer(msgspec.Struct, frozen=True):
    metadata: dict[str, str] | None = msgspec.field(name="Metadata", default=None)


def _moment(text: str | None) -> int | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        raise StoreError(f"failed to parse metadata {MTIME}: {text!r}") from None
