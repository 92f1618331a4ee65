"""Who asks: the token of a remote, renewed and written back, or a service account; by Google's library."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import ConfigurationError, SecretError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.drive.options import DriveOptions

SCOPES: Final = "https://www.googleapis.com/auth/"
_RECONNECT: Final = "rclone config reconnect REMOTE: (or plait config update REMOTE token=…) gives it a new one"


class Access:
    """Gives the header that proves who asks, renewed when it must be; used by any number of threads."""

    def __init__(self, credentials: Any, request: Any, renewed: Callable[[Any], None]) -> None:
        self._credentials = credentials
        self._request = request
        self._renewed = renewed
        self._lock = Lock()

    def header(self, *, anew: bool = False) -> str:
        """The value of `Authorization`; `anew`: the last one was refused.

        Raises SecretError where the account does not let this client in, TemporaryError where there is no answer.
        """
        with self._lock:
            if anew or not self._credentials.valid:
                self._renew()
            return f"Bearer {self._credentials.token}"

    def _renew(self) -> None:
        from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

        try:
            self._credentials.refresh(self._request)
        except TransportError as error:
            raise TemporaryError(f"couldn't renew the token: {_short(error)}") from None
        except RefreshError as error:
            if getattr(error, "retryable", False):
                raise TemporaryError(f"couldn't renew the token: {_short(error)}") from None
            raise SecretError(f"couldn't renew the token: {_short(error)}", hint=_RECONNECT) from None
        except GoogleAuthError as error:
            raise SecretError(f"couldn't renew the token: {_short(error)}") from None
        self._renewed(self._credentials)


def account_of(options: DriveOptions) -> str:
    """A text that is the same for one account, and holds nothing of its secrets."""
    try:
        secret = str(json.loads(options.token).get("refresh_token", ""))
    except (ValueError, AttributeError):
        secret = ""
    said = (secret, options.service_account_credentials, options.service_account_file, options.impersonate)
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()


def open_access(options: DriveOptions, request: Any, save: Callable[[str, str], None]) -> Access:
    """The access that a remote's options give; `save(key, value)` writes a key of the remote.

    Raises ConfigurationError where nothing says who asks, SecretError where what says so is none.
    """
    service_account = _service_account(options)
    if service_account is not None:
        return Access(_of_service_account(options, service_account), request, lambda _: None)
    if options.env_auth:
        return Access(_of_environment(options), request, lambda _: None)
    return _of_token(options, request, save)


def _scopes(options: DriveOptions) -> list[str]:
    return [SCOPES + part.strip() for part in options.scope.split(",") if part.strip()]


def _service_account(options: DriveOptions) -> dict[str, Any] | None:
    text = options.service_account_credentials
    if not text and options.service_account_file:
        path = os.path.expandvars(os.path.expanduser(options.service_account_file))
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigurationError(f"error opening service account credentials file: open {path}: {reason}") from None
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SecretError("the credentials of the service account are no JSON object")
    return found


def _of_service_account(options: DriveOptions, account: dict[str, Any]) -> Any:
    from google.oauth2 import service_account

    try:
        library: Any = service_account.Credentials
        credentials = library.from_service_account_info(account, scopes=_scopes(options))
    except ValueError as error:
        raise SecretError(f"failed to read the service account: {error}") from None
    return credentials.with_subject(options.impersonate) if options.impersonate else credentials


def _of_environment(options: DriveOptions) -> Any:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        credentials, _ = google.auth.default(scopes=_scopes(options))
    except DefaultCredentialsError as error:
        raise SecretError(f"failed to create client from environment: {_short(error)}") from None
    return credentials


def _of_token(options: DriveOptions, request: Any, save: Callable[[str, str], None]) -> Access:
    from google.oauth2.credentials import Credentials

    if not options.token:
        raise SecretError("empty token found", hint=_RECONNECT)
    try:
        token = json.loads(options.token)
        library: Any = Credentials
        credentials = library(
            token["access_token"],
            refresh_token=token.get("refresh_token") or None,
            token_uri=options.token_url,
            client_id=options.client_id,
            client_secret=options.client_secret,
        )
        credentials.expiry = _moment(token.get("expiry", ""))
    except (ValueError, KeyError, TypeError):
        raise SecretError("the token of the remote is no token of OAuth", hint=_RECONNECT) from None
    if not options.client_id and not credentials.valid:
        raise SecretError(
            "the token has expired, and only the client that it was made for can renew it: rclone's own",
            hint="give the remote a client_id and client_secret of your own, or let rclone renew the token",
        )

    def renewed(found: Any) -> None:
        fresh = {**token, "access_token": found.token, "expiry": _show(found.expiry)}
        if found.refresh_token:
            fresh["refresh_token"] = found.refresh_token
        save("token", json.dumps(fresh, separators=(",", ":")))

    return Access(credentials, request, renewed)


def _moment(text: str) -> datetime | None:
    """An expiry as Google's library has it: UTC, without a zone. Digits beyond microseconds are dropped."""
    if not text:
        return None
    whole, dot, rest = text.partition(".")
    digits = rest.rstrip("Z").split("+")[0].split("-")[0]
    zone = rest[len(digits) :] if dot else ""
    moment = datetime.fromisoformat(f"{whole}.{digits[:6].ljust(6, '0')}{zone}" if dot else whole)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _show(moment: datetime | None) -> str:
    return "" if moment is None else moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")


def _short(error: Exception) -> str:
    """An error of Google's library in one line, without the answer that it carries along."""
    return str(error.args[0] if error.args else error).splitlines()[0]
