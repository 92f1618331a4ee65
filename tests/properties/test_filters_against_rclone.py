"""Random filters on a tree of awkward names: the real rclone and Plait list, dump and refuse the same."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from plait.mirror.filters import FilterOptions, Filters, RuleOptions, compile_filters, read_lines
from plait.mirror.names import inside
from plait.model.errors import ConfigurationError
from plait.model.values.durations import DAY, Age

NOW = 1_700_000_000 * 10**9
"""The files' ages lie far from every bound, so that the clock of the process may run on."""
NAMES = [
    *(
        "a",
        "b",
        "ab",
        "A",
        "abc.jpg",
        "x.JPG",
        "f.txt",
        "f.tar.gz",
        ".hidden",
        "a b",
        " lead",
        "a*b",
        "a[b",
        "a{b}",
        "a\\b",
    ),
    *(
        "{{x}}",
        "a,b",
        "a^$",
        "+-",
        "# hash",
        "a\nb",
        "a\x7f",
        "\u240a",
        "é",
        "e\u0301",
        "K\u212a",
        "\u017fs",
        "ẞß",
        "\u0130i\u0131",
        "Σσς",
    ),
    *("日本", "👍", "\udcff", "a\udce9b", "_w9", "9", "-", "dir.d", "\u0660", "\u00a0"),
]
ABSENT_IN_ROOT = ["f.txt", "nothing"]
"""In its root, rclone overlooks a file of --exclude-if-present that the rules exclude."""
DIRECTORIES = ["", "a", "a/b", "a/b/c", "dir.d", "dir.d/A", "é", "a\nd", "x/y/z", "B", "B/a"]


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in which each directory holds part of the names; sizes and ages depend on the names."""
    root = tmp_path_factory.mktemp("filtered") / "tree"
    for directory in DIRECTORIES:
        (root / directory).mkdir(parents=True, exist_ok=True)
    for number, directory in enumerate(DIRECTORIES):
        for position, name in enumerate(NAMES):
            path = root / directory / name
            if (number + position) % 3 and not path.exists():
                path.write_bytes(b"x" * (position * 100))
                path.chmod(0o600 if position % 2 else 0o644)
                os.utime(path, ns=(0, NOW - position * 10 * DAY))
    return root


def files_of(root: Path, filters: Filters) -> Iterator[str]:
    """The files that the filters show, as rclone names them."""
    pending = [""]
    while pending:
        directory = pending.pop()
        entries = list(os.scandir(root / directory))
        if any(entry.name in filters.exclude_if_present for entry in entries if entry.is_file()):
            continue
        for entry in entries:
            path = f"{directory}/{entry.name}" if directory else entry.name
            depth = path.count("/") + 1
            if entry.is_dir():
                if filters.includes_directory(path) and (filters.max_depth is None or depth < filters.max_depth):
                    pending.append(path)
            else:
                stat = entry.stat()
                metadata = {"mode": f"{stat.st_mode:o}", "uid": str(stat.st_uid), "gid": str(stat.st_gid)}
                if filters.includes_file(path, stat.st_size, stat.st_mtime_ns, metadata):
                    yield inside(path)


def flags_of(options: FilterOptions) -> Iterator[str]:
    """The options as rclone's flags."""
    for group, prefix in ((options.paths, ""), (options.metadata, "metadata-")):
        for name, values in msgspec.structs.asdict(group).items():
            yield from (f"--{prefix}{name.replace('_', '-')}={value}" for value in values)
    for name in ("files_from", "files_from_raw", "files_from0", "exclude_if_present"):
        yield from (f"--{name.replace('_', '-')}={value}" for value in getattr(options, name))
    if options.ignore_case:
        yield "--ignore-case"
    for name in ("min_size", "max_size"):
        if (size := getattr(options, name)) is not None:
            yield f"--{name.replace('_', '-')}={size}B"
    for name in ("min_age", "max_age"):
        if (age := getattr(options, name)) is not None:
            yield f"--{name.replace('_', '-')}={age.nanoseconds}ns"
    if options.max_depth >= 0:
        yield f"--max-depth={options.max_depth}"
    if options.hash_filter:
        yield f"--hash-filter={options.hash_filter}"


def compare(rclone: Path, tree: Path, options: FilterOptions) -> None:
    """Asks both; rclone counts ages from its own clock, so they are moved by what has passed since `NOW`."""
    import time

    now = time.time_ns()
    moved: Mapping[str, Any] = {
        name: Age(now - NOW + age.nanoseconds)
        for name in ("min_age", "max_age")
        if (age := getattr(options, name)) is not None
    }
    options = msgspec.structs.replace(options, **moved)
    command = [str(rclone), "--config=", "lsf", "-R", "--files-only", "--dump=filters", str(tree)]
    answer = subprocess.run(
        [*command, *flags_of(options)],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
    )
    filters, refusal = compiled(options, now)
    if filters is None:
        event("refused")
        assert answer.returncode == 1
        # What RE2 quotes of a bad expression is a detail.
        assert refusal.partition(": `")[0] in answer.stderr.replace("strconv.ParseUint: ", "")
        return
    assert "CRITICAL" not in answer.stderr, answer.stderr
    dump, end, listed = answer.stdout.partition("--- end filters ---\n")
    assert without_times(filters.dump() + "\n") == without_times(dump + end)
    ours = sorted(files_of(tree, filters))
    event(f"shows {'some' if ours else 'nothing'}")
    assert ours == sorted(listed.splitlines(keepends=False) if "\x85" not in listed else listed.split("\n")[:-1])
    for text in (*filters.warnings, *filters.remarks):
        assert text in answer.stderr
    assert filters.active or options.exclude_if_present or options.max_depth >= 0 or len(ours) > 250


def compiled(options: FilterOptions, now: int) -> tuple[Filters | None, str]:
    """The filters, or why there are none."""
    try:
        return compile_filters(options, now, read_lines), ""
    except ConfigurationError as error:
        return None, error.message


def without_times(dump: str) -> str:
    """The clock of rclone runs on between two bounds, and it writes of a monotonic one."""
    return "".join(line for line in dump.splitlines(keepends=True) if not line.startswith("Last-modified"))


parts = st.sampled_from(
    [
        *(
            "*",
            "*",
            "**",
            "?",
            "/",
            "/",
            "a",
            "b",
            "ab",
            "x",
            "y",
            "B",
            "A",
            "dir.d",
            ".",
            ".jpg",
            ".txt",
            "é",
            "-",
            "+",
            "^",
            "$",
        ),
        *(
            "[ab]",
            "[^a]",
            "[!a]",
            "[a-c]",
            "[[:alpha:]]",
            "[[:^upper:]_]",
            "[\\d.]",
            "[é-ÿ]",
            "[",
            "]",
            "[a--]",
            "[z-a]",
            "[/a]",
        ),
        *(
            "{a,b}",
            "{a*,x/y}",
            "{a,{b,c}}",
            "{",
            "}",
            ",",
            "{,a}",
            "{*.jpg,f.*}",
            "\\*",
            "\\d",
            "\\{",
            "\\",
            "\\w",
            "\\.",
            "日本",
        ),
        *(
            "{{a|b}}",
            "{{(?i)A}}",
            "{{.}}",
            "{{(.*/)?}}",
            "{{[^/]{1,3}}}",
            "{{a)(b}}",
            "{{}}",
            "{{x}}}",
            "\u240a",
            "\u201b",
            "***",
        ),
    ]
)
globs = st.lists(parts, min_size=1, max_size=5).map("".join)
rules = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["+ ", "- ", "- ", "+ /", "- /"]), globs),
    st.sampled_from(
        ["!", "- *", "- **", "- /**", "+ **/", "- a/", "+ a/", "+ /a/b/**", "- /*", "+foo", "- dir.d/**", "+ *.jpg"]
    ),
)


@given(st.lists(rules, min_size=1, max_size=5))
@example(["- \\"])
@example(["+ a/**/", "- *"])
@example(["- /a/b/c/ab", "- a/b", "- f.txt", "+ f.*", "- *"])
@example(["+ [[:alpha:]]*", "- *"])
@example(["+ {{a)|(b}}", "- *"])
@example(["- {a,{{b}}}"])
@example(["- {\\{{a}}"])
@example(["- {a,{{b"])
def test_filter_rules(rclone: Path, tree: Path, given_rules: list[str]) -> None:
    compare(rclone, tree, FilterOptions(paths=RuleOptions(filter=given_rules)))


@given(st.lists(rules, min_size=1, max_size=4))
@example(["- K*", "- s*", "- İ*", "- ß", "- \u03c3*", "- é"])
@example(["- {{(?-i)a}}b", "- i*"])
def test_filter_rules_without_regard_to_case(rclone: Path, tree: Path, given_rules: list[str]) -> None:
    compare(rclone, tree, FilterOptions(paths=RuleOptions(filter=given_rules), ignore_case=True))


tokens = st.sampled_from(
    [
        *(
            "a",
            "b",
            ".",
            "/",
            "x",
            "é",
            "|",
            "(",
            ")",
            "(?:",
            "(?i)",
            "(?-i)",
            "(?s:",
            "(?m)",
            "(?P<n>",
            "(?<n>",
            "(?=",
            "(?#",
            "(?",
        ),
        *(
            "*",
            "+",
            "?",
            "{2}",
            "{1,}",
            "{0,2}",
            "{,2}",
            "{1001}",
            "{2,1}",
            "*?",
            "^",
            "$",
            "\\A",
            "\\z",
            "\\b",
            "\\B",
            "\\Z",
        ),
        *(
            "\\d",
            "\\D",
            "\\w",
            "\\W",
            "\\s",
            "\\pL",
            "\\p{Lu}",
            "\\P{L}",
            "\\pX",
            "\\x61",
            "\\x{e9}",
            "\\x6",
            "\\141",
            "\\1",
            "\\Qa.\\E",
            "\\-",
        ),
        *(
            "[a-c]",
            "[^a]",
            "[]a]",
            "[^]a]",
            "[a-]",
            "[\\w-]",
            "[[:digit:]a]",
            "[[:foo:]]",
            "[b-a]",
            "[\\d-z]",
            "[^\\W]",
            "[a",
            "\\n",
            "\\e",
        ),
    ]
)


@given(st.lists(tokens, max_size=6).map("".join), st.booleans())
@example("a{2}{3}", False)
@example("(a{100}){11}", False)
@example("(?i)[k]|(?i:S)", False)
@example("\\p{Any}", False)
@example("(?i)\\w+", False)
@example("(?i)[^\\w]+", False)
@example("a(?i)*", False)
@example("(a*)*", False)
@example("(?:^a|b$)+", False)
@example("(?-)a", False)
@example("(?i-s:A)", False)
@example("(?)A", False)
@example("(?P<n", False)
@example("(?P<a-b>x)", False)
@example("\\x{110000}", False)
@example("\\8", False)
@example("\\C", False)
@example("[[:^alpha:]]", True)
@example("[\\pL]", True)
def test_expressions(rclone: Path, tree: Path, expression: str, ignore_case: bool) -> None:
    glob = f"- {{{{{expression}}}}}"
    compare(rclone, tree, FilterOptions(paths=RuleOptions(filter=[glob]), ignore_case=ignore_case))


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


ages = some(st.integers(0, 50).map(lambda days: Age(days * DAY * 10 + DAY)))
sizes = some(st.integers(0, 40).map(lambda eighths: eighths * 128))
"""rclone itself keeps a size with three decimals only: 1132 bytes become 1.105 KiB, and then 1131."""


@st.composite
def options(draw: st.DrawFn, folder: Path) -> FilterOptions:
    number = iter(range(100))

    def file(lines: st.SearchStrategy[str]) -> str:
        path = folder / f"rules{next(number)}"
        spaced = st.builds(
            "{}{}{}".format, st.sampled_from(["", " ", "\t", "\u00a0"]), lines, st.sampled_from(["", " ", "\r"])
        )
        every = st.one_of(spaced, st.sampled_from(["", "# c", "; c", "   "]))
        text = "\n".join(draw(st.lists(every, max_size=4)))
        path.write_bytes(text.encode("utf-8", "surrogateescape") + draw(st.sampled_from([b"", b"\n"])))
        return str(path)

    good = st.sampled_from(
        ["*.jpg", "a/**", "/a/**", "dir.d/", "*", "B", "[a-c]*", "{a,x}*", "/x/y/z/*", "**/a", "f.*", "é/"]
    )
    signed = st.builds("{} {}".format, st.sampled_from("+-"), good)

    def rule_options() -> RuleOptions:
        return RuleOptions(
            include=draw(st.lists(good, max_size=2)),
            exclude=draw(st.lists(good, max_size=2)),
            filter=draw(st.lists(signed, max_size=2)),
            include_from=[file(good) for _ in range(draw(st.integers(0, 1)))],
            exclude_from=[file(good) for _ in range(draw(st.integers(0, 1)))],
            filter_from=[file(signed) for _ in range(draw(st.integers(0, 1)))],
        )

    return FilterOptions(
        paths=rule_options() if draw(st.booleans()) else RuleOptions(),
        exclude_if_present=draw(st.lists(st.sampled_from(ABSENT_IN_ROOT), max_size=1)),
        min_size=draw(sizes),
        max_size=draw(sizes),
        min_age=draw(ages),
        max_age=draw(ages),
        max_depth=draw(st.sampled_from([-1, -1, 1, 2, 3])),
        hash_filter=draw(st.sampled_from(["", "", "0/2", "1/3", "3/3", "2/0", "x/2", "1"])),
        ignore_case=draw(st.booleans()),
    )


@given(st.data())
def test_all_options_together(
    rclone: Path, tree: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    compare(rclone, tree, data.draw(options(tmp_path_factory.mktemp("rules"))))


lines = st.sampled_from(
    [
        *(
            "a",
            "f.txt",
            "a/b/f.txt",
            "/a/b/ab/",
            "a/b",
            "x/y/z/f.tar.gz",
            "./a",
            "a//b",
            "B/a/abc.jpg",
            "../a",
            "/",
            "é/9",
        ),
        *(
            "# hash",
            " lead",
            " f.txt ",
            "; x",
            "\ta",
            "a\u240ab",
            "a\r",
            "\u240a",
            "\udcff",
            "a\u240ad/9",
            "",
            "nothing/at/all",
        ),
    ]
)


@given(st.tuples(*[st.lists(lines)] * 3), st.booleans(), st.booleans())
def test_lists_of_files(
    rclone: Path,
    tree: Path,
    tmp_path_factory: pytest.TempPathFactory,
    contents: tuple[list[str], ...],
    ended: bool,
    alone: bool,
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    for name, separator, content in zip(("plain", "raw", "zero"), "\n\n\0", contents, strict=True):
        text = separator.join(content) + (separator if ended else "")
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    compare(
        rclone,
        tree,
        FilterOptions(
            files_from=[str(folder / "plain")],
            files_from_raw=[str(folder / "raw")],
            files_from0=[str(folder / "zero")],
            min_size=None if alone else 1,
        ),
    )


metadata_globs = st.sampled_from(
    [
        "mode=100600",
        "mode=*",
        "mode=100[56]*",
        "*",
        "**",
        "uid=0",
        "/uid=*",
        "nothing",
        "mode=100644",
        "{mode,gid}=*0",
        "a=",
        "x/",
    ]
)
metadata_rules = st.one_of(
    st.builds("{} {}".format, st.sampled_from("+-"), metadata_globs), st.sampled_from(["!", "bad"])
)


@given(st.lists(metadata_globs, max_size=2), st.lists(metadata_globs, max_size=2), st.lists(metadata_rules, max_size=3))
def test_metadata_rules(rclone: Path, tree: Path, include: list[str], exclude: list[str], filter_: list[str]) -> None:
    compare(rclone, tree, FilterOptions(metadata=RuleOptions(include=include, exclude=exclude, filter=filter_)))
