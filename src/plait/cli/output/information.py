"""What `info` prints: the original's lines, of nested facts that `--json` shows as they are."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from plait.cli.output.snapshots import size_of
from plait.model.values.durations import show_go_duration
from plait.model.values.sizes import show_binary_size
from plait.model.values.times import show_rfc3339

if TYPE_CHECKING:
    from plait.repository.format.configuration import Configuration, Encryption
    from plait.repository.format.derivation import Derivation
    from plait.repository.format.headers import Header
    from plait.repository.format.summaries import Summary

_VERSION: Final = "v1.0.0"
_SECOND: Final = 1_000_000_000
_CONTEXT: Final = (
    *("MachineID", "Hostname", "Username", "OperatingSystem", "Architecture", "NumCPU", "GOMAXPROCS", "ProcessID"),
    *("Client", "CommandLine"),
)
_COUNTS: Final = (
    *(("Directories", "directories"), ("Files", "files"), ("Symlinks", "symlinks"), ("Devices", "devices")),
    *(("Pipes", "pipes"), ("Sockets", "sockets"), ("Setuid", "setuid"), ("Setgid", "setgid"), ("Sticky", "sticky")),
    *(("Objects", "objects"), ("Chunks", "chunks")),
)
_TYPES: Final = (
    *(("MIMEAudio", "audio"), ("MIMEVideo", "video"), ("MIMEImage", "image"), ("MIMEText", "text")),
    *(("MIMEApplication", "application"), ("MIMEOther", "other")),
)


class Size(NamedTuple):
    """Bytes, shown in both ways."""

    size: int

    def __str__(self) -> str:
        return f"{show_binary_size(self.size)} ({self.size} bytes)"


class Moment(NamedTuple):
    """Nanoseconds since the epoch, shown as Go shows times."""

    moment: int

    def __str__(self) -> str:
        seconds, rest = divmod(self.moment, _SECOND)
        fraction = f".{rest:09}".rstrip("0") if rest else ""
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


Facts = Mapping[str, Any]


def lines(facts: Facts, depth: int = 0) -> list[str]:
    """Facts as lines; those of a fact stand below it."""
    lead = "" if not depth else f"{'  ' * (depth - 1)} - "
    found: list[str] = []
    for name, value in facts.items():
        if isinstance(value, _Headed):
            found += [f"{lead}{name}: {value.text}", *lines(value.below, depth + 1)]
        elif isinstance(value, Mapping):
            found += [f"{lead}{name}:", *lines(value, depth + 1)]
        else:
            found.append(f"{lead}{name}: {value}")
    return found


def plain(facts: Facts) -> dict[str, Any]:
    """Facts as JSON has them: sizes as numbers, times as RFC 3339."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, _Headed):
            found[name] = {"Name": value.text, **plain(value.below)}
        elif isinstance(value, Mapping):
            found[name] = plain(value)
        elif isinstance(value, Size):
            found[name] = value.size
        elif isinstance(value, Moment):
            found[name] = show_rfc3339(value.moment)
        else:
            found[name] = value
    return found


class _Headed(NamedTuple):
    text: str
    below: Facts


def repository_facts(configuration: Configuration, snapshots: int, stored: int, logical: int) -> Facts:
    """What a repository is; `stored` and `logical` are bytes."""
    chunking, hashing = configuration.chunking, configuration.hashing
    facts: dict[str, Any] = {
        "Version": _VERSION,
        "Timestamp": Moment(configuration.timestamp),
        "RepositoryID": str(UUID(bytes=configuration.repository)),
        "Packfile": {"MaxSize": Size(configuration.packfile.max_size)},
        "Chunking": {
            "Algorithm": chunking.algorithm,
            "MinSize": Size(chunking.min_size),
            "NormalSize": Size(chunking.normal_size),
            "MaxSize": Size(chunking.max_size),
        },
        "Hashing": {"Algorithm": hashing.algorithm, "Bits": hashing.bits},
    }
    if configuration.compression is not None:
        compression = configuration.compression
        facts["Compression"] = {"Algorithm": compression.algorithm, "Level": compression.level}
    if configuration.encryption is not None:
        facts["Encryption"] = _encryption(configuration.encryption)
    facts |= {"Snapshots": snapshots, "Storage size": Size(stored), "Logical size": Size(logical)}
    return facts


def _encryption(encryption: Encryption) -> Facts:
    derivation = encryption.derivation
    return {
        "SubkeyAlgorithm": encryption.sub_key_algorithm,
        "DataAlgorithm": encryption.data_algorithm,
        "ChunkSize": encryption.chunk_size,
        "Canary": encryption.canary.hex(),
        "KDF": _Headed(derivation.kdf, {"Salt": derivation.salt.hex(), **_derivation(derivation)}),
    }


def _derivation(derivation: Derivation) -> Facts:
    if derivation.argon2id is not None:
        argon = derivation.argon2id
        return {
            "SaltSize": argon.salt_size,
            "KeyLen": argon.key_len,
            "Time": argon.time,
            "Memory": argon.memory,
            "Thread": argon.threads,
        }
    if derivation.scrypt is not None:
        scrypt = derivation.scrypt
        return {"SaltSize": scrypt.salt_size, "KeyLen": scrypt.key_len, "N": scrypt.n, "R": scrypt.r, "P": scrypt.p}
    if derivation.pbkdf2 is not None:
        rounds = derivation.pbkdf2
        return {
            "SaltSize": rounds.salt_size,
            "KeyLen": rounds.key_len,
            "Iterations": rounds.iterations,
            "Hashing": rounds.hashing,
        }
    return {}


def snapshot_facts(header: Header) -> Facts:
    """What a snapshot holds."""
    facts: dict[str, Any] = {
        "Version": _VERSION,
        "SnapshotID": header.identifier.hex(),
        "Timestamp": Moment(header.timestamp),
        "Duration": show_go_duration(header.duration),
        "Name": header.name,
        "Environment": header.environment,
        "Perimeter": header.perimeter,
        "Category": header.category,
    }
    if header.tags:
        facts["Tags"] = ", ".join(header.tags)
    if any(header.identity.identifier):
        key = base64.b64encode(header.identity.public_key or b"").decode().rstrip("=")
        facts["Identity"] = {"Identifier": str(UUID(bytes=header.identity.identifier)), "PublicKey": key}
    if not header.sources:
        return facts
    source = header.sources[0]
    context = {pair.key: pair.value for pair in header.context or ()}
    facts |= {
        "VFS": {
            "Root": source.root.root.hex(),
            "Xattrs": source.root.xattrs.hex(),
            "Errors": source.root.errors.hex(),
        },
        "Importer": {
            "Type": source.importer.type,
            "Origin": source.importer.origin,
            "Directory": source.importer.directory,
        },
        "Context": {name: context.get(name, "") for name in _CONTEXT},
        "Summary": _summary(header, source.summary),
    }
    return facts


def _summary(header: Header, summary: Summary) -> Facts:
    own, below = summary.directory, summary.below

    def total(name: str) -> int:
        return int(getattr(own, name) + getattr(below, name))

    return {
        **{shown: total(name) for shown, name in _COUNTS},
        "MinSize": Size(min(own.min_size, below.min_size)),
        "MaxSize": Size(max(own.max_size, below.max_size)),
        "Size": Size(size_of(header)),
        "MinModTime": Moment(min(own.min_mod_time, below.min_mod_time) * _SECOND),
        "MaxModTime": Moment(max(own.max_mod_time, below.max_mod_time) * _SECOND),
        "MinEntropy": f"{min(own.min_entropy, below.min_entropy):f}",
        "MaxEntropy": f"{max(own.max_entropy, below.max_entropy):f}",
        "HiEntropy": total("hi_entropy"),
        "LoEntropy": total("lo_entropy"),
        **{shown: total(name) for shown, name in _TYPES},
        "Errors": total("errors"),
    }
