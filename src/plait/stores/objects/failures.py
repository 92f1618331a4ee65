"""What an S3 server's refusals mean, in the words of the error catalogue.

Sources: Amazon S3 API Reference, "Error responses"; the codes of MinIO, Ceph and SeaweedFS beside them.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import (
    BusyError,
    DirectoryNotFoundError,
    IntegrityError,
    NameTooLongError,
    NoSpaceError,
    NotSupportedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PlaitError,
    PreconditionError,
    SecretError,
    StoreError,
    TemporaryError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_REASON: Final = 200


class Refusal(msgspec.Struct, frozen=True):
    """An answer that is no success: HTTP status, S3's error code and message ("" where there was no body)."""

    status: int
    code: str = ""
    message: str = ""
    retry_after: float | None = None
    region: str | None = None
    """The bucket's region, where the server says that another one was asked."""

    @property
    def reason(self) -> str:
        """The server's own words, shortened to one line, and the code."""
        words = " ".join("".join(c if c.isprintable() else " " for c in self.message).split())[:LONGEST_REASON]
        words = words.rstrip(".")
        if not self.code:
            return words or f"HTTP status {self.status}"
        return f"{words} ({self.code})" if words else self.code


_BY_CODE: Final[Mapping[str, type[PlaitError]]] = {
    "AccessDenied": PermissionDeniedError,
    "AccountProblem": PermissionDeniedError,
    "AllAccessDisabled": PermissionDeniedError,
    "BadDigest": IntegrityError,
    "ConditionalRequestConflict": TemporaryError,
    "EntityTooLarge": NotSupportedError,
    "ExpiredToken": SecretError,
    "IncompleteBody": TemporaryError,
    "InternalError": TemporaryError,
    "InvalidAccessKeyId": SecretError,
    "InvalidDigest": IntegrityError,
    "InvalidToken": SecretError,
    "KeyTooLongError": NameTooLongError,
    "NoSuchBucket": DirectoryNotFoundError,
    "NoSuchKey": ObjectNotFoundError,
    "NoSuchVersion": ObjectNotFoundError,
    "NotImplemented": NotSupportedError,
    "OperationAborted": TemporaryError,
    "PreconditionFailed": PreconditionError,
    "QuotaExceeded": NoSpaceError,
    "RequestTimeout": TemporaryError,
    "ServiceUnavailable": TemporaryError,
    "SignatureDoesNotMatch": SecretError,
    "SlowDown": TemporaryError,
    "Throttling": TemporaryError,
    "TooManyRequests": TemporaryError,
    "XAmzContentSHA256Mismatch": IntegrityError,
    "XMinioAdminBucketQuotaExceeded": NoSpaceError,
    "XMinioStorageFull": NoSpaceError,
}
_BY_STATUS: Final[Mapping[int, type[PlaitError]]] = {
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    404: ObjectNotFoundError,
    405: NotSupportedError,
    408: TemporaryError,
    412: PreconditionError,
    423: BusyError,
    429: TemporaryError,
    500: TemporaryError,
    501: NotSupportedError,
    502: TemporaryError,
    503: TemporaryError,
    504: TemporaryError,
    507: NoSpaceError,
}
_HINTS: Final[Mapping[str, str]] = {
    "ExpiredToken": "get fresh temporary credentials",
    "InvalidAccessKeyId": "check access_key_id and the endpoint",
    "SignatureDoesNotMatch": "check secret_access_key and the region",
    "RequestTimeTooSkewed": "set this machine's clock",
    "InvalidObjectState": "the object is archived: restore it first",
    "PermanentRedirect": "set the region of the bucket",
    "AuthorizationHeaderMalformed": "set the region of the bucket",
}


def error_of(refusal: Refusal, what: str, key: str | None = None) -> PlaitError:
    """The catalogue's error for a refusal; `what` begins the message ("failed to list")."""
    kind = _BY_CODE.get(refusal.code) or _BY_STATUS.get(refusal.status, StoreError)
    if refusal.status >= 500 and kind is StoreError:
        kind = TemporaryError
    error = kind(f"{what}: {refusal.reason}", hint=_HINTS.get(refusal.code), key=key)
    if isinstance(error, TemporaryError):
        error.retry_after = refusal.retry_after
    return error


def error_of_connecting(error: OSError, authority: str) -> PlaitError:
    """The catalogue's error for a connection that was not made."""
    import ssl

    from plait.stores.objects.tunnels import ProxyError

    if isinstance(error, ssl.SSLCertVerificationError):
        return StoreError(
            f"failed to connect to {authority}: its certificate is not trusted ({error.verify_message})",
            hint="check the endpoint, or name its certificate authority",
        )
    if isinstance(error, ssl.SSLError):
        return StoreError(
            f"failed to connect to {authority}: it does not speak TLS", hint="check the endpoint's scheme"
        )
    if isinstance(error, ProxyError):
        kind = StoreError if error.lasting else TemporaryError
        return kind(f"failed to connect to {authority}: {error}", hint="check the proxy")
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return StoreError(f"failed to connect to {authority}: no such host", hint="check the endpoint")
    if isinstance(error, TimeoutError):
        return TemporaryError(f"failed to connect to {authority}: timed out")
    return TemporaryError(f"failed to connect to {authority}: {(error.strerror or 'connection failed').lower()}")


def error_of_exchange(error: Exception, what: str, *, harmless: bool, key: str | None = None) -> PlaitError:
    """The catalogue's error for a request that broke after it was begun.

    `harmless`: it changes nothing on the server, so that only a missing answer leaves a question.
    """
    if isinstance(error, TimeoutError):
        return UnknownOutcomeError(f"{what}: the server did not answer in time", key=key)
    words = (getattr(error, "strerror", None) or str(error) or "connection lost").lower()
    kind = TemporaryError if harmless else UnknownOutcomeError
    return kind(f"{what}: {words}", key=key)
