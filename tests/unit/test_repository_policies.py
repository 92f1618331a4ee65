"""Policies: what they ask for, as the original's file has it, and with the line's options over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ConfigurationError, UsageError
from plait.repository.configured import documents
from plait.repository.configured.policies import Policies, overlay
from plait.repository.format.headers import Header
from plait.repository.moments import DAY, parse_moment
from plait.repository.retention import Allowance
from plait.repository.selection import Grouping, Query
from plait.repository.upkeep.pruning import plan

if TYPE_CHECKING:
    from pathlib import Path

NOW = parse_moment("2026-11-21T12:00:00Z", 0) or 0


def header(number: int, days: float, *tags: str) -> Header:
    return Header(
        identifier=bytes((number,)) * 32, timestamp=NOW - int(days * DAY), duration=0, tags=tags, sources=None
    )


def test_a_file_is_the_originals(tmp_path: Path) -> None:
    policies = Policies(tmp_path)
    policies.add("w")
    for key, value in (("per-week", "1"), ("tags", "k,!x"), ("since", "2026-01-02"), ("weeks", "8"), ("latest", "t")):
        policies.set("w", key, value, NOW)
    policies.add("empty")
    policies.save()
    assert (tmp_path / "policies.yml").read_text() == (
        "version: v1.0.0\npolicies:\n    empty: {}\n    w:\n        filters:\n            since: 2026-01-02T00:00:00Z\n"
        "            tags:\n                - k\n            ignore_tags:\n                - x\n"
        "            latest: true\n"
        "        periods:\n            week:\n                keep: 8\n                cap: 1\n"
    )
    asked = Policies(tmp_path).query("w", NOW)
    assert (asked.tags, asked.ignored_tags, asked.latest) == (("k",), ("x",), True)
    assert asked.periods == {"week": Allowance(8, 1)}


def test_a_relative_since_stays_relative(tmp_path: Path) -> None:
    policies = Policies(tmp_path)
    policies.add("p")
    policies.set("p", "since", "3 months", NOW)
    policies.save()
    read = Policies(tmp_path)
    later = NOW + 400 * DAY
    assert read.query("p", later).since == later - 90 * DAY
    assert read.shown("p") == {"filters": {"since": "3 months"}}
    document = documents.parse((tmp_path / "policies.yml").read_text())
    assert document["policies"]["p"]["filters"]["since"] == "2026-08-23T12:00:00Z"
    read.set("p", "since", "2026-01-01", NOW)
    read.save()
    assert Policies(tmp_path).query("p", later).since == parse_moment("2026-01-01", 0)


def test_the_original_rewriting_the_file_freezes_a_duration_at_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "policies.yml").write_text(
        "policies:\n    p:\n        filters:\n            since: 2026-01-01T00:00:00Z\n"
    )
    assert Policies(tmp_path).query("p", NOW).since == parse_moment("2026-01-01", 0)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("days", "x", 'invalid value: strconv.Atoi: parsing "x": invalid syntax'),
        ("days", "-1", "negative value"),
        ("latest", "yes", 'invalid value: strconv.ParseBool: parsing "yes": invalid syntax'),
        ("since", "foo", 'invalid value: invalid time format: "foo"'),
        ("tag", "x", "invalid key"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, key: str, value: str, message: str) -> None:
    policies = Policies(tmp_path)
    policies.add("p")
    with pytest.raises(UsageError) as caught:
        policies.set("p", key, value, NOW)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "text", ["[", "policies: [1]", "policies:\n    p: 3\n", "policies:\n    p:\n        filters: 1\n"]
)
def test_a_file_that_is_not_understood_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "policies.yml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"policies\.yml"):
        Policies(tmp_path)


def test_the_line_overrides_field_by_field() -> None:
    policy = Query(since=5, name="a", tags=("t",), periods={"day": Allowance(7, 1), "week": Allowance(4)})
    line = Query(tags=("u",), group_by=Grouping.ROOT, periods={"day": Allowance(keep=2)})
    assert overlay(policy, line) == Query(
        since=5,
        name="a",
        tags=("u",),
        group_by=Grouping.ROOT,
        periods={"day": Allowance(2, 1), "week": Allowance(4)},
    )


def test_identifiers_are_honoured() -> None:
    headers = [header(number, number) for number in range(4)]
    named = Query(prefixes=("01", "02"))
    assert [(item.header.identifier[0], item.verdict.kept) for item in plan(headers, named, NOW)] == [
        (1, False),
        (2, False),
    ]
    # With periods they say which are looked at, and no other is touched.
    asked = Query(prefixes=("01", "02"), periods={"week": Allowance(cap=1)})
    assert [(item.header.identifier[0], item.verdict.kept) for item in plan(headers, asked, NOW)] == [
        (1, True),
        (2, False),
    ]


def test_filters_alone_remove_nothing() -> None:
    assert all(item.verdict.kept for item in plan([header(1, 1, "a"), header(2, 2)], Query(tags=("a",)), NOW))


@pytest.mark.parametrize(
    "policy",
    [
        "{period: {day: {keep: 3}}}",
        "{filters: {tag: daily}, periods: {day: {keep: 3}}}",
        "{periods: {days: {keep: 365}, week: {keep: 2}}}",
        "{periods: {day: {kept: 3}}}",
        "{periods: {day: {keep: -3}}}",
        "{periods: {day: {keep: [3]}}}",
        "{periods: {day: 3}}",
        "{filters: {since: 2026-01-01T00:00:00Z}, relative: {since: [3d]}}",
        "{group_by: [root]}",
        "{filters: [tags]}",
        "text",
    ],
)
def test_what_is_not_understood_of_a_policy_is_refused_and_not_passed_over(tmp_path: Path, policy: str) -> None:
    (tmp_path / "policies.yml").write_text(f"version: v1.0.0\npolicies:\n    p: {policy}\n")
    with pytest.raises(ConfigurationError, match="policy p: "):
        Policies(tmp_path)
