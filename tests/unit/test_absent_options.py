"""Options of rclone for what is not there: read and of no effect, or refused by name."""

import pytest

from plait.cli.fronts.rclone import run
from plait.cli.fronts.rclone_verbs import VERBS
from plait.mirror.absent_options import REFUSED, absent_option


@pytest.mark.parametrize(
    "flags",
    [
        ["--sftp-chunk-size", "32k"],
        ["--b2-hard-delete"],
        ["--b2-hard-delete=false"],
        ["--union-upstreams", "a: b:", "--crypt-password=x"],
        ["--rc-addr", ":1"],
    ],
)
def test_an_option_of_an_absent_backend_changes_nothing(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    plain = run(["--config=", "lsf", "/var/empty/none"], {})
    said = capsys.readouterr().err.splitlines()
    assert run(["--config=", *flags, "lsf", "/var/empty/none"], {}) == plain
    assert capsys.readouterr().err.splitlines()[-1][20:] == said[-1][20:]


def test_a_bad_value_of_an_absent_option_is_an_error_as_with_the_original(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lsf", "--sftp-concurrency", "x", "."], {}) == 2
    assert 'invalid argument "x" for "--sftp-concurrency" flag' in capsys.readouterr().err


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_do_something_is_refused_by_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lsf", f"--{name}=x", "."], {}) == 2
    assert f"unknown flag: --{name} ({REFUSED[name]})" in capsys.readouterr().err


def test_no_option_is_both_there_and_absent() -> None:
    live = [option.name for verb in VERBS.values() for option in verb.options.options]
    assert not [name for name in live if absent_option(name) is not None]
