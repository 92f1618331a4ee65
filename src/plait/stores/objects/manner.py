"""What the options of an S3 remote make of uploads and features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.stores.base import Features
from plait.stores.objects.locks import lock_headers
from plait.stores.objects.metadata import md5_to_base64
from plait.stores.objects.options import NEVER
from plait.stores.objects.upload import Manner

if TYPE_CHECKING:
    from plait.stores.objects.options import Quirks, S3Options

_TIERED: Final = (
    *("AWS", "Alibaba", "ArvanCloud", "ChinaMobile", "Liara", "Magalu"),
    *("OVHcloud", "Qiniu", "Scaleway", "TencentCOS", "us3"),
)
"""The providers whose objects have a storage class, as rclone's tables have it."""


def cutoff_of(options: S3Options, quirks: Quirks) -> int:
    """The size in bytes from which on content is uploaded in parts."""
    return options.upload_cutoff if quirks.multipart else NEVER


def features_of(options: S3Options, quirks: Quirks, identity: str, manner: Manner) -> Features:
    """What a store with these options can do; `identity` tells servers and accounts apart."""
    return Features(
        scheme="s3",
        identity=identity,
        hashes=("md5",),
        hashes_in_listing=True,
        time_precision=1,
        set_times=quirks.copies,
        conditional_writes=True,
        streaming_writes=quirks.multipart,
        metadata=True,
        concurrency=32,
        part_size=manner.part_size,
        part_cutoff=cutoff_of(options, quirks),
        most_parts=manner.most_parts,
        parts_hash=None if options.disable_checksum else "md5",
        depends_on_network=True,
        tiers=options.provider in _TIERED,
    )


def manner_of(options: S3Options, quirks: Quirks) -> Manner:
    """How the options want objects to be uploaded. Raises ConfigurationError for a customer's key that is none."""
    said = {
        "x-amz-acl": options.acl,
        "x-amz-storage-class": options.storage_class,
        "x-amz-server-side-encryption": options.server_side_encryption,
        "x-amz-server-side-encryption-aws-kms-key-id": options.sse_kms_key_id,
    }
    headers = {name: value for name, value in said.items() if value}
    headers |= lock_headers(options)
    secrets = _customer_key(options)
    return Manner(
        headers={**headers, **secrets},
        secrets=secrets,
        etag_is_md5=quirks.etag_is_md5,
        multipart_etag=quirks.multipart_etag,
        part_size=max(options.chunk_size, quirks.smallest_chunk),
        most_parts=quirks.most_parts,
        concurrency=max(1, options.upload_concurrency),
        keep_parts=options.leave_parts_on_error,
        sends_md5=not options.directory_bucket,
        keeps_md5=not options.disable_checksum,
    )


def _customer_key(options: S3Options) -> dict[str, str]:
    """The headers of a customer's own key (SSE-C)."""
    from base64 import b64decode, b64encode
    from binascii import Error
    from hashlib import md5

    from plait.model.errors import ConfigurationError

    if not options.sse_customer_algorithm:
        return {}
    prefix = "x-amz-server-side-encryption-customer-"
    encoded = options.sse_customer_key_base64 or b64encode(options.sse_customer_key.encode()).decode()
    try:
        key = b64decode(encoded, validate=True)
    except Error:
        raise ConfigurationError("s3: could not decode sse_customer_key_base64") from None
    digest = options.sse_customer_key_md5 or md5_to_base64(md5(key, usedforsecurity=False).hexdigest())
    return {
        f"{prefix}algorithm": options.sse_customer_algorithm,
        f"{prefix}key": encoded,
        f"{prefix}key-md5": digest,
    }


def access_of(options: S3Options) -> tuple[str, ...]:
    """What decides whether one request may touch the objects of both stores."""
    return (
        options.access_key_id,
        options.secret_access_key,
        options.session_token,
        str(options.env_auth),
        options.profile,
        options.shared_credentials_file,
        options.role_arn,
        options.sse_customer_key or options.sse_customer_key_base64,
    )
