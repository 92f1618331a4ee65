"""The options of an `s3` remote, as `rclone.conf` names them, and what servers of different makes need.

Source: rclone 1.75, backend s3 (its manual and the quirks of its providers). Every option of the original is known
here: it is honoured, or it changes nothing and the table says why, or it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from plait.model.errors import ConfigurationError
from plait.model.values.flags import parse_bool, parse_int
from plait.model.values.sizes import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30
SMALLEST_CHUNK: Final = 5 * MIB
MOST_PARTS: Final = 10_000
LARGEST_COPY: Final = 5 * GIB
NEVER: Final = 1 << 62


class S3Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a remote, parsed; the names are rclone's. Sizes in bytes, `version_at` in nanoseconds since 1970."""

    provider: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    env_auth: bool = False
    profile: str = ""
    shared_credentials_file: str = ""
    role_arn: str = ""
    role_session_name: str = ""
    role_session_duration: str = ""
    role_external_id: str = ""
    region: str = ""
    endpoint: str = ""
    location_constraint: str = ""
    force_path_style: bool = True
    use_accelerate_endpoint: bool = False
    use_dual_stack: bool = False
    acl: str = ""
    bucket_acl: str = ""
    requester_pays: bool = False
    server_side_encryption: str = ""
    sse_kms_key_id: str = ""
    sse_customer_algorithm: str = ""
    sse_customer_key: str = ""
    sse_customer_key_base64: str = ""
    sse_customer_key_md5: str = ""
    storage_class: str = ""
    upload_cutoff: int = 200 * MIB
    chunk_size: int = SMALLEST_CHUNK
    upload_concurrency: int = 4
    max_upload_parts: int = MOST_PARTS
    copy_cutoff: int = 4768 * MIB
    list_chunk: int = 1000
    list_version: int = 0
    list_url_encode: bool | None = None
    no_check_bucket: bool = False
    disable_checksum: bool = False
    leave_parts_on_error: bool = False
    use_multipart_etag: bool | None = None
    use_multipart_uploads: bool | None = None
    use_accept_encoding_gzip: bool | None = None
    use_already_exists: bool | None = None
    bucket_object_lock_enabled: bool = False
    directory_bucket: bool = False
    object_lock_mode: str = ""
    object_lock_retain_until_date: str = ""
    object_lock_legal_hold_status: str = ""
    bypass_governance_retention: bool = False
    sts_endpoint: str = ""
    encoding: str = ""
    v2_auth: bool = False
    versions: bool = False
    version_at: int | None = None
    version_deleted: bool = False
    decompress: bool = False
    directory_markers: bool = False
    download_url: str = ""
    no_system_metadata: bool = False

    def __repr__(self) -> str:
        return f"S3Options(provider={self.provider!r}, endpoint={self.endpoint!r}, …)"


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """Where a make of server differs from Amazon's.

    `path_style`: the bucket stands in the path; `list_version`; `url_encode`: listings may be asked percent-encoded;
    `multipart_etag`: the etag of an object in parts is the MD5 of their MD5s; `etag_is_md5`: that of others is their
    MD5; `multipart`: it takes uploads in parts; `multipart_copy`: and copies; `trusts_exists`: BucketAlreadyExists
    means somebody else's; `accept_gzip`: content is asked as it is stored by accepting gzip; `copies`: it copies
    objects by itself; `most_parts`, `smallest_chunk`.
    """

    path_style: bool = False
    list_version: int = 2
    url_encode: bool = True
    multipart_etag: bool = True
    etag_is_md5: bool = True
    multipart: bool = True
    multipart_copy: bool = True
    trusts_exists: bool = True
    accept_gzip: bool = True
    copies: bool = True
    most_parts: int = MOST_PARTS
    smallest_chunk: int = SMALLEST_CHUNK


_CAUTIOUS: Final = Quirks(path_style=True, list_version=1, multipart_etag=False, trusts_exists=False)
"""What rclone assumes of an unknown server. Listings are asked percent-encoded all the same: an answer says whether it
is, so that a server which ignores the request is understood as well."""

PROVIDERS: Final[Mapping[str, Quirks]] = {
    "": _CAUTIOUS,
    "AWS": Quirks(),
    "Alibaba": Quirks(multipart_etag=False),
    "ArvanCloud": Quirks(list_version=1, path_style=True, trusts_exists=False),
    "BizflyCloud": Quirks(path_style=True, multipart_etag=False, trusts_exists=False),
    "Ceph": Quirks(list_version=1, path_style=True, trusts_exists=False),
    "ChinaMobile": Quirks(list_version=1, path_style=True, trusts_exists=False),
    "Cloudflare": Quirks(path_style=True, multipart_etag=False),
    "Cubbit": Quirks(multipart_etag=False),
    "DigitalOcean": Quirks(trusts_exists=False),
    "Dreamhost": Quirks(trusts_exists=False),
    "Exaba": Quirks(path_style=True),
    "Fastly": Quirks(
        path_style=True, multipart_etag=False, trusts_exists=False, multipart=False, etag_is_md5=False, copies=False
    ),
    "FileLu": Quirks(path_style=True, multipart_etag=False),
    "FlashBlade": Quirks(path_style=True),
    "GCS": Quirks(multipart_copy=False, accept_gzip=False),
    "HCP": Quirks(path_style=True, multipart_etag=False),
    "Hetzner": Quirks(trusts_exists=False),
    "HuaweiOBS": Quirks(list_version=1, url_encode=False, trusts_exists=False),
    "IBMCOS": Quirks(list_version=1, path_style=True, multipart_etag=False, trusts_exists=False),
    "IDrive": Quirks(path_style=True, trusts_exists=False),
    "IONOS": Quirks(path_style=True, trusts_exists=False),
    "ImpossibleCloud": Quirks(),
    "Intercolo": Quirks(),
    "Leviia": Quirks(trusts_exists=False),
    "Liara": Quirks(path_style=True, multipart_etag=False, trusts_exists=False),
    "Linode": Quirks(),
    "LyveCloud": Quirks(multipart_etag=False, trusts_exists=False),
    "Magalu": _CAUTIOUS,
    "Mega": Quirks(path_style=True, multipart_etag=False, trusts_exists=False, multipart_copy=False),
    "Minio": Quirks(path_style=True),
    "Netease": Quirks(list_version=1, multipart_etag=False, trusts_exists=False),
    "OVHcloud": Quirks(),
    "Other": _CAUTIOUS,
    "Outscale": Quirks(path_style=True),
    "Petabox": Quirks(trusts_exists=False),
    "Qiniu": Quirks(path_style=True, multipart_etag=False, trusts_exists=False),
    "Rabata": Quirks(copies=False),
    "RackCorp": Quirks(multipart_etag=False, trusts_exists=False),
    "Rclone": Quirks(path_style=True, multipart_etag=False, trusts_exists=False, multipart_copy=False),
    "Scaleway": Quirks(most_parts=1000),
    "Scality": Quirks(path_style=True),
    "SeaweedFS": _CAUTIOUS,
    "Selectel": Quirks(),
    "Servercore": Quirks(),
    "SpectraLogic": Quirks(path_style=True),
    "Storj": Quirks(trusts_exists=False, multipart_copy=False, smallest_chunk=64 * MIB),
    "Synology": Quirks(multipart_etag=False, trusts_exists=False),
    "TencentCOS": Quirks(list_version=1, multipart_etag=False, trusts_exists=False),
    "Wasabi": Quirks(),
    "Zadara": Quirks(path_style=True),
    "Zata": Quirks(multipart_etag=False, trusts_exists=False),
    "ZeroServices": Quirks(path_style=True, trusts_exists=False),
    "us3": Quirks(list_version=1, multipart_etag=False, trusts_exists=False),
}

WITHOUT_EFFECT: Final[Mapping[str, str]] = {
    "description": "a note for people",
    "disable_http2": "HTTP/1.1 is spoken always",
    "might_gzip": "content is taken as it is stored",
    "memory_pool_flush_time": "no longer used by rclone either",
    "memory_pool_use_mmap": "no longer used by rclone either",
    "no_head": "an upload is proven by its checksum, without another request",
    "no_head_object": "what a GET says of its object is used",
    "sdk_log_mode": "there is no SDK",
    "sign_accept_encoding": "that header is never signed",
    "use_arn_region": "buckets are named, not given as ARNs",
    "use_data_integrity_protections": "uploads carry Content-MD5",
    "use_presigned_request": "requests are signed in their header",
    "use_unsigned_payload": "uploads carry Content-MD5",
    "use_x_id": "that parameter is never sent",
    "list_versions_oldest_first": "versions are put in order here",
    "object_lock_set_after_upload": "object locks go with the upload, which comes to the same",
    "object_lock_supported": "object locks are set where options ask for them",
}
"""Options that change nothing here, and why."""

KEPT_AS_THEY_ARE: Final = frozenset({"", "slash", "invalidutf8", "dot", "none", "raw"})
"""Encodings under which rclone, too, stores every name of a tree that Plait can store here under itself."""

REFUSED: Final[Mapping[str, str]] = {
    "ibm_api_key": "IBM's tokens are not spoken",
    "ibm_iam_endpoint": "IBM's tokens are not spoken",
    "ibm_resource_instance_id": "IBM's tokens are not spoken",
}
"""Options that would change what is stored or shown and are not supported: a value other than off is refused."""


def _tristate(text: str) -> bool | None:
    return None if text in {"", "unset"} else parse_bool(text)


def _moment(text: str) -> int | None:
    """A time, or how long ago it was; None for `off`, which is also what nothing means."""
    from time import time_ns

    from plait.model.values.durations import parse_age

    age = parse_age(text) if text else None
    return None if age is None else age.moment(time_ns())


def _size(text: str) -> int:
    size = parse_size(text)
    return NEVER if size is None else size


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "bool": parse_bool,
    "int": parse_int,
    "bool | None": _tristate,
    "int | None": _moment,
    "str": str,
}
_SIZES: Final = frozenset({"upload_cutoff", "chunk_size", "copy_cutoff"})


def parse_options(options: Mapping[str, str]) -> S3Options:
    """The options of a remote of type s3, secrets revealed. Raises ConfigurationError, which names option and value."""
    parsed: dict[str, object] = {}
    kinds = S3Options.__annotations__
    for name, value in options.items():
        if name in kinds:
            parsed[name] = _parsed(name, value, _size if name in _SIZES else _PARSERS[kinds[name]])
        elif name in REFUSED and value not in {"", "off", "false", "unset"}:
            raise ConfigurationError(f"s3: the option {name} is not supported: {REFUSED[name]}")
    found = msgspec.convert(parsed, S3Options)
    _check(found)
    return found


def _check_encoding(value: str) -> None:
    """Raises ConfigurationError where names would be stored otherwise than they are."""
    for name in value.split(","):
        if name.strip().lower() not in KEPT_AS_THEY_ARE:
            raise ConfigurationError(f"s3: encoding {name.strip()} is not supported: keys are kept as they are")


def quirks_of(options: S3Options) -> Quirks:
    """What the server of these options needs, the person's own words first."""
    known = PROVIDERS.get(options.provider, _CAUTIOUS)
    changes: dict[str, object] = {
        "path_style": known.path_style and options.force_path_style and not options.use_accelerate_endpoint,
        "most_parts": max(1, min(known.most_parts, options.max_upload_parts, MOST_PARTS)),
    }
    if options.list_version:
        changes["list_version"] = options.list_version
    said = {
        "url_encode": options.list_url_encode,
        "multipart_etag": options.use_multipart_etag,
        "multipart": options.use_multipart_uploads,
        "accept_gzip": options.use_accept_encoding_gzip,
        "trusts_exists": options.use_already_exists,
    }
    changes |= {name: value for name, value in said.items() if value is not None}
    if options.server_side_encryption == "aws:kms" or options.sse_customer_algorithm or options.directory_bucket:
        changes["etag_is_md5"] = False
    return msgspec.structs.replace(known, **changes)


def _parsed(name: str, value: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigurationError(f"s3: the option {name} cannot be {value!r}: {error}") from None


def _check(options: S3Options) -> None:
    _check_encoding(options.encoding)
    if options.chunk_size < SMALLEST_CHUNK:
        raise ConfigurationError(f"s3: chunk_size is {options.chunk_size} bytes, the least is {SMALLEST_CHUNK}")
    if options.upload_cutoff > LARGEST_COPY and options.upload_cutoff != NEVER:
        raise ConfigurationError(f"s3: upload_cutoff is {options.upload_cutoff} bytes, the most is {LARGEST_COPY}")
    if not 0 < options.copy_cutoff <= LARGEST_COPY:
        raise ConfigurationError(f"s3: copy_cutoff is {options.copy_cutoff} bytes, the most is {LARGEST_COPY}")
    if options.list_version not in {0, 1, 2}:
        raise ConfigurationError("s3: list_version can be 1, 2 or 0 for automatic")
    if not 1 <= options.list_chunk <= 1_000_000:
        raise ConfigurationError("s3: list_chunk must be positive")
    if bool(options.access_key_id) != bool(options.secret_access_key):
        missing = "secret_access_key" if options.access_key_id else "access_key_id"
        raise ConfigurationError(f"s3: {missing} not found")
    for value in (
        options.object_lock_mode,
        options.object_lock_retain_until_date,
        options.object_lock_legal_hold_status,
    ):
        if value == "copy":
            raise ConfigurationError("s3: object locks of the source are not copied")
    if options.versions and options.version_at is not None:
        raise ConfigurationError("s3: can't use --s3-versions and --s3-version-at at the same time")
    if options.sse_customer_key and options.sse_customer_key_base64:
        raise ConfigurationError("s3: can't use sse_customer_key and sse_customer_key_base64 at the same time")
