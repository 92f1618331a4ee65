"""The tables `databases` of Plait's own configuration."""

from typing import Any

import pytest

from plait.model.errors import ConfigurationError
from plait.replication.configuration.own import read_databases
from plait.replication.configuration.places import file_place
from plait.replication.configuration.settings import Settings


def read(tables: dict[str, Any]) -> Settings:
    return read_databases(tables, {}, file_place)


def test_a_database_may_have_several_replicas() -> None:
    settings = read(
        {
            "app": {"path": "/d/app.db", "replicas": ["/r/1", "/r/2"], "sync-interval": "250ms", "busy-timeout": "3s"},
            "other": {"path": "/d/other.db", "replica": "/r/3"},
        }
    )
    app, other = settings.databases
    assert (app.path, app.busy_timeout) == ("/d/app.db", 3.0)
    assert [(one.place.path, one.sync_interval) for one in app.replicas] == [("/r/1", 0.25), ("/r/2", 0.25)]
    assert [one.place.path for one in other.replicas] == ["/r/3"]


def test_what_holds_for_all_stands_beside_them() -> None:
    settings = read(
        {
            "app": {"path": "/d/app.db", "replica": "/r/1"},
            "levels": [{"interval": "10s"}],
            "snapshot": {"interval": "1h", "retention": "48h"},
            "verify-compaction": True,
            "l0-retention": "10m",
        }
    )
    assert settings.upkeep.levels == (10.0,)
    assert (settings.upkeep.snapshot_interval, settings.upkeep.snapshot_retention) == (3600.0, 172800.0)
    assert (settings.upkeep.verify_compaction, settings.upkeep.l0_retention) == (True, 600.0)
    assert read({"verify-compaction": True}).databases == ()


def test_a_directory_is_a_database_of_many() -> None:
    settings = read({"sites": {"dir": "/srv", "pattern": "*.db", "recursive": True, "watch": True, "replicas": ["/r"]}})
    (directory,) = settings.directories
    assert (directory.directory, directory.pattern, directory.watch) == ("/srv", "*.db", True)
    assert [one.place.path for one in directory.template.replicas] == ["/r"]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"app": {"path": "/d/app.db"}}, "databases.app needs replicas"),
        ({"app": {"path": "/d/app.db", "replicas": []}}, "databases.app needs replicas"),
        ({"app": {"path": "/d/app.db", "replicas": [1]}}, "databases.app needs replicas"),
        ({"app": {"path": "/d/app.db", "replica": "/r", "replicas": ["/s"]}}, "databases.app needs replicas"),
        ({"app": {"path": "/d", "dir": "/d", "replica": "/r"}}, "cannot specify both 'path' and 'dir'"),
        ({"app": {"path": "/d", "replica": "/r", "sync-interval": "0s"}}, "sync interval must be greater than 0"),
        ({"app": {"path": "/d", "replica": "/r", "monitor-interval": "x"}}, "into time.Duration"),
        ({"levels": [{"interval": "0s"}]}, "compaction interval must be greater than 0"),
    ],
)
def test_what_is_wrong_is_refused(tables: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read(tables)
