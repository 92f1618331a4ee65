"""The header of a snapshot (format, section 10.2)."""

from __future__ import annotations

from typing import Final

import msgspec

from plait.repository.format.resources import VERSION_1_0_0
from plait.repository.format.summaries import Summary
from plait.repository.format.wire import F64, I64, U32, Bytes, Mac, Text, Time, Uuid

CONTENT_TYPE_INDEX: Final = "content-type"
DIRPACK_INDEX: Final = "dirpack"
SUMMARY_INDEX: Final = "summary"


class Identity(msgspec.Struct, frozen=True):
    """Who signed it: zeros and None for nobody."""

    identifier: Uuid = bytes(16)
    public_key: Bytes | None = None


class Class(msgspec.Struct, frozen=True):
    """One answer of an analyser."""

    name: Text
    probability: F64


class Classification(msgspec.Struct, frozen=True):
    """What an analyser said. No known program writes any."""

    analyzer: Text
    classes: tuple[Class, ...] | None


class KeyValue(msgspec.Struct, frozen=True):
    """A fact of the run that made the snapshot."""

    key: Text
    value: Text


class Importer(msgspec.Struct, frozen=True):
    """Where the content came from; a later backup continues the latest snapshot of an equal one."""

    type: Text
    origin: Text
    directory: Text


class Roots(msgspec.Struct, frozen=True):
    """The descriptors of the trees of paths, extended attributes and errors."""

    root: Mac
    xattrs: Mac
    errors: Mac


class Index(msgspec.Struct, frozen=True):
    """A further tree: its name (the _INDEX constants), `btree`, and its descriptor."""

    name: Text
    type: Text
    value: Mac


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved from one place; only the first of a snapshot is read."""

    importer: Importer
    context: tuple[KeyValue, ...] | None = ()
    root: Roots
    indexes: tuple[Index, ...] | None
    summary: Summary

    def index(self, name: str) -> bytes | None:
        """The descriptor of an index, if the snapshot has it."""
        return next((index.value for index in self.indexes or () if index.name == name), None)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot says of itself. `timestamp` and `duration` in nanoseconds."""

    version: U32 = VERSION_1_0_0
    identifier: Mac
    timestamp: Time
    duration: I64
    identity: Identity = Identity()
    name: Text = "default"
    category: Text = ""
    environment: Text = ""
    perimeter: Text = ""
    job: Text = ""
    replicas: U32 = 1
    dataset: Text = ""
    data_classes: tuple[Text, ...] | None = ()
    classifications: tuple[Classification, ...] | None = ()
    tags: tuple[Text, ...] | None = ()
    context: tuple[KeyValue, ...] | None = ()
    sources: tuple[Source, ...] | None
