"""Opening S3 stores, from the options of a remote."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import ConfigurationError
from plait.stores.abilities import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from plait.stores.base import Deadlines, Store
    from plait.stores.network import Network
    from plait.stores.objects.account import S3Account
    from plait.stores.objects.store import S3Store
    from plait.stores.registry import Opening


def open_s3_location(path: str, options: Mapping[str, str], opening: Opening) -> tuple[Store, str]:
    """Opens `BUCKET/PREFIX` on a remote of type s3; see `plait.stores.registry.Opener`."""
    root = path.strip("/")
    bucket, _, prefix = root.partition("/")
    if not bucket:
        return _open_account(options, opening), ""
    notes = None if opening.state is None else opening.state / "uploads"
    store = open_s3(
        options,
        bucket,
        prefix,
        deadlines=opening.deadlines,
        network=opening.network,
        notes=notes,
        notice=opening.notice,
        inform=opening.inform,
        warn=opening.warn,
    )
    return _as_wanted(store, options), root


def _as_wanted(store: S3Store, options: Mapping[str, str]) -> Store:
    """The store, with what options put round it."""
    from plait.stores.objects.options import parse_options

    parsed = parse_options(options)
    shown: Store = store
    if parsed.decompress:
        from plait.stores.objects.decompress import decompressed

        shown = decompressed(shown)
    if parsed.directory_markers:
        from plait.stores.objects.markers import marked

        shown = marked(shown, store)
    return shown


def _open_account(options: Mapping[str, str], opening: Opening) -> S3Account:
    """All buckets of an account."""
    from plait.stores.objects.account import S3Account

    def bucket(name: str) -> S3Store:
        return open_s3(options, name, deadlines=opening.deadlines, network=opening.network)

    every = _store(options, "", "", deadlines=opening.deadlines, network=opening.network)
    return S3Account(every.client, every.features, bucket)


def open_s3(  # noqa: PLR0913  (what an opening says of it)
    options: Mapping[str, str],
    bucket: str,
    prefix: str = "",
    *,
    deadlines: Deadlines | None = None,
    description: str | None = None,
    network: Network | None = None,
    notes: Path | None = None,
    notice: Callable[[str, str], None] | None = None,
    inform: Callable[[str, str], None] = unheard,
    warn: Callable[[str, str], None] = unheard,
) -> S3Store:
    """The store of the objects of `bucket` below `prefix`.

    `options` are those of a remote of type s3 in `rclone.conf`, secrets revealed; `prefix` has no slash at its ends or
    is "". `description` is the location as a person knows it. `notes` is a directory in which uploads are noted, so
    that one that is interrupted is gone on with. `notice(key, text)` is told of metadata that are left out, for which a
    write fails without it; `inform` and `warn` are those of an `Opening`. Nothing is sent before the first call.

    Raises ConfigurationError for options that cannot be, MissingExtraError and SecretError where credentials are to be
    found and are not.
    """
    if not bucket:
        raise ConfigurationError("s3: the location names no bucket", hint="write REMOTE:BUCKET/PATH")
    return _store(
        options,
        bucket,
        prefix,
        deadlines=deadlines,
        description=description,
        network=network,
        notes=notes,
        notice=notice,
        inform=inform,
        warn=warn,
    )


def _store(  # noqa: PLR0913  (as above)
    options: Mapping[str, str],
    bucket: str,
    prefix: str,
    *,
    deadlines: Deadlines | None = None,
    description: str | None = None,
    network: Network | None = None,
    notes: Path | None = None,
    notice: Callable[[str, str], None] | None = None,
    inform: Callable[[str, str], None] = unheard,
    warn: Callable[[str, str], None] = unheard,
) -> S3Store:
    from plait.stores.base import Deadlines
    from plait.stores.network import Network, tls_context
    from plait.stores.objects.credentials import completed, key_source
    from plait.stores.objects.endpoint import download_endpoint, identity_of, region_of
    from plait.stores.objects.metadata import upload_headers
    from plait.stores.objects.options import parse_options, quirks_of
    from plait.stores.objects.request import Client
    from plait.stores.objects.store import S3Store
    from plait.stores.proxies import proxies_of

    parsed = completed(parse_options(options))
    quirks = quirks_of(parsed)
    keys = key_source(parsed, region_of(parsed))
    network = network or Network()
    if network.proxies is None:
        network = msgspec.structs.replace(network, proxies=proxies_of(os.environ))
    upload_headers(network.upload_headers)
    if network.client_certificate or network.client_key:
        # What is wrong with it is told before anything is asked.
        tls_context(network)
    client = Client(parsed, quirks, bucket, keys, deadlines or Deadlines(), network=network)
    root = f"{prefix}/" if prefix else ""
    shown = description or f"s3://{bucket}/{prefix}".rstrip("/")
    downloads = None
    if parsed.download_url:
        public = msgspec.structs.replace(parsed, requester_pays=False)
        place = download_endpoint(parsed.download_url)
        downloads = Client(
            public, quirks, bucket, lambda: None, deadlines or Deadlines(), network=network, endpoint=place
        )
    return S3Store(
        client,
        parsed,
        quirks,
        root,
        identity=identity_of(parsed),
        description=shown,
        notes=notes,
        notice=notice,
        inform=inform,
        warn=warn,
        downloads=downloads,
    )
