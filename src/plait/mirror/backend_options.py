"""Options of backends on the command line, `--s3-chunk-size 16M`: rclone's names, handed to the store as they stand.

The store that is opened parses them, together with those of `rclone.conf`, and says which it does not support. They are
left out of help, as every remote's page has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.mirror.option_types import DURATION, INTEGER, SIZE, SWITCH, TEXT, choice, kept
from plait.model.options import Option, OptionSet, Section, ValueType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plait.model.options import Values

BACKENDS = ("local", "memory", "s3", "alias", "drive")

_SWITCHES = """
drive-acknowledge-abuse drive-allow-import-name-change drive-auth-owner-only drive-client-credentials
drive-copy-shortcut-content drive-disable-http2 drive-env-auth drive-fast-list-bug-fix drive-keep-revision-forever
drive-metadata-enforce-expansive-access drive-server-side-across-configs drive-shared-with-me drive-show-all-gdocs
drive-size-as-quota drive-skip-checksum-gphotos drive-skip-dangling-shortcuts drive-skip-gdocs drive-skip-shortcuts
drive-starred-only drive-stop-on-download-limit drive-stop-on-upload-limit drive-trashed-only drive-use-created-date
drive-use-shared-date drive-use-trash local-case-insensitive local-case-sensitive local-fatal-if-no-space local-links
local-metadata-restore-special-bits local-no-check-updated local-no-clone local-no-preallocate local-no-set-modtime
local-no-sparse local-nounc local-unicode-normalization local-zero-size-links memory-discard
s3-bucket-object-lock-enabled s3-bypass-governance-retention s3-decompress s3-directory-bucket s3-directory-markers
s3-disable-checksum s3-disable-http2 s3-env-auth s3-force-path-style s3-leave-parts-on-error s3-no-check-bucket
s3-no-head s3-no-head-object s3-no-system-metadata s3-object-lock-set-after-upload s3-requester-pays
s3-use-accelerate-endpoint s3-use-arn-region s3-use-dual-stack s3-use-presigned-request s3-v2-auth s3-version-deleted
s3-versions
"""
_VALUES = """
alias-description alias-remote drive-auth-url drive-chunk-size drive-client-id drive-description drive-encoding
drive-export-formats drive-formats drive-impersonate drive-import-formats drive-list-chunk drive-metadata-labels
drive-metadata-owner drive-metadata-permissions drive-pacer-burst drive-pacer-min-sleep drive-resource-key
drive-root-folder-id drive-scope drive-service-account-file drive-team-drive drive-token-url drive-upload-cutoff
drive-v2-download-min-size local-description local-encoding local-hashes local-time-type memory-description s3-acl
s3-bucket-acl s3-chunk-size s3-copy-cutoff s3-description s3-download-url s3-encoding s3-endpoint s3-ibm-iam-endpoint
s3-ibm-resource-instance-id s3-list-chunk s3-list-url-encode s3-list-version s3-list-versions-oldest-first
s3-location-constraint s3-max-upload-parts s3-might-gzip s3-object-lock-legal-hold-status s3-object-lock-mode
s3-object-lock-retain-until-date s3-object-lock-supported s3-profile s3-provider s3-region s3-role-arn
s3-role-external-id s3-role-session-duration s3-role-session-name s3-sdk-log-mode s3-server-side-encryption
s3-shared-credentials-file s3-sign-accept-encoding s3-sse-customer-algorithm s3-sse-customer-key-md5 s3-sse-kms-key-id
s3-storage-class s3-sts-endpoint s3-upload-concurrency s3-upload-cutoff s3-use-accept-encoding-gzip
s3-use-already-exists s3-use-data-integrity-protections s3-use-multipart-etag s3-use-multipart-uploads
s3-use-unsigned-payload s3-use-x-id s3-version-at
"""


def _encoding(text: str) -> None:
    from plait.mirror.encodings import Encoding

    if not text:
        raise ValueError(f'bad encoding "": possible values are: {", ".join(Encoding.names())}')
    Encoding(text)


def _tristate(text: str) -> None:
    from plait.model.values.flags import parse_bool

    if text not in {"", "unset"}:
        try:
            parse_bool(text)
        except ValueError:
            why = f'strconv.ParseBool: parsing "{text}": invalid syntax'
            raise ValueError(f'failed to parse Tristate "{text}": {why}') from None


def _moment(text: str) -> None:
    from plait.model.values.durations import parse_age

    try:
        parse_age(text)
    except ValueError:
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None


def _bits(*names: str) -> ValueType:
    """Names separated by commas."""

    def parse(text: str) -> str:
        for name in filter(None, (part.strip() for part in text.split(","))):
            if name.lower() not in {known.lower() for known in names}:
                raise ValueError(f'invalid choice "{name}" from: {", ".join(names)}')
        return text

    return ValueType("NAMES", parse)


KEPT_SIZE = kept(SIZE)
KEPT_INTEGER = kept(INTEGER)
KEPT_DURATION = kept(DURATION)
ENCODING = kept(ValueType("ENCODING", _encoding))
TRISTATE = kept(ValueType("TRISTATE", _tristate))
MOMENT = kept(ValueType("TIME", _moment))
TIME_TYPE = kept(choice("TYPE", "mtime", "atime", "btime", "ctime"))
DRIVE_BITS = _bits("off", "read", "write", "failok")
SDK_BITS = _bits(
    *("Off", "Signing", "Retries", "Request", "RequestWithBody", "Response", "ResponseWithBody", "DeprecatedUsage"),
    *("RequestEventMessage", "ResponseEventMessage", "All"),
)

DRIVE_BIT_OPTIONS = ("drive-metadata-labels", "drive-metadata-owner", "drive-metadata-permissions")
_TYPES = {
    KEPT_SIZE: """
        drive-chunk-size drive-upload-cutoff drive-v2-download-min-size s3-chunk-size s3-copy-cutoff s3-upload-cutoff
    """,
    KEPT_INTEGER: """
        drive-list-chunk drive-pacer-burst s3-list-chunk s3-list-version s3-max-upload-parts s3-upload-concurrency
    """,
    KEPT_DURATION: "drive-pacer-min-sleep",
    ENCODING: "drive-encoding local-encoding s3-encoding",
    TRISTATE: """
        s3-list-url-encode s3-list-versions-oldest-first s3-might-gzip s3-object-lock-supported s3-sign-accept-encoding
        s3-use-accept-encoding-gzip s3-use-already-exists s3-use-data-integrity-protections s3-use-multipart-etag
        s3-use-multipart-uploads s3-use-unsigned-payload s3-use-x-id
    """,
    MOMENT: "s3-version-at",
    TIME_TYPE: "local-time-type",
    DRIVE_BITS: " ".join(DRIVE_BIT_OPTIONS),
    SDK_BITS: "s3-sdk-log-mode",
}
"""The options whose values are looked at when they are read, as rclone does; the store reads them again."""
_SECRETS = """
drive-client-secret drive-service-account-credentials drive-token s3-access-key-id s3-ibm-api-key s3-secret-access-key
s3-session-token s3-sse-customer-key s3-sse-customer-key-base64
"""


def _switches(names: str) -> Iterable[Option]:
    for name in names.split():
        yield Option(name, SWITCH, False, _help(name), Section.NETWORK, rclone=True, hidden=True)


def _values(names: str) -> Iterable[Option]:
    types = {option: kind for kind, options in _TYPES.items() for option in options.split()}
    for name in names.split():
        yield Option(name, types.get(name, TEXT), "", _help(name), Section.NETWORK, rclone=True, hidden=True)


def _help(name: str) -> str:
    backend, _, key = name.partition("-")
    return f"The option {key.replace('-', '_')} of {backend} remotes"


OPTIONS = OptionSet((*_switches(_SWITCHES), *_values(_VALUES)))
"""What every face takes."""
SECRET_OPTIONS = OptionSet(_values(_SECRETS))
"""What only rclone's face takes: a secret on a command line can be read by everyone on the machine."""


def backend_flags(values: Values) -> dict[str, dict[str, str]]:
    """By backend: the options that were given, under the names that `rclone.conf` uses, as text."""
    flags: dict[str, dict[str, str]] = {backend: {} for backend in BACKENDS}
    for option in (*OPTIONS.options, *SECRET_OPTIONS.options):
        if values.was_given(option.destination):
            backend, _, key = option.destination.partition("_")
            flags[backend][key] = option.type.show(getattr(values, option.destination))
    return flags
