"""rclone's filter language, statement by statement of its manual; dumps and messages are those of rclone 1.75.2."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from plait.mirror.filters import FilterOptions, Filters, RuleOptions, compile_filters, filter_options, read_lines
from plait.mirror.filters.globs import directory_globs, glob_to_expression
from plait.mirror.names import inside
from plait.model.errors import ConfigurationError
from plait.model.values.durations import DAY, Age
from plait.model.values.quoting import quote

MIXED = (
    "Using --filter is recommended instead of both --include and --exclude as the order they are parsed in is "
    "indeterminate"
)
NOW = 1_700_000_000 * 10**9


def nothing(name: str) -> Iterable[str]:
    raise AssertionError(f"{name} is read")


def filters(*rules: str, **others: object) -> Filters:
    options: dict[str, object] = {"paths": RuleOptions(filter=rules), **others}
    return compile_filters(FilterOptions(**options), NOW, nothing)  # type: ignore[arg-type]  # fields by name, of any type


def shows(made: Filters, path: str) -> bool:
    """True where a listing that starts at the root comes upon the file."""
    parts = path.split("/")
    above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return all(map(made.includes_directory, above)) and made.includes_file(path, 0, NOW, None)


def test_nothing_is_filtered_by_default() -> None:
    made = filters()
    assert not made.active
    assert not made.needs_stat
    assert made.files_from is None
    assert made.max_depth is None
    assert shows(made, "a/b")


@pytest.mark.parametrize(
    ("glob", "expression"),
    [
        ("", "(^|/)$"),
        ("/", "^$"),
        ("potato", "(^|/)potato$"),
        ("/potato", "^potato$"),
        ("potato*sausage", "(^|/)potato[^/]*sausage$"),
        ("potato**sausage", "(^|/)potato.*sausage$"),
        ("potat[oa]sausage", "(^|/)potat[oa]sausage$"),
        ("[[:alpha:]][^a]", "(^|/)[[:alpha:]][^a]$"),
        ("?", "(^|/)[^/]$"),
        ("{a,b*,c/d}", "(^|/)(a|b[^/]*|c/d)$"),
        ("{a,{b,c}}", "(^|/)(a|(b|c))$"),
        ("a,b", "(^|/)a,b$"),
        ("{{re}}", "(^|/)(re)$"),
        ("*.{{jpe?g}}", r"(^|/)[^/]*\.(jpe?g)$"),
        ("{{a}}}", "(^|/)(a})$"),
        ("{{\\d{2}}}x", r"(^|/)(\d{2})x$"),
        ("{{a}}{{b}}", "(^|/)(a)(b)$"),
        ("\\*\\a", r"(^|/)\*\a$"),
        (".+()|^$", r"(^|/)\.\+\(\)\|\^\$$"),
        ("[*?]*", "(^|/)[*?][^/]*$"),
    ],
)
def test_globs_as_expressions(glob: str, expression: str) -> None:
    assert glob_to_expression(glob) == expression
    assert glob_to_expression(glob, ignore_case=True) == "(?i)" + expression


@pytest.mark.parametrize(
    ("glob", "message"),
    [
        ("a***", 'too many stars in "a***"'),
        ("/a]", "mismatched ']' in glob \"a]\""),
        ("[]a]", "mismatched ']' in glob \"[]a]\""),
        ("[a", "mismatched '[' and ']' in glob \"[a\""),
        ("[[a]", "mismatched '[' and ']' in glob \"[[a]\""),
        ("a{b", "mismatched '{' and '}' in glob \"a{b\""),
        ("a}b", "mismatched '{' and '}' in glob \"a}b\""),
        ("{{a", "mismatched '{{' and '}}' in glob \"{{a\""),
    ],
)
def test_bad_globs_are_refused_in_rclone_s_words(glob: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        filters(f"- {glob}")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("glob", "expression", "problem"),
    [
        ("[a--b]", "(^|/)[a--b]$", "invalid character class range: `a--`"),
        ("[[:foo:]]", "(^|/)[[:foo:]]$", "invalid character class range: `[:foo:]`"),
        ("{{(?=a)}}", "(^|/)((?=a))$", "invalid or unsupported Perl syntax: `(?=`"),
        ("{{(?<!a)}}", "(^|/)((?<!a))$", "invalid or unsupported Perl syntax: `(?<`"),
        ("{{(?#c)}}", "(^|/)((?#c))$", "invalid or unsupported Perl syntax: `(?#`"),
        ("{{\\1}}", "(^|/)(\\1)$", "invalid escape sequence: `\\1`"),
        ("{{\\Z}}", "(^|/)(\\Z)$", "invalid escape sequence: `\\Z`"),
        ("{{\\pX}}", "(^|/)(\\pX)$", "invalid character class range: `\\pX`"),
        ("{{(?P<n}}", "(^|/)((?P<n)$", "invalid named capture: `(?P<n)$`"),
        ("{{a**}}", "(^|/)(a**)$", "invalid nested repetition operator: `**`"),
        ("{{*a}}", "(^|/)(*a)$", "missing argument to repetition operator: `*`"),
        ("{{a(}}", "(^|/)(a()$", "missing closing ): `(^|/)(a()$`"),
        ("{{a)}}", "(^|/)(a))$", "unexpected ): `(^|/)(a))$`"),
        ("{{[a}}", "(^|/)([a)$", "missing closing ]: `[a)$`"),
        ("{{a{1001}}}", "(^|/)(a{1001})$", "invalid repeat count: `{1001}`"),
        ("{{(a{100}){11}}}", "(^|/)((a{100}){11})$", "invalid repeat count: `{11}`"),
    ],
)
def test_bad_expressions_are_refused_in_go_s_words(glob: str, expression: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        filters(f"- {glob}")
    shown = f"bad glob pattern {quote(glob)} (regexp {quote(expression)})"
    assert caught.value.message == f"{shown}: error parsing regexp: {problem}"


@pytest.mark.parametrize(
    ("glob", "directories"),
    [
        ("*.jpg", ["/**"]),
        ("/*.jpg", []),
        ("/a/b/*.jpg", ["/a/b/", "/a/"]),
        ("a/b", ["a/"]),
        ("a//b", ["a/"]),
        ("/var/spool/**/x", ["/var/spool/**/", "/var/spool/", "/var/"]),
        ("/a/**", ["/a/**/", "/a/"]),
        ("**x", ["**/"]),
        ("{a,b}/x", ["{a,b}/"]),
        ("{a/b,c}", None),
        ("{a,**}", None),
        ("{a,{b}}", None),
        ("a/{{x}}", None),
    ],
)
def test_directories_that_may_hold_a_match(glob: str, directories: list[str] | None) -> None:
    assert directory_globs(glob) == directories


@pytest.mark.parametrize(
    ("rule", "path", "shown"),
    [
        ("- /a.jpg", "a.jpg", False),
        ("- /a.jpg", "d/a.jpg", True),
        ("- a.jpg", "d/a.jpg", False),
        ("- a.jpg", "ba.jpg", True),
        ("- d/a.jpg", "c/d/a.jpg", False),
        ("- *.jpg", "d/.jpg", False),
        ("- d*x", "d/x", True),
        ("- d**x", "d/y/x", False),
        ("- d?x", "d/x", True),
        ("- d[/]x", "d/x", False),
        ("- [!a]", "b", True),
        ("- [^a]", "b", False),
        ("- [[:digit:]]", "9", False),
        ("- [[:digit:]]", "\u0669", True),
        ("- {{\\d}}", "\u0669", True),
        ("- {{\\w+}}", "\u00e9", True),
        ("- {a,b*}.x", "bcd.x", False),
        ("- {{[ab]{2}}}", "ba", False),
        ("- {{(?i)JPG}}", "jpg", False),
        ("- {{a|b}}c", "ac", False),
        ("- {{a)|(b}}", "a/x", False),
        ("- \\*", "x", True),
        ("- \\*", "*", False),
        ("- a+b", "a+b", False),
        ("- dir", "dir/x", True),
        ("- dir/", "dir/x", False),
        ("- dir/", "a/dir/b/x", False),
        ("- dir/**", "a/dir/b/x", False),
        ("- dir/", "dir", True),
        ("- /dir/", "a/dir/x", True),
        ("- /*", "a", False),
        ("- /*", "d/a", True),
        ("- *", "d/a", False),
        ("- **", "d/a", False),
        ("- /**", "d/a", False),
        ("- a\u240ab", "a\nb", False),
        ("- a\nb", "a\nb", True),
        ("- a?b", "a\udcffb", False),
    ],
)
def test_one_rule(rule: str, path: str, shown: bool) -> None:
    assert shows(filters(rule), path) is shown


@pytest.mark.parametrize(
    ("rules", "path", "shown"),
    [
        (["+ a.jpg", "- *.jpg"], "a.jpg", True),
        (["- *.jpg", "+ a.jpg"], "a.jpg", False),
        (["+ *.jpg", "- *"], "d/a.jpg", True),
        (["+ *.jpg", "- *"], "d/a.txt", False),
        (["+ /d/*.jpg", "- *"], "d/a.jpg", True),
        (["+ /d/*.jpg", "- *"], "e/d/a.jpg", False),
        (["- a/", "+ a/b/**"], "a/b/x", False),
        (["+ a/b/**", "- a/"], "a/b/x", True),
        (["+ a/", "- *"], "a/x", False),
        (["- *", "!", "- x"], "y", True),
        (["- *", "!", "- x"], "x", False),
        (["+ secret17.jpg", "- secret*.jpg", "+ *.jpg", "+ file2.avi", "- *"], "secret17.jpg", True),
        (["+ secret17.jpg", "- secret*.jpg", "+ *.jpg", "+ file2.avi", "- *"], "secret1.jpg", False),
        (["+ secret17.jpg", "- secret*.jpg", "+ *.jpg", "+ file2.avi", "- *"], "file2.avi", True),
        (["+ secret17.jpg", "- secret*.jpg", "+ *.jpg", "+ file2.avi", "- *"], "file1.avi", False),
    ],
)
def test_the_first_rule_that_matches_decides(rules: list[str], path: str, shown: bool) -> None:
    assert shows(filters(*rules), path) is shown


@pytest.mark.parametrize("rule", ["+foo", "* foo", "foo", "-", "+", "", " - a"])
def test_malformed_rules(rule: str) -> None:
    with pytest.raises(ConfigurationError, match="malformed rule"):
        filters(rule)


def included(*globs: str) -> Filters:
    return compile_filters(FilterOptions(paths=RuleOptions(include=globs)), NOW, nothing)


def test_an_inclusion_excludes_all_else() -> None:
    assert shows(included("*.jpg"), "d/a.jpg")
    assert not shows(included("*.jpg"), "d/a.txt")
    assert not shows(included("a/"), "a/x")
    assert not shows(included("dir1/**"), "dir/dir1/x")
    assert shows(included("dir1/**"), "dir1/x")
    assert shows(included("**/dir1/**"), "dir/dir1/x")
    assert shows(included("{{(.*/)?}}dir1/**"), "dir/dir1/x")


def test_directories_that_cannot_hold_a_match_are_not_entered() -> None:
    made = included("/a/b/*.jpg")
    assert made.includes_directory("")
    assert made.includes_directory("a")
    assert made.includes_directory("a/b")
    assert not made.includes_directory("a/b/c")
    assert not made.includes_directory("b")
    assert included("*.jpg").includes_directory("any/thing")


def test_an_inclusion_from_which_no_directories_can_be_told_is_remarked_upon() -> None:
    made = included("{{a}}/x")
    assert made.includes_directory("any/thing")
    assert made.remarks == ('Can\'t figure out directory filters from "{{a}}/x": looking in all directories',)
    assert included("a/x").remarks == ()


def test_case_is_ignored_on_request() -> None:
    assert shows(filters("- *.JPG"), "a.jpg")
    assert not shows(filters("- *.JPG", ignore_case=True), "a.jpg")
    assert not filters("- Dir/**", ignore_case=True).includes_directory("dir")
    # The Kelvin sign is a case of k, the dotted capital I none of i.
    assert not shows(filters("- k", ignore_case=True), "\u212a")
    assert shows(filters("- i", ignore_case=True), "\u0130")
    assert not shows(filters("- [k]", ignore_case=True), "\u212a")
    assert shows(filters("- [^k]", ignore_case=True), "\u212a")
    assert not shows(filters("- \u03c3", ignore_case=True), "\u03c2")


def test_the_sources_of_rules_have_an_order_of_their_own() -> None:
    files = {"i": ["", "# no", " i2 "], "e": ["; no", "e2"], "f": ["+ f2", "- f3"]}
    options = FilterOptions(
        paths=RuleOptions(
            filter_from=["f"], filter=["- f1"], exclude_from=["e"], exclude=["e1"], include_from=["i"], include=["i1"]
        )
    )
    made = compile_filters(options, NOW, files.__getitem__)
    rules = made.dump().partition("--- Directory")[0].splitlines()[2:]
    assert rules == [
        *("+ (^|/)i1$", "+ (^|/)i2$", "- (^|/)e1$", "- (^|/)e2$"),
        *("- (^|/)f1$", "+ (^|/)f2$", "- (^|/)f3$", "- ^.*$"),
    ]
    assert made.warnings == (MIXED,)
    assert included("a").warnings == ()


def test_a_duplicate_rule_is_dropped_and_the_dump_is_rclone_s() -> None:
    made = filters("- *.jpg", "+ a/b", "- *.jpg", "- dir/", min_size=1 << 20, max_size=1536, ignore_case=True)
    assert made.dump() == (
        "--- start filters ---\n"
        "Minimum size is: 1 MiB\n"
        "Maximum size is: 1.500 KiB\n"
        "--- File filter rules ---\n"
        "- (?i)(^|/)[^/]*\\.jpg$\n"
        "+ (?i)(^|/)a/b$\n"
        "- (?i)(^|/)dir/.*$\n"
        "--- Directory filter rules ---\n"
        "+ (?i)(^|/)a/$\n"
        "- (?i)(^|/)dir/.*$\n"
        "--- end filters ---"
    )


def test_times_and_metadata_rules_are_dumped_too() -> None:
    made = filters(
        max_age=Age(NOW, absolute=True),
        min_age=Age(-DAY - 5 * 10**8),
        metadata=RuleOptions(include=["mode=100*"]),
    )
    lines = made.dump().splitlines()
    assert lines[1] == "Last-modified date must be equal or greater than: 2023-11-14 22:13:20 +0000 UTC"
    assert lines[2] == "Last-modified date must be equal or less than: 2023-11-15 22:13:20.5 +0000 UTC"
    assert lines[-4:-1] == ["--- Metadata filter rules ---", "+ (^|/)mode=100[^/]*$", "- ^.*$"]


def test_sizes_are_inclusive_bounds() -> None:
    made = filters(min_size=10, max_size=20)
    assert [made.includes_file("x", size, None, None) for size in (9, 10, 20, 21)] == [False, True, True, False]
    assert not made.includes_file("x", None, None, None)
    assert filters(max_size=20).includes_file("x", None, None, None)
    assert not made.needs_stat


def test_ages_are_inclusive_bounds() -> None:
    made = filters(min_age=Age(DAY), max_age=Age(NOW - 3 * DAY, absolute=True))
    moments = (NOW - DAY + 1, NOW - DAY, NOW - 3 * DAY, NOW - 3 * DAY - 1)
    assert [made.includes_file("x", 0, moment, None) for moment in moments] == [False, True, True, False]
    assert made.needs_stat
    # A file of unknown time counts as one of now.
    assert filters(max_age=Age(DAY)).includes_file("x", 0, None, None)
    assert not filters(min_age=Age(DAY)).includes_file("x", 0, None, None)


def test_ages_that_leave_no_time() -> None:
    with pytest.raises(ConfigurationError) as caught:
        filters(min_age=Age(2 * DAY), max_age=Age(DAY))
    assert caught.value.message == 'filter: --min-age "2d" can\'t be larger than --max-age "1d"'


@pytest.mark.parametrize(("given", "kept"), [(-1, None), (1, 1), (5, 5), (0, 1)])
def test_depth(given: int, kept: int | None) -> None:
    assert filters(max_depth=given).max_depth == kept


def test_marker_files_are_kept_for_the_listing() -> None:
    made = filters(exclude_if_present=[".ignore", "x"])
    assert made.exclude_if_present == (".ignore", "x")
    assert not made.active


def test_parts_by_hash_hold_each_file_once() -> None:
    parts = [filters(hash_filter=f"{part}/3") for part in (1, 2, 3)]
    for path in ("a", "b/c", "é", "dir/file.txt"):
        assert [part.includes_file(path, 0, None, None) for part in parts].count(True) == 1
        assert parts[0].includes_directory(path)
    by_chance = filters(hash_filter="@/1")
    assert by_chance.includes_file("a", 0, None, None)


@pytest.mark.parametrize(
    ("first", "second"),
    [("File", "fILE"), ("\u00e9", "e\u0301"), ("\u03a3", "\u03c3"), ("\u0130", "i"), ("a\udcff", "A\ufffd")],
)
def test_names_that_may_be_one_are_in_one_part(first: str, second: str) -> None:
    for part in range(4):
        made = filters(hash_filter=f"{part}/4")
        assert made.includes_file(first, 0, None, None) == made.includes_file(second, 0, None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1", "filter: --hash-filter: no / found"),
        ("1/0", "filter: --hash-filter: N must be greater than 0"),
        ("a/2", 'filter: --hash-filter: can\'t parse K="a": parsing "a": invalid syntax'),
        ("1/-2", 'filter: --hash-filter: can\'t parse N="-2": parsing "-2": invalid syntax'),
        ("1/18446744073709551616", "value out of range"),
    ],
)
def test_bad_parts(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        filters(hash_filter=text)
    assert message in caught.value.message


def listed(**lists: str) -> Filters:
    options = FilterOptions(**{name: [name] for name in lists})  # type: ignore[arg-type]  # fields by name, of any type
    return compile_filters(options, NOW, lambda name: lists[name].split("\n"))


def test_lists_of_files_override_everything() -> None:
    made = listed(
        files_from=" a/b \n# c\n\n;d\n/e/f/g/\nh\u240ai", files_from_raw=" x \n# c\r\n;d", files_from0="p\nq\0r"
    )
    assert made.files_from == frozenset(("a/b", "e/f/g", "h\u240ai", " x ", "# c", ";d", "p\nq", "r"))
    assert made.active
    assert shows(made, "a/b")
    assert shows(made, "e/f/g")
    assert shows(made, "h\ni")
    assert not shows(made, "a/c")
    assert not made.includes_file("e/f", 0, None, None)
    assert [made.includes_directory(path) for path in ("", "a", "e", "e/f", "e/f/g", "b")] == [True] * 4 + [False] * 2
    assert made.dump().splitlines()[1:-1] == ["--- File filter rules ---", "--- Directory filter rules ---"]


def test_an_empty_list_of_files_shows_nothing() -> None:
    made = compile_filters(FilterOptions(files_from=["x"]), NOW, lambda _: ())
    assert made.files_from == frozenset()
    assert made.active
    assert not made.includes_file("a", 0, None, None)
    assert made.includes_directory("")


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        (
            FilterOptions(files_from=["x"], min_size=1),
            "overrides all other filters, it should be used alone or with --files-from-raw or --files-from0",
        ),
        (
            FilterOptions(files_from_raw=["x"], ignore_case=True, paths=RuleOptions(exclude=["a"])),
            "--files-from-raw overrides",
        ),
        (FilterOptions(files_from0=["x"], exclude_if_present=["y"]), "--files-from0 overrides"),
        (FilterOptions(files_from=["x"], metadata=RuleOptions(filter=["- a"])), "--files-from overrides"),
        (FilterOptions(files_from=["x"], hash_filter="1/2"), "--files-from overrides"),
        (FilterOptions(files_from=["x"], max_age=Age(1)), "--files-from overrides"),
    ],
)
def test_lists_of_files_stand_alone(options: FilterOptions, flag: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_filters(options, NOW, lambda _: ())
    assert flag in caught.value.message


@pytest.mark.parametrize(
    ("rules", "metadata", "included"),
    [
        (RuleOptions(include=["mode=100600"]), {"mode": "100600"}, True),
        (RuleOptions(include=["mode=100600"]), {"mode": "100644"}, False),
        (RuleOptions(include=["mode=100600"]), None, False),
        (RuleOptions(exclude=["mode=*"]), {"mode": "100600"}, False),
        (RuleOptions(exclude=["mode=*"]), {}, True),
        (RuleOptions(exclude=["*"]), {}, False),
        (RuleOptions(filter=["+ a=1", "- b=*"]), {"b": "2", "a": "1"}, True),
        (RuleOptions(filter=["- b=*", "+ a=1"]), {"a": "1", "b": "2"}, False),
        (RuleOptions(filter=["- b=*", "!", "- c=*"]), {"b": "2"}, True),
        (RuleOptions(exclude=["path=*"]), {"path": "a/b"}, True),
        (RuleOptions(exclude=["path=**"]), {"path": "a/b"}, False),
        (RuleOptions(exclude=["**"]), {"k": "two\nlines"}, True),
    ],
)
def test_metadata_rules(rules: RuleOptions, metadata: dict[str, str] | None, included: bool) -> None:
    made = filters(metadata=rules)
    assert made.needs_metadata
    assert made.needs_stat
    assert made.includes_file("x", 0, NOW, metadata) is included


def test_options_are_taken_from_an_object_with_a_name_for_each_flag() -> None:
    class Values:
        def __getattr__(self, name: str) -> object:
            return f"<{name}>"

    made = filter_options(Values())
    names = (made.paths.include_from, made.metadata.filter, made.min_age, made.hash_filter)
    assert list(map(str, names)) == ["<include_from>", "<metadata_filter>", "<min_age>", "<hash_filter>"]


def test_files_of_rules_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_bytes(b"a\r\n\xff\n\nb")
    assert list(read_lines(str(path))) == ["a\r", "\udcff", "", "b"]
    path.write_bytes(b"")
    assert list(read_lines(str(path))) == []
    with pytest.raises(ConfigurationError) as caught:
        list(read_lines(str(tmp_path / "none")))
    assert caught.value.message == f"open {tmp_path}/none: no such file or directory"


def test_thousands_of_rules_are_no_trouble() -> None:
    made = filters(*(f"- /folder{number}/file[0-9].txt" for number in range(3000)), "- name1", "+ name2", "- name*")
    assert not shows(made, "folder2999/file7.txt")
    assert shows(made, "folder3000/file7.txt")
    assert shows(made, "name2")


@pytest.mark.parametrize(
    ("name", "internal"),
    [
        ("plain.txt", "plain.txt"),
        ("a\nb", "a\u240ab"),
        ("\x1b", "\u241b"),
        ("a\x7f", "a\u2421"),
        ("\u240a", "\u201b\u240a"),
        ("\u2421", "\u201b\u2421"),
        ("\u2400", "\u2400"),
        ("\u201b", "\u201b\u201b"),
        ("\u201bx", "\u201b\u201bx"),
        ("\u201b\u201b", "\u201b\u201b"),
        ("\u201b\u2400", "\u201b\u2400"),
        ("\u201b\u240a", "\u201b\u201b\u201b\u240a"),
        ("\uff0f", "\uff0f"),
        ("\u201b\uff0f", "\u201b\uff0f"),
        ("\uff0e", "\uff0e"),
        ("\u201b\uff0e\u201b\uff0e", "\u201b\uff0e\u201b\uff0e"),
        ("\u201b\uff0e\uff0e", "\u201b\u201b\uff0e\uff0e"),
        ("a/../b/.", "a/\uff0e\uff0e/b/\uff0e"),
        (".x/...", ".x/..."),
        ("d\n/\udcff", "d\u240a/\udcff"),
    ],
)
def test_names_as_rclone_has_them_inside(name: str, internal: str) -> None:
    assert inside(name) == internal
