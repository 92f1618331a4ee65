"""Where a bucket is reached: address, `Host` header and the path before a key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from plait.model.errors import ConfigurationError
from plait.stores.objects.signing import escape_path
from plait.stores.objects.wire import Address

if TYPE_CHECKING:
    from plait.stores.objects.options import Quirks, S3Options

DEFAULT_REGION = "us-east-1"
_OF_AMAZON = ("", "AWS", "Other")
_DNS_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_DOTTED_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IP = re.compile(r"[0-9.]+|.*:.*")


class Endpoint(msgspec.Struct, frozen=True):
    """A bucket's place: where to connect, and the escaped path that every key follows (it ends with `/`)."""

    address: Address
    path: str

    def target(self, key: str | None) -> str:
        """The escaped path of an object, or of the bucket itself (None). Raises UnicodeEncodeError."""
        if key is None:
            return self.path.rstrip("/") or "/"
        return self.path + escape_path(key)


def region_of(options: S3Options) -> str:
    """The region that signs requests."""
    return options.region or DEFAULT_REGION


def endpoint_of(options: S3Options, quirks: Quirks, bucket: str, region: str) -> Endpoint:
    """The place of a bucket. Raises ConfigurationError for an endpoint that is missing or no URL."""
    tls, host, port, prefix = _base(options, region)
    path_style = quirks.path_style or not _fits_into_host(bucket, host, tls=tls)
    if path_style:
        return Endpoint(Address(host, port, tls), f"{prefix}/{escape_path(bucket)}/")
    return Endpoint(Address(f"{bucket}.{host}", port, tls), f"{prefix}/")


def download_endpoint(url: str) -> Endpoint:
    """The place that keys follow directly. Raises ConfigurationError for what is no URL."""
    tls, host, port, prefix = _split(url, "download_url")
    return Endpoint(Address(host, port, tls), f"{prefix}/")


def identity_of(options: S3Options) -> str:
    """The server as one text without secrets, the same for every bucket and region of it."""
    if not options.endpoint:
        return "s3:amazonaws.com"
    tls, host, port, prefix = _base(options, region_of(options))
    return f"s3:{Address(host, port, tls).authority}{prefix}"


def _base(options: S3Options, region: str) -> tuple[bool, str, int, str]:
    if not options.endpoint:
        if options.provider not in _OF_AMAZON:
            raise ConfigurationError(f"s3: provider {options.provider} needs an endpoint")
        return True, _amazon_host(options, region), 443, ""
    text = options.endpoint if "://" in options.endpoint else f"https://{options.endpoint}"
    return _split(text, "endpoint")


def _split(text: str, name: str) -> tuple[bool, str, int, str]:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ConfigurationError(f"s3: the {name} is no URL") from None
    if url.scheme not in {"http", "https"} or not url.hostname or url.username is not None or url.query:
        raise ConfigurationError(f"s3: the {name} must be http://HOST[:PORT] or https://HOST[:PORT]")
    tls = url.scheme == "https"
    return tls, url.hostname, port or (443 if tls else 80), url.path.rstrip("/")


def _amazon_host(options: S3Options, region: str) -> str:
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    dual = ".dualstack" if options.use_dual_stack else ""
    if options.use_accelerate_endpoint:
        return f"s3-accelerate{dual}.{domain}"
    return f"s3{dual}.{region}.{domain}"


def _fits_into_host(bucket: str, host: str, *, tls: bool) -> bool:
    """False where `BUCKET.HOST` is no host name, or where no wildcard certificate covers it."""
    name = _DNS_NAME if tls else _DOTTED_NAME
    return name.fullmatch(bucket) is not None and _IP.fullmatch(host) is None and host != "localhost"
