"""The small parts of a mirror: names of kept files, overlap, questions, report lines, exit status."""

import io
from pathlib import Path

import pytest

from plait.engine.events import AttemptEnded, Compared, ComparedRun, Finished
from plait.mirror import options
from plait.mirror.keeping import KeptNames, shown_below, split_extensions
from plait.mirror.overlap import Root, check_backup, check_backup_of_file, overlapping, same
from plait.mirror.questions import Answer, Confirmations, QuitError, words
from plait.mirror.reports import Reports
from plait.mirror.status import exit_code
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import (
    BusyError,
    ConfigurationError,
    DirectoryNotFoundError,
    ExitCode,
    FatalError,
    NoRetryError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PlaitError,
    TemporaryError,
)
from plait.model.items import Item, Kind, Page, Stat
from plait.model.options import Values


def file(key: str) -> Item:
    return Item(key, Stat(Kind.FILE, 1, 1))


@pytest.mark.parametrize(
    ("key", "base", "extensions"),
    [
        ("f.tar.gz", "f", ".tar.gz"),
        ("dir/f.txt", "dir/f", ".txt"),
        ("h", "h", ""),
        ("dir.d/h", "dir.d/h", ""),
        ("a.v1.txt", "a.v1", ".txt"),
        ("a.unheardof", "a", ".unheardof"),
        (".hidden", "", ".hidden"),
    ],
)
def test_extensions(key: str, base: str, extensions: str) -> None:
    assert split_extensions(key) == (base, extensions)


def test_kept_names() -> None:
    assert KeptNames().name("d/a.txt") == "d/a.txt"
    assert KeptNames("-v1").name("d/a.txt") == "d/a.txt-v1"
    assert KeptNames("-v1", before_extension=True).name("f.tar.gz") == "f-v1.tar.gz"
    assert KeptNames("-v1", before_extension=True).name("h") == "h-v1"
    assert shown_below("r:", "a") == "r:a"
    assert shown_below("/b", "a") == "/b/a"


def everything(_: Root, __: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/a", "/a", True),
        ("/a/", "a", True),
        ("/a", "/a/b", True),
        ("/a/b/c", "/a", True),
        ("/a", "/ab", False),
        ("/", "/a", True),
        ("/a", "/b", False),
    ],
)
def test_overlap(one: str, other: str, *, expected: bool) -> None:
    assert overlapping(Root("x", one), Root("x", other), everything) is expected
    assert overlapping(Root("x", one), Root("y", other), everything) is False


def test_case_counts_only_where_the_store_minds_it() -> None:
    assert overlapping(Root("x", "/A", case_sensitive=False), Root("x", "/a/b", case_sensitive=False), everything)
    assert not overlapping(Root("x", "/A"), Root("x", "/a/b"), everything)
    assert same(Root("x", "/A", case_sensitive=False), Root("x", "a", case_sensitive=False))


def test_filters_may_exclude_the_inner_tree() -> None:
    asked: list[tuple[str, str]] = []

    def excluded(outer: Root, path: str) -> bool:
        asked.append((outer.path, path))
        return False

    assert not overlapping(Root("x", "/a"), Root("x", "/a/b/c"), excluded)
    assert asked == [("/a", "b/c")]
    assert overlapping(Root("x", "/a"), Root("x", "/a"), excluded)


def test_backups_are_kept_on_the_same_remote_and_apart() -> None:
    source, destination = Root("x", "/s"), Root("x", "/d")
    check_backup(Root("x", "/b"), source, destination, everything)
    for backup in (Root("y", "/b"), Root("x", "/d/b"), Root("x", "/s/b"), Root("x", "/")):
        with pytest.raises(FatalError):
            check_backup(backup, source, destination, everything)
    check_backup_of_file(Root("x", "/d/b"), source, destination, suffix=False)
    check_backup_of_file(destination, source, destination, suffix=True)
    for backup in (Root("y", "/b"), source, destination):
        with pytest.raises(FatalError):
            check_backup_of_file(backup, source, destination, suffix=False)


class Person:
    """Gives the answers in turn, and remembers the questions."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, what: str, key: str) -> Answer:
        self.asked.append(f"{what} {key}")
        return self.answers.pop(0)


def test_answers_hold_for_one_or_for_all_of_a_kind() -> None:
    person = Person(Answer.YES, Answer.NO, Answer.SKIP_ALL, Answer.DO_ALL)
    confirm = Confirmations(person)
    copies = [Action(verb, key) for verb, key in ((Verb.CREATE, "a"), (Verb.REPLACE, "b"), (Verb.CREATE, "c"))]
    deletions = [Action(Verb.DELETE, key) for key in "xyz"]
    assert [confirm(action) for action in copies] == [True, False, False]
    assert confirm(Action(Verb.CREATE, "d")) is False
    assert [confirm(action) for action in deletions] == [True, True, True]
    assert person.asked == ["copy a", "copy b", "copy c", "delete x"]
    with pytest.raises(QuitError):
        Confirmations(Person(Answer.QUIT))(copies[0])
    assert QuitError.exit_code is ExitCode.DONE


def test_words_of_actions() -> None:
    assert words(Action(Verb.DELETE, "a"), keeps=True) == "move into backup dir"
    assert words(Action(Verb.REPLACE, "a"), moves=True) == "move"
    assert {words(Action(verb, "a")) for verb in Verb} >= {"copy", "delete", "make directory", "remove directory"}


def test_reports(tmp_path: Path) -> None:
    values = Values(
        options.SYNC, {"combined": "-", "missing_on_src": str(tmp_path / "src"), "error": str(tmp_path / "!")}
    )
    standard_output = io.BytesIO()
    reports = Reports.open(values, standard_output)
    assert reports is not None
    with reports:
        reports(Compared("-", None, file("gone")))
        reports(AttemptEnded(1, 3, 1, None, again=True))
        reports(Compared("+", file("new"), None))
        reports(Compared("*", file("NAME"), file("name")))
        reports(Compared("-", None, file("bad\udcff")))
        reports(ComparedRun(Page.of("d/", [("x", file("x").stat), ("y", file("y").stat)])))
        failed = Action(Verb.CREATE, "new", file("new"))
        reports(Finished(Outcome(failed, Status.FAILED, error=PermissionDeniedError("no"))))
        reports(Finished(Outcome(Action(Verb.DELETE, "z", None, file("z")), Status.DONE)))
        reports(Finished(Outcome(Action(Verb.DELETE, "k", None, file("k")), Status.SKIPPED)))
        reports(Finished(Outcome(Action(Verb.TOUCH_DIRECTORY, "d"), Status.FAILED, error=PermissionDeniedError("no"))))
    lines = standard_output.getvalue().split(b"\n")
    assert lines == [b"- gone", b"+ new", b"* name", b"- bad\xff", b"= d/x", b"= d/y", b"! new", b""]
    assert (tmp_path / "src").read_bytes() == b"bad\xff\n"
    assert (tmp_path / "!").read_bytes() == b"new\n"


def test_reports_only_where_asked(tmp_path: Path) -> None:
    assert Reports.open(Values(options.SYNC, {}), io.BytesIO()) is None
    with pytest.raises(ConfigurationError):
        Reports.open(Values(options.SYNC, {"match": str(tmp_path / "no" / "file")}), io.BytesIO())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (PermissionDeniedError("x"), 1),
        (ObjectNotFoundError("x"), 1),
        (BusyError("x"), 1),
        (ConfigurationError("x"), 1),
        (DirectoryNotFoundError("x"), 3),
        (TemporaryError("x"), 5),
        (NoRetryError("x"), 6),
        (FatalError("x"), 7),
        (QuitError("x"), 0),
    ],
)
def test_exit_status(error: PlaitError | None, code: int) -> None:
    assert exit_code(error) == code
