"""Options of backends on the command line reach the store under the names of rclone.conf."""

from __future__ import annotations

import msgspec

from plait.mirror.backend_options import OPTIONS, SECRET_OPTIONS, backend_flags
from plait.model.options import Values
from plait.stores.drive import options as drive
from plait.stores.drive.options import DriveOptions
from plait.stores.objects.options import REFUSED, WITHOUT_EFFECT, S3Options


def test_what_was_given_is_handed_on_as_text() -> None:
    given = {"s3_chunk_size": "16M", "s3_env_auth": True, "s3_force_path_style": False, "local_links": True}
    values = Values(OPTIONS, given, dict.fromkeys(given, "command line"))
    flags = backend_flags(values)
    assert flags["s3"] == {"chunk_size": "16M", "env_auth": "true", "force_path_style": "false"}
    assert flags["local"] == {"links": "true"}
    assert backend_flags(Values(OPTIONS, {}, {}))["s3"] == {}


def test_every_option_of_the_store_has_a_flag_and_the_store_knows_every_flag() -> None:
    assert flags_of("s3") - {*fields_of(S3Options), *REFUSED, *WITHOUT_EFFECT} == set()
    assert fields_of(S3Options) - flags_of("s3") == set()
    known = {*fields_of(DriveOptions), *drive.REFUSED, *drive.WITHOUT_EFFECT, *drive.ALIASES}
    assert flags_of("drive") - known == set()
    assert fields_of(DriveOptions) - flags_of("drive") == set()


def flags_of(backend: str) -> set[str]:
    names = {option.destination for option in (*OPTIONS.options, *SECRET_OPTIONS.options)}
    return {name.removeprefix(f"{backend}_") for name in names if name.startswith(f"{backend}_")}


def fields_of(options: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(options)}


def test_secrets_have_no_flag_on_the_own_face() -> None:
    assert not {option.name for option in OPTIONS.options} & {option.name for option in SECRET_OPTIONS.options}
    assert OPTIONS.named("s3-secret-access-key") is None
