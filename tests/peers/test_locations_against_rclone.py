"""Locations read by the real rclone and by Plait: the same complaints, the same values, the same cleaned paths."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plait.model.errors import ConfigurationError
from plait.stores.connection import Connection, parse_connection, show_connection
from plait.stores.location import clean_local_path, join_root


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("locations")
    (path / "a,b:c='d\"").mkdir()
    (path / "a,b:c='d\"" / "found").touch()
    (path / "sub").mkdir()
    (path / "sub" / "below").touch()
    return path


def listing(rclone: Path, location: str, folder: Path) -> tuple[str, str]:
    """The names at a location, and what rclone complains of."""
    command = [str(rclone), "--config", "", "lsf", "--", location]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return answer.stdout, answer.stderr


@settings(max_examples=60)
@given(st.text("ab:,='\"/@ -.*\\é1_", min_size=1, max_size=12))
@example(":")
@example("::")
@example(",a:b")
@example("a--:b")
@example("a-:b")
@example("a -:b")
@example('a,b="c"":d')
@example("a,b=c")
@example("a,b:c,d")
def test_complaints_are_the_same(rclone: Path, folder: Path, text: str) -> None:
    complaints = listing(rclone, text, folder)[1].rstrip("\n")
    complaint = ""
    try:
        parse_connection(text)
    except ConfigurationError as error:
        complaint = error.message
    if complaint:
        assert complaints.endswith(f": {complaint}"), text
    else:
        assert "Failed to create file system" not in complaints or "didn't find" in complaints, (text, complaints)


def test_values_of_options_reach_the_backend(rclone: Path, folder: Path) -> None:
    remote = str(folder / "a,b:c='d\"")
    text = show_connection(Connection(":alias", {"remote": remote}, ""), secrets=True)
    # The alias parses its remote again; a slash before the first comma makes it a local path.
    assert listing(rclone, text, folder) == ("found\n", "")
    doubled = text.replace("'" + remote.replace("'", "''") + "'", '"' + remote.replace('"', '""') + '"')
    assert doubled != text
    assert parse_connection(doubled) == parse_connection(text)
    assert listing(rclone, doubled, folder) == ("found\n", "")


@pytest.mark.parametrize("path", ["", "sub", "/sub", "../sub", "sub/../..", "/../sub/", "sub//."])
def test_an_alias_joins_paths_in_the_same_way(rclone: Path, folder: Path, path: str) -> None:
    joined = join_root(str(folder), path)
    names = "".join(f"{entry.name}{'/' * entry.is_dir()}\n" for entry in sorted(Path(joined).iterdir()))
    assert listing(rclone, f":alias,remote='{folder}':{path}", folder) == (names, "")


@pytest.mark.parametrize("path", ["missing/../sub", "./sub//", "sub/../sub/.", "//sub"])
def test_local_paths_are_cleaned_by_their_words(rclone: Path, folder: Path, path: str) -> None:
    cleaned = clean_local_path(path)
    found = (folder / cleaned).is_dir()
    assert ("below\n" if found else "") == listing(rclone, path, folder)[0]
    assert found == (not path.startswith("/"))
