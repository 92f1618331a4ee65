"""Options of rclone for things that are not there: backends without a store here, its remote control.

A remote of such a backend is refused, so that its options are about nothing: they are read as rclone reads them, and
have no effect. What would do something by itself is refused by name.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from plait.mirror.option_types import DURATION, INTEGER, NUMBER, SIZE, SWITCH, TEXT
from plait.model.options import Option, Section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.model.options import ValueType

REFUSED: Final[Mapping[str, str]] = {
    "rc": "there is no remote control",
    "metrics-addr": "a mirror serves no metrics",
    "cpuprofile": "there is no such profile",
    "memprofile": "there is no such profile",
}
"""Options that would do something that is not there, and what that is."""

_TYPES: Final[Mapping[str, ValueType]] = {
    "?": SWITCH,
    "#": INTEGER,
    "%": SIZE,
    "@": DURATION,
    "~": NUMBER,
}
"""What a mark after a name says of its value; a name without one takes any text."""
_NAMES: Final = """
archive: description remote
azureblob: access-tier account archive-tier-delete? chunk-size% client-certificate-password client-certificate-path
  client-id client-secret client-send-certificate-chain? connection-string copy-concurrency# copy-cutoff%
  copy-total-concurrency# decompress? delete-snapshots description directory-markers? disable-checksum?
  disable-instance-discovery? encoding endpoint env-auth? key list-chunk# list-parallelism# msi-client-id
  msi-mi-res-id msi-object-id no-check-container? no-head-object? password public-access sas-url
  service-principal-file tenant upload-concurrency# upload-cutoff use-arrow-list? use-az? use-copy-blob? use-emulator?
  use-msi? username
azurefiles: account chunk-size% client-certificate-password client-certificate-path client-id client-secret
  client-send-certificate-chain? connection-string description disable-instance-discovery? encoding endpoint env-auth?
  key max-stream-size% msi-client-id msi-mi-res-id msi-object-id password sas-url service-principal-file share-name
  tenant upload-concurrency# use-az? use-emulator? use-msi? username
b2: account chunk-size% copy-cutoff% description disable-checksum? download-auth-duration@ download-url encoding
  endpoint hard-delete? key lifecycle# sse-customer-algorithm sse-customer-key sse-customer-key-base64
  sse-customer-key-md5 test-mode upload-concurrency# upload-cutoff% version-at versions?
box: access-token auth-url box-config-file box-sub-type client-credentials? client-id client-secret commit-retries#
  description encoding impersonate list-chunk# owned-by root-folder-id token token-url upload-cutoff%
cache: chunk-clean-interval@ chunk-no-memory? chunk-path chunk-size% chunk-total-size% db-path db-purge? db-wait-time@
  description info-age@ plex-insecure plex-password plex-url plex-username read-retries# remote rps# tmp-upload-path
  tmp-wait-time@ workers# writes?
chunker: chunk-size% description fail-hard? hash-type remote
cloudinary: adjust-media-files-extensions? api-key api-secret cloud-name description encoding
  eventually-consistent-delay@ media-extensions upload-prefix upload-preset
combine: description upstreams
compress: description level mode ram-cache-limit% remote
crypt: description directory-name-encryption? filename-encoding filename-encryption no-data-encryption?
  pass-bad-blocks? password password2 remote server-side-across-configs? show-mapping? strict-names? suffix
doi: description doi doi-resolver-api-url provider
drime: access-token chunk-size% description encoding hard-delete? list-chunk# root-folder-id upload-concurrency#
  upload-cutoff% workspace-id
dropbox: auth-url batch-mode batch-size# batch-timeout@ chunk-size% client-credentials? client-id client-secret
  description encoding export-formats impersonate impersonate-admin pacer-min-sleep@ root-namespace shared-files?
  shared-folders? show-all-exports? skip-exports? skip-shared-folders? skip-unowned-folders? token token-url
fichier: api-key cdn? description encoding file-password folder-password shared-folder
filefabric: description encoding permanent-token root-folder-id token token-expiry url version
filelu: chunk-size% description encoding key upload-cutoff%
filen: api-key auth-version base-folder-uuid description email encoding master-keys password private-key public-key
  upload-concurrency#
filescom: api-key description encoding password site username
ftp: allow-insecure-tls-ciphers? ask-password? close-timeout@ concurrency# description disable-epsv? disable-mlsd?
  disable-tls13? disable-utf8? encoding explicit-tls? force-list-hidden? host http-proxy idle-timeout@
  no-check-certificate? no-check-upload? pass port# shut-timeout@ socks-proxy tls? tls-cache-size# user writing-mdtm?
gcs: access-token anonymous? auth-url bucket-acl bucket-policy-only? client-credentials? client-id client-secret
  decompress? description directory-markers? encoding endpoint env-auth? location no-check-bucket? object-acl
  project-number service-account-file storage-class token token-url user-project
gofile: access-token account-id description encoding list-chunk# root-folder-id
gphotos: auth-url batch-mode batch-size# batch-timeout@ client-credentials? client-id client-secret description
  encoding include-archived? proxy read-only? read-size? start-year# token token-url
hasher: auto-size% description hashes max-age@ remote
hdfs: data-transfer-protection description encoding namenode service-principal-name username
hidrive: auth-url chunk-size% client-credentials? client-id client-secret description disable-fetching-member-count?
  encoding endpoint root-prefix scope-access scope-role token token-url upload-concurrency# upload-cutoff%
http: description headers no-escape? no-head? no-slash? url
huaweidrive: auth-url chunk-size% client-credentials? client-id client-secret description encoding list-chunk#
  root-folder-id token token-url upload-cutoff%
iclouddrive: apple-id client-id description encoding password service
imagekit: description encoding endpoint private-key public-key upload-tags versions?
internetarchive: access-key-id description disable-checksum? encoding endpoint front-endpoint item-derive?
  item-metadata secret-access-key wait-archive@
internxt: chunk-size% description email encoding pass skip-hash-validation? upload-concurrency# upload-cutoff%
jottacloud: auth-url client-credentials? client-id client-secret description encoding hard-delete? md5-memory-limit%
  no-versions? token token-url trashed-only? upload-resume-limit%
koofr: description encoding endpoint mountid password provider setmtime? user
linkbox: description email password token
mailru: auth-url check-hash? client-credentials? client-id client-secret description encoding pass speedup-enable?
  speedup-file-patterns speedup-max-disk% speedup-max-memory% token token-url user
mega: 2fa debug? description encoding hard-delete? pass use-https? user
netstorage: account description host protocol secret
onedrive: access-scopes auth-url av-override? chunk-size% client-credentials? client-id client-secret delta?
  description drive-id drive-type encoding expose-onenote-files? hard-delete? hash-type link-password link-scope
  link-type list-chunk# metadata-permissions no-versions? region root-folder-id server-side-across-configs? tenant
  tenant-url token token-url upload-cutoff%
oos: attempt-resume-upload? chunk-size% compartment config-file config-profile copy-cutoff% copy-timeout@ decompress?
  description disable-checksum? encoding endpoint leave-parts-on-error? max-upload-parts# namespace no-check-bucket?
  provider region sse-customer-algorithm sse-customer-key sse-customer-key-file sse-customer-key-sha256 sse-kms-key-id
  storage-tier upload-concurrency# upload-cutoff%
opendrive: access chunk-size% description encoding password username
pcloud: auth-url client-credentials? client-id client-secret description encoding hostname password root-folder-id
  token token-url username
pikpak: chunk-size% description device-id encoding hash-memory-limit% no-media-link? pass root-folder-id trashed-only?
  upload-concurrency# upload-cutoff% use-trash? user user-agent
pixeldrain: api-key api-url description root-folder-id
premiumizeme: auth-url client-credentials? client-id client-secret description encoding token token-url
protondrive: 2fa app-version description enable-caching? encoding mailbox-password original-file-size? otp-secret-key
  password replace-existing-draft? username
putio: auth-url client-credentials? client-id client-secret description encoding token token-url
qingstor: access-key-id chunk-size% connection-retries# description encoding endpoint env-auth? secret-access-key
  upload-concurrency# upload-cutoff% zone
quatrix: api-key description effective-upload-time encoding hard-delete? host maximal-summary-chunk-size%
  minimal-chunk-size% skip-project-folders?
seafile: 2fa? create-library? description encoding library library-key pass url user
sftp: ask-password? blake3sum-command chunk-size% ciphers concurrency# connections# copy-is-hardlink? crc32sum-command
  description disable-concurrent-reads? disable-concurrent-writes? disable-hashcheck? encoding hashes host
  host-key-algorithms host-keys http-proxy idle-timeout@ key-exchange key-file key-file-pass key-pem key-use-agent?
  known-hosts-file macs md5sum-command pass path-override pin-host-key? port# pubkey pubkey-file server-command set-env
  set-modtime? sha1sum-command sha256sum-command shell-type skip-links? socks-proxy ssh subsystem use-fstat?
  use-insecure-cipher? user xxh128sum-command xxh3sum-command
shade: api-key chunk-size% description drive-id encoding endpoint max-upload-parts# token token-expiry
  upload-concurrency#
sharefile: auth-url chunk-size% client-credentials? client-id client-secret description encoding endpoint
  root-folder-id token token-url upload-cutoff%
sia: api-password api-url description encoding user-agent
smb: case-insensitive? description domain encoding hide-special-share? host idle-timeout@ kerberos-ccache pass port#
  spn use-kerberos? user
storj: access-grant api-key description passphrase provider satellite-address
sugarsync: access-key-id app-id authorization authorization-expiry deleted-id description encoding hard-delete?
  private-access-key refresh-token root-id user
swift: application-credential-id application-credential-name application-credential-secret auth auth-token
  auth-version# chunk-size% description domain encoding endpoint-type env-auth? fetch-until-empty-page? key
  leave-parts-on-error? no-chunk? no-large-objects? partial-page-fetch-threshold# region storage-policy storage-url
  tenant tenant-domain tenant-id use-segments-container user user-id
ulozto: app-token description encoding list-page-size# password root-folder-slug username
union: action-policy cache-time# create-policy description min-free-space% search-policy upstreams
webdav: auth-redirect? bearer-token bearer-token-command description encoding headers nextcloud-chunk-size%
  owncloud-exclude-mounts? owncloud-exclude-shares? pacer-min-sleep@ pass unix-socket url user vendor
yandex: auth-url client-credentials? client-id client-secret description encoding hard-delete? spoof-ua? token
  token-url upload-wait@
zoho: auth-url client-credentials? client-id client-secret description encoding list-folder-burst# list-folder-limit#
  list-folder-window@ region root-folder-id token token-url tpslimit~ tpslimit-burst# upload-cutoff%
rc: addr allow-origin baseurl cert client-ca enable-metrics? files htpasswd job-expire-duration@ job-expire-interval@
  key max-header-bytes# min-tls-version no-auth? pass realm response-header salt serve? serve-no-modtime?
  server-read-timeout@ server-write-timeout@ template user user-from-header web-fetch-url web-gui?
  web-gui-force-update? web-gui-no-open-browser? web-gui-update?
metrics: allow-origin baseurl cert client-ca htpasswd key max-header-bytes# min-tls-version pass realm response-header
  salt server-read-timeout@ server-write-timeout@ template user user-from-header
"""
"""By the first word of their names: the rest, with its mark."""


@cache
def _marks() -> Mapping[str, str]:
    """The mark of each option, "" for none."""
    found: dict[str, str] = {}
    group = ""
    for word in _NAMES.split():
        if word.endswith(":"):
            group = word[:-1]
            continue
        mark = word[-1] if word[-1] in _TYPES else ""
        found[f"{group}-{word.removesuffix(mark)}"] = mark
    return found


def absent_option(name: str) -> Option | None:
    """The declaration of an option of this name, None where rclone has none or it is a live one."""
    mark = _marks().get(name)
    if mark is None:
        return None
    return Option(name, _TYPES.get(mark, TEXT), None, "", Section.NETWORK, hidden=True, no_effect="nothing has it")
