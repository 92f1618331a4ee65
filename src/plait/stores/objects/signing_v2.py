"""AWS Signature Version 2 in the Authorization header, for old servers that know no other.

Source: Amazon S3 Developer Guide, "Signing and Authenticating REST Requests (AWS signature version 2)". The tests
compare it with botocore's signer.
"""

from __future__ import annotations

import hmac
import time
from base64 import b64encode
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plait.stores.objects.signing import Keys

_SIGNED_PARAMETERS: Final = frozenset(
    {
        *("acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "object-lock", "partNumber"),
        *("policy", "requestPayment", "restore", "tagging", "torrent", "uploadId", "uploads", "versionId"),
        *("versioning", "versions", "website"),
        *("response-cache-control", "response-content-disposition", "response-content-encoding"),
        *("response-content-language", "response-content-type", "response-expires"),
    }
)
"""The parameters that name another resource, or change what is told of it."""


def sign_v2(
    method: str,
    resource: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    keys: Keys,
    now: float | None = None,
) -> dict[str, str]:
    """`headers` with those that sign the request.

    `resource` is the escaped path with the bucket at its beginning, whether or not the path has it; `headers` has
    lower-case names. `now` is the time in seconds since the epoch.
    """
    # Not strftime: a date of HTTP is English in every locale.
    signed = {**headers, "date": formatdate(time.time() if now is None else now, usegmt=True)}
    if keys.token is not None:
        signed["x-amz-security-token"] = keys.token
    amazon = sorted(name for name in signed if name.startswith("x-amz-"))
    lines = [method, signed.get("content-md5", ""), signed.get("content-type", ""), signed["date"]]
    lines += [f"{name}:{signed[name].strip()}" for name in amazon]
    named = sorted((name, value) for name, value in query if name in _SIGNED_PARAMETERS)
    told = "&".join(f"{name}={value}" if value else name for name, value in named)
    text = "\n".join([*lines, resource + (f"?{told}" if told else "")])
    signature = b64encode(hmac.digest(keys.secret.encode(), text.encode(), "sha1")).decode()
    signed["authorization"] = f"AWS {keys.access}:{signature}"
    return signed
