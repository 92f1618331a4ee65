"""Values of flags read by the real rclone and by Plait: `options/get` shows what rclone understood."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plait.model.values.bandwidths import parse_bandwidths
from plait.model.values.durations import parse_age, parse_duration, parse_go_duration
from plait.model.values.flags import parse_bool, parse_float, parse_int
from plait.model.values.sizes import parse_size

SIZES = [
    "0",
    "1",
    "1.",
    ".5",
    "+2",
    "1_0",
    "1b",
    "1.9B",
    "1k",
    "1Ki",
    "1kI",
    "1KiB",
    "1.5M",
    "1e3",
    "1e3b",
    "2G",
    "2t",
    "2Pi",
    "off",
    "OFF",
    "1x",
    "i",
    "1iB",
    "+",
    "nan",
    "1KB",
    "1KIB",
    "-1",
]
DURATIONS = [
    "0",
    "1",
    "1.5",
    "-5",
    "1e3",
    "1ns",
    "1us",
    "500ms",
    "1h30m",
    ".5h",
    "1h1.5s",
    "1.5d",
    "2w",
    "1M",
    "1m",
    "1y",
    "off",
    "OFF",
    "1x",
    "1d12h",
    "1h30",
    "h",
]
GO_DURATIONS = ["0", "1ns", "1.5s", "1h30m", ".5h", "-1m", "90", "1d", "off", ".", "1h0", "2020-01-01"]
BANDWIDTHS = (
    "1M",
    "1M:512k",
    "off",
    "08:00,512k 12:00,10M;13:00,512k:1M 23:00,off",
    "mon-00:00,512 Friday-23:59,10M SAT-10:00,1M Sun-20:00,off",
    "1M:",
    "1M 2M",
    "24:00,1M",
    "10:60,1M",
    "1:00,1M",
    "Foo-10:00,1M",
    "Mon-Tue-10:00,1M",
)


def ask(rclone: Path, group: str, name: str, flag: str) -> Any:
    """What rclone took the flag for, or its complaint."""
    command = [str(rclone), "--config", "", "rc", "--loopback", "options/get", flag]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        return answer.stderr.rstrip("\n").rpartition(" failed: ")[2]
    return json.loads(answer.stdout)[group][name]


def read(parse: Callable[[str], Any], text: str) -> Any:
    """What Plait takes the value for, or its complaint."""
    try:
        return parse(text)
    except ValueError as error:
        return str(error)


def expected(value: Any) -> Any:
    """rclone's Go packages put their own name before some complaints."""
    return value.replace("strconv.ParseFloat: ", "") if isinstance(value, str) else value


def test_sizes(rclone: Path) -> None:
    for text in SIZES:
        ours = read(parse_size, text)
        theirs = expected(ask(rclone, "filter", "MinSize", f"--min-size={text}"))
        assert (-1 if ours is None else ours) == theirs, text


def test_durations(rclone: Path) -> None:
    for text in DURATIONS:
        ours = read(parse_duration, text)
        theirs = ask(rclone, "filter", "MinAge", f"--min-age={text}")
        if isinstance(theirs, str):
            assert isinstance(ours, str), text
        elif ours is None:
            assert theirs == pytest.approx(2**63), text
        else:
            assert ours == theirs, text


def test_go_durations(rclone: Path) -> None:
    for text in GO_DURATIONS:
        assert read(parse_go_duration, text) == ask(rclone, "main", "MaxDuration", f"--max-duration={text}"), text


def test_points_in_time(rclone: Path) -> None:
    """rclone turns them into an age at once, so two of them are compared by their distance."""
    texts = [
        "2020-01-01",
        "2020-07-01 3:04:05.5",
        "2020-07-01T03:04:05",
        "2020-07-01T03:04:05Z",
        "2020-07-01T03:04:05,25+05:30",
    ]
    moments = []
    for text in texts:
        age = parse_age(text)
        assert age is not None
        theirs = ask(rclone, "filter", "MinAge", f"--min-age={text}")
        # The clock runs on between the questions; JSON's numbers round to 128 ns.
        moments.append(age.moment(0) + theirs)
    assert max(moments) - min(moments) < 60 * 10**9
    for text in ("2020-13-01", "2020-02-30", "2020-01-01T24:00:00Z"):
        theirs = ask(rclone, "filter", "MinAge", f"--min-age={text}")
        assert isinstance(theirs, str)
        assert isinstance(read(parse_age, text), str)


def test_bandwidths(rclone: Path) -> None:
    for text in BANDWIDTHS:
        ours = read(parse_bandwidths, text)
        assert str(ours) == expected(ask(rclone, "main", "BwLimit", f"--bwlimit={text}")), text


def test_plain_values(rclone: Path) -> None:
    for text in ("1", "t", "T", "TRUE", "True", "0", "f", "FALSE", "yes", "tRUE", ""):
        theirs = ask(rclone, "filter", "IgnoreCase", f"--ignore-case={text}")
        ours = read(parse_bool, text)
        assert ours is theirs if isinstance(theirs, bool) else isinstance(ours, str), text
    for text in ("5", "+5", "-1", "0x1F", "0b11", "0o17", "017", "1_000", "x", "1.5", "5 6", ""):
        theirs = ask(rclone, "main", "StatsFileNameLength", f"--stats-file-name-length={text}")
        ours = read(parse_int, text)
        assert ours == theirs if isinstance(theirs, int) else isinstance(ours, str), text
    for text in ("1", ".5", "1e3", "x", ""):
        theirs = ask(rclone, "main", "TPSLimit", f"--tpslimit={text}")
        ours = read(parse_float, text)
        assert isinstance(ours, str) if isinstance(theirs, str) else ours == theirs, text
