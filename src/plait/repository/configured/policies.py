"""`policies.yml`: which snapshots are kept, by name; shared with the original.

The original knows moments only, and turns `since=3 months` into one when it is set. Here the words are kept beside it,
under a key that the original passes over (and drops when it writes the file itself), so that the policy does not age.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import ConfigurationError, UsageError, from_os_error
from plait.model.values.times import show_rfc3339
from plait.repository.configured import documents
from plait.repository.configured.catalogue import VERSION
from plait.repository.moments import parse_duration, parse_moment
from plait.repository.retention import PERIODS, Allowance
from plait.repository.selection import Grouping, Query

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

_FILE: Final = "policies.yml"
_MOMENTS: Final = ("before", "since")
_TEXTS: Final = ("name", "category", "environment", "perimeter", "job", "dataset")
_LISTS: Final = {
    "tags": "tags",
    "ignore_tags": "ignored_tags",
    "ids": "prefixes",
    "types": "types",
    "origins": "origins",
    "roots": "roots",
    "data_classes": "data_classes",
}
"""Keys of the file, and the fields of `Query` that they are."""
_ORDER: Final = ("before", "since", *_TEXTS, "tags", "ignore_tags", "latest", *tuple(_LISTS)[2:])
_OWN_KEYS: Final = {"dataset", "types", "origins", "data-classes", "group-by"}
"""What the file has a place for and the original's command has no key for."""
_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "false", "FALSE", "False"))
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_RELATIVE: Final = "relative"


class Policies:
    """The policies of a configuration directory."""

    def __init__(self, directory: Path) -> None:
        """Reads the file; none is as good as an empty one. Raises ConfigurationError where it is not understood."""
        self._path = directory / _FILE
        try:
            text = documents.read(self._path)
            document = documents.parse(text) if text is not None else None
        except OSError as error:
            raise ConfigurationError(
                from_os_error(error, f"failed to load config file: {self._path}").message
            ) from None
        except documents.DocumentError as error:
            raise ConfigurationError(f"failed to load config file: {self._path}: {error}") from None
        entries = (document or {}).get("policies") if isinstance(document, dict | None) else document
        if not isinstance(entries or {}, dict):
            raise ConfigurationError(f"failed to load config file: {self._path}: it is no map of policies")
        self._policies: dict[str, dict[str, Any]] = {
            str(name): _loaded(str(name), entry or {}, self._path) for name, entry in (entries or {}).items()
        }

    def names(self) -> list[str]:
        """All names, in order."""
        return sorted(self._policies)

    def __contains__(self, name: str) -> bool:
        return name in self._policies

    def query(self, name: str, now: int) -> Query:
        """What a policy asks for at the time `now`, in nanoseconds since the epoch. Raises ConfigurationError."""
        if name not in self._policies:
            raise ConfigurationError(f'policy "{name}" not found', hint="`policy show` lists them")
        policy = self._policies[name]
        filters = policy["filters"]
        fields: dict[str, Any] = {key: filters[key] for key in _TEXTS if key in filters}
        for key in _MOMENTS:
            relative = policy[_RELATIVE].get(key)
            fields[key] = now - parse_duration(relative) if relative else parse_moment(filters.get(key, ""), now)
        fields |= {field: tuple(filters[key]) for key, field in _LISTS.items() if key in filters}
        fields["prefixes"] = tuple(prefix.lower() for prefix in fields.get("prefixes", ()))
        periods = {period: Allowance(**counts) for period, counts in policy["periods"].items()}
        return Query(
            **fields,
            latest=bool(filters.get("latest")),
            group_by=Grouping.named(policy["group_by"]),
            periods=periods,
        )

    def shown(self, name: str, now: int | None = None) -> dict[str, Any]:
        """A policy as its document: durations as they were given, or, with `now`, the moments that they mean then."""
        policy = self._policies[name]
        filters = dict(policy["filters"])
        for key, words in policy[_RELATIVE].items():
            filters[key] = words if now is None else documents.Moment(show_rfc3339(now - parse_duration(words)))
        return _document(filters, policy)

    def add(self, name: str) -> None:
        """Adds a policy that asks for nothing yet."""
        self._policies[name] = {"filters": {}, "periods": {}, "group_by": "", _RELATIVE: {}}

    def remove(self, name: str) -> None:
        """Removes a policy."""
        del self._policies[name]

    def set(self, name: str, key: str, value: str, now: int) -> None:
        """Sets a key, named as the option is, in the plural for lists. Raises UsageError."""
        policy = self._policies[name]
        filters = policy["filters"]
        if key in _MOMENTS:
            self._set_moment(policy, key, value, now)
        elif key in _TEXTS:
            filters[key] = value
        elif key == "latest":
            if value not in _TRUE | _FALSE:
                raise UsageError(f'invalid value: strconv.ParseBool: parsing "{value}": invalid syntax')
            filters[key] = value in _TRUE
        elif key == "group-by":
            grouping = Grouping.named(value)
            policy["group_by"] = "" if grouping is None else grouping.value
        elif key.replace("-", "_") in _LISTS and key != "ignore-tags":
            self._set_list(filters, key.replace("-", "_"), value)
        else:
            period, which = _counted(key)
            policy["periods"].setdefault(period, {})[which] = _count(value)
        self._tidy(policy)

    def unset(self, name: str, key: str) -> None:
        """Takes a key back; one that is not set changes nothing. Raises UsageError for an unknown one."""
        policy = self._policies[name]
        field = key.replace("-", "_")
        if key in {*_MOMENTS, *_TEXTS, "latest"} or field in _LISTS:
            policy["filters"].pop(field, None)
            policy[_RELATIVE].pop(field, None)
            if key == "tags":
                policy["filters"].pop("ignore_tags", None)
        elif key == "group-by":
            policy["group_by"] = ""
        else:
            period, which = _counted(key)
            policy["periods"].get(period, {}).pop(which, None)
        self._tidy(policy)

    def save(self) -> None:
        """Writes the file. Raises ConfigurationError; then it is as it was."""
        policies = {}
        for name in self.names():
            policy = self._policies[name]
            policies[name] = _document(policy["filters"], policy)
            if policy[_RELATIVE]:
                policies[name][_RELATIVE] = dict(policy[_RELATIVE])
        try:
            documents.write(self._path, documents.emit({"version": VERSION, "policies": policies}))
        except OSError as error:
            raise ConfigurationError(from_os_error(error, f"{self._path}: cannot be written").message) from None

    @staticmethod
    def _set_moment(policy: dict[str, Any], key: str, value: str, now: int) -> None:
        try:
            moment = parse_moment(value, now)
        except UsageError as error:
            raise UsageError(f"invalid value: {error.message}", hint=error.hint) from None
        policy[_RELATIVE].pop(key, None)
        policy["filters"].pop(key, None)
        if moment is None:
            return
        policy["filters"][key] = documents.Moment(show_rfc3339(moment))
        if parse_moment(value, now + 1) != moment:
            policy[_RELATIVE][key] = value

    @staticmethod
    def _set_list(filters: dict[str, Any], key: str, value: str) -> None:
        items = [item.strip() for item in value.split(",")]
        if key == "tags":
            ignored = [item[1:] for item in items if item.startswith("!")]
            items = [item for item in items if not item.startswith("!")]
            filters.pop("ignore_tags", None)
            if ignored:
                filters["ignore_tags"] = ignored
        filters[key] = items

    @staticmethod
    def _tidy(policy: dict[str, Any]) -> None:
        """Leaves out what asks for nothing, as the original does."""
        policy["filters"] = {key: value for key, value in policy["filters"].items() if value}
        for period in list(policy["periods"]):
            counts = {which: count for which, count in policy["periods"][period].items() if count}
            policy["periods"][period] = counts
            if not counts:
                del policy["periods"][period]


def is_own_key(key: str) -> bool:
    """Whether the original's command refuses a key that `Policies.set` takes."""
    return key in _OWN_KEYS


def overlay(policy: Query, line: Query) -> Query:
    """A policy with what a command line says instead, field by field; of a period, how many and how many of each."""
    fields: dict[str, Any] = {}
    for name in Query.__struct_fields__:
        value = getattr(line, name)
        given = value is not None if name in _MOMENTS else bool(value)
        fields[name] = value if given else getattr(policy, name)
    periods = dict(policy.periods)
    for name, allowance in line.periods.items():
        below = periods.get(name, Allowance())
        periods[name] = Allowance(allowance.keep or below.keep, allowance.cap or below.cap)
    return Query(**{**fields, "periods": periods})


def _document(filters: dict[str, Any], policy: dict[str, Any]) -> dict[str, Any]:
    """In the original's order."""
    document: dict[str, Any] = {}
    if filters:
        document["filters"] = {key: filters[key] for key in _ORDER if key in filters}
    if policy["periods"]:
        document["periods"] = {
            period: {which: policy["periods"][period][which] for which in ("keep", "cap") if which in counts}
            for period in _PERIOD_ORDER
            if (counts := policy["periods"].get(period))
        }
    if policy["group_by"]:
        document["group_by"] = policy["group_by"]
    return document


_PERIOD_ORDER: Final = (
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    *(name for name in PERIODS if name.endswith("day") and name != "day"),
)


def _loaded(name: str, entry: Any, path: Path) -> dict[str, Any]:
    """A policy of the file, checked. Raises ConfigurationError, also for keys that are none.

    A filter or period that is passed over would have more be removed than was meant.
    """
    try:
        _refuse_unknown("a policy", entry, ("filters", "periods", "group_by", _RELATIVE))
        filters = {key: _loaded_filter(key, value) for key, value in _map(entry, "filters", _ORDER)}
        periods = {key: _loaded_counts(key, value) for key, value in _map(entry, "periods", PERIODS)}
        relative = {key: _text(key, words) for key, words in _map(entry, _RELATIVE, _MOMENTS) if key in filters}
        for words in relative.values():
            parse_duration(words)
        grouping = Grouping.named(_text("group_by", entry.get("group_by") or ""))
    except UsageError as error:
        raise ConfigurationError(f"failed to load config file: {path}: policy {name}: {error.message}") from None
    group_by = "" if grouping is None else grouping.value
    return {"filters": filters, "periods": periods, "group_by": group_by, _RELATIVE: relative}


def _map(entry: dict[str, Any], key: str, known: Collection[str]) -> Iterable[tuple[str, Any]]:
    found = entry.get(key) or {}
    _refuse_unknown(key, found, known)
    items: Iterable[tuple[str, Any]] = found.items()
    return items


def _refuse_unknown(what: str, found: Any, known: Collection[str]) -> None:
    if not isinstance(found, dict):
        raise UsageError(f"{what} is no map")
    unknown = [str(key) for key in found if key not in known]
    if unknown:
        raise UsageError(f"{what} has no {', '.join(unknown)}")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{key} cannot be {value!r}")
    return value


def _loaded_filter(key: str, value: Any) -> Any:
    if key in _LISTS and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    if key in _MOMENTS and isinstance(value, str):
        parse_moment(value, 0)
        return documents.Moment(value)
    if key in _TEXTS and isinstance(value, str):
        return value
    if key == "latest" and value in {"true", "false"}:
        return value == "true"
    raise UsageError(f"{key} cannot be {value!r}")


def _loaded_counts(period: str, counts: Any) -> dict[str, int]:
    _refuse_unknown(period, counts, ("keep", "cap"))
    try:
        return {which: _count(_text(which, count)) for which, count in counts.items()}
    except UsageError:
        raise UsageError(f"{period} cannot be {counts!r}") from None


def _counted(key: str) -> tuple[str, str]:
    """The period of a key, and which of its numbers the key sets. Raises UsageError."""
    if key.startswith("per-") and key[4:] in PERIODS:
        return key[4:], "cap"
    if key.endswith("s") and key[:-1] in PERIODS:
        return key[:-1], "keep"
    raise UsageError("invalid key", hint="the keys are the names of the options, in the plural for lists: tags, roots")


def _count(value: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise UsageError(f'invalid value: strconv.Atoi: parsing "{value}": invalid syntax')
    number = int(value)
    if abs(number) >= 1 << 63:
        raise UsageError(f'invalid value: strconv.Atoi: parsing "{value}": value out of range')
    if number < 0:
        raise UsageError("negative value")
    return number
