"""Where the keys that sign requests come from.

Options of the remote, or, with `env_auth`, the chain that botocore knows (environment, profiles, web identity, SSO,
container and machine roles); it reads its own variables. A role is assumed on top of either.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from plait.model.errors import ConfigurationError, MissingExtraError, PlaitError, SecretError
from plait.stores.objects.signing import Keys

if TYPE_CHECKING:
    from plait.stores.objects.options import S3Options


class KeySource(Protocol):
    """Gives the keys of this moment, None for anonymous access; refreshes them before they expire. Thread-safe."""

    def __call__(self) -> Keys | None: ...


def completed(options: S3Options) -> S3Options:
    """The options, with region and endpoint from where the credentials come from, unless they are given.

    Raises as `key_source`.
    """
    if not uses_chain(options) or (options.region and options.endpoint):
        return options
    session = _session(options)
    region, endpoint = _configured(session)
    return msgspec.structs.replace(
        options, region=options.region or region or "", endpoint=options.endpoint or endpoint or ""
    )


def uses_chain(options: S3Options) -> bool:
    """True where keys are found by botocore's chain."""
    return options.env_auth and not options.access_key_id


def key_source(options: S3Options, region: str) -> KeySource:
    """The source of keys that the options ask for.

    Raises MissingExtraError, ConfigurationError for a profile that does not exist, SecretError where the chain finds
    nothing.
    """
    if options.role_arn:
        return _Chain(_assumed(options, region))
    if options.access_key_id:
        keys = Keys(options.access_key_id, options.secret_access_key, options.session_token or None)
        return lambda: keys
    if uses_chain(options):
        return _Chain(_resolved(_session(options)))
    return lambda: None


class _Chain:
    """Botocore's credentials, which refresh themselves."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._lock = Lock()

    def __call__(self) -> Keys:
        try:
            with self._lock:
                frozen = self._credentials.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001  (each provider of the chain has errors of its own)
            raise _refused(error) from None
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)


def _session(options: S3Options) -> Any:
    try:
        from botocore.session import Session
    except ImportError:
        raise MissingExtraError(
            "credentials from the environment need the library botocore", hint="pip install 'plait[s3]'"
        ) from None
    session = Session(profile=options.profile or None)
    if options.shared_credentials_file:
        session.set_config_variable("credentials_file", options.shared_credentials_file)
        session.set_config_variable("config_file", options.shared_credentials_file)
    return session


def _configured(session: Any) -> tuple[str | None, str | None]:
    """Region and S3 endpoint by environment and profile."""
    from botocore.configprovider import ConfiguredEndpointProvider

    try:
        scoped = session.get_scoped_config()
        endpoint = ConfiguredEndpointProvider(
            full_config=session.full_config, scoped_config=scoped, client_name="s3"
        ).provide()
        return session.get_config_variable("region"), endpoint
    except Exception as error:  # noqa: BLE001  (files and profiles have errors of many kinds)
        raise _refused(error) from None


def _resolved(session: Any) -> Any:
    try:
        credentials = session.get_credentials()
    except Exception as error:  # noqa: BLE001  (each provider of the chain has errors of its own)
        raise _refused(error) from None
    if credentials is None:
        raise SecretError("no credentials for S3 were found", hint="set access_key_id and secret_access_key")
    return credentials


def _assumed(options: S3Options, region: str) -> Any:
    session = _session(options)
    from botocore.credentials import (
        AssumeRoleCredentialFetcher,
        Credentials,
        DeferredRefreshableCredentials,
    )

    if options.access_key_id:
        base = Credentials(options.access_key_id, options.secret_access_key, options.session_token or None)
    else:
        base = _resolved(session)
    extra: dict[str, Any] = {"RoleSessionName": options.role_session_name or "plait"}
    if options.role_external_id:
        extra["ExternalId"] = options.role_external_id
    if options.role_session_duration:
        extra["DurationSeconds"] = _seconds(options.role_session_duration)

    def client(service: str, **credentials: Any) -> Any:
        endpoint = options.sts_endpoint or None
        return session.create_client(service, region_name=region, endpoint_url=endpoint, **credentials)

    fetcher = AssumeRoleCredentialFetcher(client, base, options.role_arn, extra_args=extra)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def _seconds(text: str) -> int:
    from plait.model.values.durations import parse_duration

    try:
        nanoseconds = parse_duration(text)
    except ValueError as error:
        raise ConfigurationError(f"s3: the option role_session_duration cannot be {text!r}: {error}") from None
    return (nanoseconds or 0) // 10**9


def _refused(error: Exception) -> PlaitError:
    """Botocore's messages name files, profiles and providers, and no secrets."""
    words = " ".join(str(error).split())[:200].rstrip(".")
    kind = ConfigurationError if type(error).__name__ in {"ProfileNotFound", "ConfigParseError"} else SecretError
    return kind(f"no credentials for S3: {words}")
