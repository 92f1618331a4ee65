"""Options of backends on the command line reach the store under the names of rclone.conf."""

from __future__ import annotations

import msgspec

from plait.mirror.backend_options import OPTIONS, SECRET_OPTIONS, backend_flags
from plait.model.options import Values
from plait.stores.objects.options import REFUSED, WITHOUT_EFFECT, S3Options


def test_what_was_given_is_handed_on_as_text() -> None:
    given = {"s3_chunk_size": "16M", "s3_env_auth": True, "s3_force_path_style": False, "local_links": True}
    values = Values(OPTIONS, given, dict.fromkeys(given, "command line"))
    flags = backend_flags(values)
    assert flags["s3"] == {"chunk_size": "16M", "env_auth": "true", "force_path_style": "false"}
    assert flags["local"] == {"links": "true"}
    assert backend_flags(Values(OPTIONS, {}, {}))["s3"] == {}


def test_every_option_of_the_store_has_a_flag_and_the_store_knows_every_flag() -> None:
    keys = {
        option.destination.removeprefix("s3_")
        for option in (*OPTIONS.options, *SECRET_OPTIONS.options)
        if option.destination.startswith("s3_")
    }
    known = {field.name for field in msgspec.structs.fields(S3Options)} | set(REFUSED) | set(WITHOUT_EFFECT)
    assert keys - known == set()
    assert {field.name for field in msgspec.structs.fields(S3Options)} - keys == set()


def test_secrets_have_no_flag_on_the_own_face() -> None:
    assert not {option.name for option in OPTIONS.options} & {option.name for option in SECRET_OPTIONS.options}
    assert OPTIONS.named("s3-secret-access-key") is None
