"""The tables `databases` of Plait's own configuration.

[databases.app]                     # the name is for people
path = "/srv/app.db"                # or dir, pattern, recursive, watch
replicas = ["s3://bucket/app", "/backup/app"]
sync-interval = "250ms"             # any setting of a database or a replica in litestream.yml

[databases]                         # any setting of litestream.yml that holds for all
snapshot = { interval = "1h", retention = "168h" }
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import msgspec
import yaml

from plait.model.errors import ConfigurationError
from plait.replication.configuration.document import Fields
from plait.replication.configuration.litestream import parse_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.replication.configuration.settings import DatabaseSettings, Place, Settings

_NOWHERE: Final = {"path": "/"}
_OF_REPLICA: Final = ("sync-interval", "max-sync-ltx-files", "auto-recover")


def read_databases(
    tables: Mapping[str, Any], environment: Mapping[str, str], place_of: Callable[[str], Place]
) -> Settings:
    """The settings in a table `databases`; `place_of` reads the location of a replica.

    Raises ConfigurationError, as for `litestream.yml`, and for a database without replicas.
    """
    common = {name: value for name, value in tables.items() if not _is_database(value)}
    found: list[Settings] = []
    for name, table in tables.items():
        if _is_database(table):
            found.append(_read(name, dict(table), common, environment, place_of))
    if not found:
        return parse_fields(_fields(common), environment)
    return msgspec.structs.replace(
        found[0],
        databases=tuple(database for one in found for database in one.databases),
        directories=tuple(directory for one in found for directory in one.directories),
    )


def _is_database(value: Any) -> bool:
    return isinstance(value, dict) and ("path" in value or "dir" in value)


def _read(
    name: str,
    table: dict[str, Any],
    common: Mapping[str, Any],
    environment: Mapping[str, str],
    place_of: Callable[[str], Place],
) -> Settings:
    replicas = table.pop("replicas", None)
    one = table.pop("replica", None)
    places = replicas if isinstance(replicas, list) else [one] if one is not None else []
    if not places or (replicas is not None and one is not None) or not all(isinstance(place, str) for place in places):
        raise ConfigurationError(f"databases.{name} needs replicas, a list of locations")
    own = {key: table.pop(key) for key in _OF_REPLICA if key in table}
    document = {**common, "dbs": [{**table, "replica": {**_NOWHERE, **own}}]}
    settings = parse_fields(_fields(document), environment)
    found = tuple(place_of(place) for place in places)
    return msgspec.structs.replace(
        settings,
        databases=tuple(_placed(database, found) for database in settings.databases),
        directories=tuple(
            msgspec.structs.replace(directory, template=_placed(directory.template, found))
            for directory in settings.directories
        ),
    )


def _placed(database: DatabaseSettings, places: tuple[Place, ...]) -> DatabaseSettings:
    (replica,) = database.replicas
    replicas = tuple(msgspec.structs.replace(replica, place=place) for place in places)
    return msgspec.structs.replace(database, replicas=replicas)


def _fields(document: Mapping[str, Any]) -> Fields:
    """Values of TOML as the fields of a document."""
    node = yaml.SafeDumper(StringIO()).represent_data(dict(document))
    return Fields(node, yaml.SafeLoader(""), "the table databases")
