"""Which options of rclone's backends hold secrets, and which should not be shown to others.

Source: `rclone config providers` (v1.75.2): `IsPassword`, `Sensitive`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_BACKENDS: Final = """
alias archive azureblob azurefiles b2 box cache chunker cloudinary combine compress crypt doi drime drive
dropbox fichier filefabric filelu filen filescom ftp gofile google_cloud_storage google_photos hasher hdfs
hidrive http huaweidrive iclouddrive imagekit internetarchive internxt jottacloud koofr linkbox local mailru
mega memory netstorage onedrive opendrive oracleobjectstorage pcloud pikpak pixeldrain premiumizeme protondrive
putio qingstor quatrix s3 seafile sftp shade sharefile sia smb storj sugarsync swift tardigrade ulozto union
webdav yandex zoho
"""
_PASSWORDS: Final[Mapping[str, str]] = {
    "azureblob": "client_certificate_password password",
    "azurefiles": "client_certificate_password password",
    "cache": "plex_password",
    "crypt": "password password2",
    "fichier": "file_password folder_password",
    "filen": "api_key password",
    "filescom": "password",
    "ftp": "pass",
    "iclouddrive": "password",
    "internxt": "pass",
    "koofr": "password",
    "linkbox": "password",
    "mailru": "pass",
    "mega": "pass",
    "netstorage": "secret",
    "opendrive": "password",
    "pcloud": "password",
    "pikpak": "pass",
    "protondrive": "mailbox_password otp_secret_key password",
    "seafile": "library_key pass",
    "sftp": "key_file_pass pass",
    "sia": "api_password",
    "smb": "pass",
    "ulozto": "password",
    "webdav": "pass",
}
_SENSITIVE: Final[Mapping[str, str]] = {
    "azureblob": "account client_id client_secret connection_string key "
    "msi_client_id msi_mi_res_id msi_object_id sas_url tenant username",
    "azurefiles": "account client_id client_secret connection_string key "
    "msi_client_id msi_mi_res_id msi_object_id sas_url tenant username",
    "b2": "account key sse_customer_key sse_customer_key_base64 sse_customer_key_md5",
    "box": "access_token client_id client_secret config_credentials impersonate root_folder_id token",
    "cache": "plex_token plex_username",
    "cloudinary": "api_key api_secret cloud_name",
    "drime": "access_token root_folder_id workspace_id",
    "drive": "client_id client_secret impersonate resource_key "
    "root_folder_id service_account_credentials team_drive token",
    "dropbox": "client_id client_secret impersonate impersonate_admin token",
    "fichier": "api_key",
    "filefabric": "permanent_token root_folder_id token",
    "filelu": "key",
    "filen": "base_folder_uuid master_keys private_key public_key",
    "filescom": "api_key",
    "ftp": "host user",
    "gofile": "access_token account_id root_folder_id",
    "google cloud storage": "access_token client_id client_secret "
    "project_number service_account_credentials token user_project",
    "google photos": "client_id client_secret token",
    "hdfs": "namenode service_principal_name username",
    "hidrive": "client_id client_secret token",
    "huaweidrive": "client_id client_secret token",
    "iclouddrive": "apple_id cookies trust_token",
    "imagekit": "private_key public_key",
    "internetarchive": "access_key_id secret_access_key",
    "internxt": "email mnemonic",
    "jottacloud": "client_id client_secret token",
    "koofr": "user",
    "linkbox": "email token",
    "mailru": "client_id client_secret token user",
    "mega": "master_key session_id user",
    "netstorage": "account host",
    "onedrive": "client_id client_secret drive_id link_password root_folder_id tenant token",
    "opendrive": "username",
    "oracleobjectstorage": "compartment namespace",
    "pcloud": "client_id client_secret root_folder_id token username",
    "pikpak": "device_id root_folder_id user",
    "pixeldrain": "api_key",
    "premiumizeme": "api_key client_id client_secret token",
    "protondrive": "client_access_token client_refresh_token client_salted_key_pass client_uid",
    "putio": "client_id client_secret token",
    "qingstor": "access_key_id secret_access_key",
    "quatrix": "api_key",
    "s3": "access_key_id secret_access_key session_token "
    "sse_customer_key sse_customer_key_base64 sse_customer_key_md5 sse_kms_key_id",
    "seafile": "auth_token url user",
    "sftp": "host key_pem user",
    "shade": "api_key",
    "sharefile": "client_id client_secret root_folder_id token",
    "sia": "api_url",
    "smb": "domain host spn user",
    "storj": "access_grant api_key passphrase",
    "sugarsync": "access_key_id app_id authorization deleted_id private_access_key refresh_token root_id user",
    "swift": "application_credential_id application_credential_name application_credential_secret auth_token domain "
    "key tenant tenant_domain tenant_id user user_id",
    "tardigrade": "access_grant api_key passphrase",
    "ulozto": "app_token root_folder_slug username",
    "webdav": "bearer_token user",
    "yandex": "client_id client_secret token",
    "zoho": "client_id client_secret root_folder_id token",
}


def is_backend(name: str) -> bool:
    """True for a type of remote that rclone knows."""
    return name.replace(" ", "_") in _BACKENDS.split()


def passwords(backend: str) -> frozenset[str]:
    """The options of a backend whose values are obscured."""
    return frozenset(_PASSWORDS.get(backend, "").split())


def secrets(backend: str) -> frozenset[str]:
    """The options of a backend that are left out of what others may read."""
    return passwords(backend) | frozenset(_SENSITIVE.get(backend, "").split())
