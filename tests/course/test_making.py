"""A class's notebooks: what is in them, that they answer nothing, and that they are the same each time."""

import builtins
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import crmlab as crm
from crmlab.base.errors import CrmlabError, DataError, OptionError
from crmlab.base.share import share
from crmlab.course.assignment import Assignment, Piece, Slot, read_assignment
from crmlab.course.exercise import Exercise, Text, Variant, load_exercise, slugs
from crmlab.course.handout import student_files
from crmlab.course.judging import Answer
from crmlab.course.making import make_assignment
from crmlab.course.packing import unpack
from crmlab.course.roster import Roster, Student

SECRET = "5" * 64
SPEC = """id = "hw"
title = {{en = "Homework", fa = "تکلیف"}}
{more}
[[exercises]]
slug = "top-share"
points = 10
[[exercises]]
slug = "reverse-items"
points = 2.5
[[exercises]]
slug = "five-customers"
points = 5
"""


@pytest.fixture
def desk(tmp_path):
    """A spec, a roster and a secret."""
    (tmp_path / "hw.toml").write_text(SPEC.format(more="due = 2026-12-04T23:59:00+03:30"), encoding="utf-8")
    (tmp_path / "roster.csv").write_text("id,name,language\n401,Ali Example,\n402,سارا نمونه,fa\n", encoding="utf-8")
    (tmp_path / "secret.key").write_text(SECRET, encoding="utf-8")
    return tmp_path


def make(desk: Path, out: str = "out", **options):
    given = {"spec": desk / "hw.toml", "students": desk / "roster.csv", "secret": desk / "secret.key", "jobs": 1}
    return make_assignment(out=desk / out, **(given | options))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder).as_posix()): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def cells(notebook: bytes) -> dict[str, str]:
    return {cell["id"]: "".join(cell["source"]) for cell in json.loads(notebook)["cells"]}


def one(exercise: Exercise, variant: Variant | None = None, points: float = 1.0) -> tuple[Assignment, tuple[Piece]]:
    """An assignment of this exercise alone."""
    piece = Piece(1, points, variant or exercise.variant(5))
    return Assignment("hw", {"en": "Homework"}, (Slot(points, exercise.slug),), {exercise.slug: exercise}), (piece,)


def run_data(files: dict[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The names that the data cells leave when they run in the student's folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    monkeypatch.chdir(folder)
    code = cells(files["hw.ipynb"])
    found: dict[str, object] = {}
    builtins.exec("\n".join(text for name, text in code.items() if name == "setup" or name.endswith("-data")), found)
    return found


def same(left: object, right: object) -> bool:
    if isinstance(right, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_exact=True)
        return True
    if isinstance(right, pd.Series):
        pd.testing.assert_series_equal(left, right, check_exact=True)
        return True
    if isinstance(right, np.ndarray):
        return isinstance(left, np.ndarray) and np.array_equal(left, right)
    return bool(left == right)


@pytest.mark.parametrize("slug", slugs(share("exercises")))
def test_data_cells_give_back_what_was_drawn_and_no_file_answers_anything(slug, tmp_path, monkeypatch):
    exercise = load_exercise(slug)
    variant = exercise.variant(1)
    assignment, pieces = one(exercise, variant)
    files = student_files(assignment, Student("1"), pieces, "fa")
    found = run_data(files, tmp_path, monkeypatch)
    for name, value in variant.shown.items():
        if isinstance(value, str) and (len(value) > 60 or "\n" in value):
            assert name not in found  # prose of the prompt
        else:
            assert same(found[name], value), name
    assert not [name for name in found if name in variant.drawn and name not in variant.shown]
    text = b"\n".join(content for name, content in files.items() if not name.endswith(".csv")).decode().replace(",", "")
    for name in (name for name, answer in exercise.answers.items() if answer.kind == "number"):
        digits = f"{variant.key[name]:.6g}"
        if len(digits.replace(".", "").strip("-0")) >= 4:
            shown = re.search(rf"(?<![\d.]){re.escape(digits)}", text)
            assert not shown, f"{name} = {digits}: {text[max(0, shown.start() - 60) : shown.end() + 20]}"


def drawn(**values) -> tuple[Assignment, tuple[Piece]]:
    """An exercise that has drawn these values."""
    answers = {"x": Answer("number")}
    text = Text("Title", 'Prompt ex.data["table"]', ("Hint",), {}, "Solution")
    exercise = Exercise("x", "", 1, 1, (), answers, lambda rng: values, lambda: {"x": 1}, {}, {"en": text, "fa": text})
    return one(exercise, Variant(exercise, values, {"x": 1}))


ODD = {
    "floats": pd.DataFrame({"x": [0.1 + 0.2, 1 / 3, 1e-300, np.nan]}),
    "whole_floats": pd.DataFrame({"x": [1.0, 2.0]}),
    "number_like": pd.DataFrame({"a": ["01", "2.50"], "b": ["True", "x"], "c": ["1e5", "inf"]}),
    "missing_like": pd.DataFrame({"a": ["NA", "null", "x"], "n": [1.0, np.nan, 3.0]}),
    "empty_text": pd.DataFrame({"a": ["", "x"], "n": [1, 2]}),
    "empty_and_gaps": pd.DataFrame({"a": ["", "x"], "n": [1.5, np.nan], "b": ["y", np.nan]}),
    "empty_and_missing": pd.DataFrame({"a": ["", "x", np.nan]}),
    "missing": pd.DataFrame({"a": ["x", np.nan]}),
    "quotes": pd.DataFrame({"a, b": ['say "no"', "two\nlines", "ب، ت"]}),
    "dates": pd.DataFrame({"d": pd.to_datetime(["2024-01-31", "2024-02-01"]), "v": [True, False]}),
    "times": pd.DataFrame({"d": pd.to_datetime(["2024-01-31 05:30:01", "2024-02-01 00:00:00"])}),
    "date_index": pd.DataFrame({"v": [1, 2]}, index=pd.Index(pd.to_datetime(["2024-01-31", "2024-02-01"]), name="d")),
    "text_index": pd.DataFrame({"v": [1, 2]}, index=pd.Index(["1", "2"], name="k")),
    "two_levels": pd.DataFrame({"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "n"])),
    "no_name": pd.DataFrame({"v": [1, 2]}, index=["a", "b"]),
    "series": pd.Series([1.5, 2.0], index=pd.Index(["a", "b"], name="k"), name="v"),
    "unnamed": pd.Series([1, 2, 3]),
    "array": np.array([[1.5, 2.0], [3.0, 4.0]]),
    "scalars": {"a": [1, (2,), "x"], "b": {"c": None}},
    "timestamp": pd.Timestamp("2024-01-31 05:30"),
    "numpy": np.float64(0.5),
    "infinite": float("inf"),
    "words": "say \"no\" \\ 'yes'",
}


@pytest.mark.parametrize("name", ODD)
def test_tables_and_values_of_every_kind(name, tmp_path, monkeypatch):
    assignment, pieces = drawn(**{name: ODD[name]})
    try:
        files = student_files(assignment, Student("1"), pieces, "en")
    except CrmlabError as error:
        assert name == "empty_and_missing" and "is not the same when it is read again" in str(error)
        return
    assert same(run_data(files, tmp_path, monkeypatch)[name], ODD[name])


def test_what_csv_cannot_carry_is_said():
    for table in (
        pd.DataFrame({1: [1]}),
        pd.Series([1, 2], name=0),
        pd.DataFrame({"a": pd.Categorical(["x"])}),
        {1, 2},
    ):
        assignment, pieces = drawn(table=table)
        with pytest.raises(CrmlabError, match="read again|cannot be given"):
            student_files(assignment, Student("1"), pieces, "en")


def test_the_prompt_names_the_table_itself():
    assignment, pieces = drawn(table=pd.DataFrame({"a": [1]}))
    text = cells(student_files(assignment, Student("1"), pieces, "en")["hw.ipynb"])["q01-prompt"]
    assert text.startswith("## 1. Title (points: 1)\n\nPrompt table")


def test_the_notebook_is_valid_and_runs_through(desk, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    make(desk)
    for student in ("401", "402"):
        folder = desk / "out" / "for-students" / student
        text = (folder / "hw.ipynb").read_text(encoding="utf-8")
        notebook = nbformat.reads(text, 4)
        nbformat.validate(notebook)
        assert nbformat.writes(notebook) == text.rstrip("\n")
        assert notebook.metadata.crmlab == {"assignment": "hw", "student": student, "version": crm.__version__}
        assert notebook.metadata.kernelspec.name == "python3"
        monkeypatch.chdir(folder)
        space: dict[str, object] = {}
        for cell in notebook.cells:
            if cell.cell_type == "code":
                builtins.exec(cell.source, space)
        assert list(space["answer1"]) == ["top_share", "gini"]


def test_head_answer_cells_and_language(desk):
    make(desk)
    english = cells((desk / "out/for-students/401/hw.ipynb").read_bytes())
    persian = cells((desk / "out/for-students/402/hw.ipynb").read_bytes())
    assert list(english)[:5] == ["title", "setup", "q01-prompt", "q01-data", "q01-answer"]
    assert english["title"].startswith("# Homework\n\nThis notebook is for `401` alone. Exercises: 3. Points: 17.5.")
    assert "Hand in by `2026-12-04 23:59 UTC+03:30`." in english["title"]
    assert "You can hand in once." in english["title"]
    assert english["q02-answer"] == (
        "# Your answer to exercise 2: put your values in place of ... and run the cell.\nanswer2 = {\n"
        '    "reverse": ...,  # a list of some of: "q1", "q2", "q3", "q4", "q5"\n'
        '    "alpha": ...,  # a number\n    "score": ...,  # a number\n}\ncrm.check_form(2, answer2)'
    )
    assert "a DataFrame with the columns" in english["q03-answer"]
    assert (
        persian["title"].startswith('<div dir="rtl">\n\n# تکلیف\n') and "# پاسخ شما به تمرین 2" in persian["q02-answer"]
    )
    assert 'parse_dates=["date"]' in english["q03-data"]


@pytest.mark.parametrize(
    ("more", "days", "said"),
    [
        ("", 0, "There is no due date."),
        ("due = 2026-12-04T23:59:00Z", 0.5, "by `2026-12-05 11:59 UTC+00:00`. Nothing is accepted after `2026-12-05"),
        ("due = 2026-12-04T23:59:00Z\nattempts = 3\ncounts = 'last'\n"
         "late = {per_day = 0.15, grace_minutes = 5, days = 2}", 0,
         "counts as in time. After that each day begun costs 15% of the score. Nothing is accepted after "
         "`2026-12-06 23:59 UTC+00:00`. You can hand in up to 3 times; the last one counts."),
    ],
)  # fmt: skip
def test_due_date_and_lateness_in_words(desk, more, days, said):
    (desk / "hw.toml").write_text(SPEC.format(more=more), encoding="utf-8")
    assignment = read_assignment(desk / "hw.toml")
    student = Student("1", extra_days=days)
    files = student_files(assignment, student, assignment.pieces(b"s" * 32, "1"), "en")
    assert said in cells(files["hw.ipynb"])["title"]


def test_essays_figures_and_functions_have_a_place():
    answers = {"why": Answer("essay"), "plot": Answer("figure"), "f": Answer("function"),
               "pick": Answer("choice", choices=tuple(f"a rather long choice {i}" for i in range(9)))}  # fmt: skip
    text = Text("Title", "Prompt", ("Hint",), {}, "Solution")
    exercise = Exercise("x", "", 1, 1, (), answers, dict, dict, {}, {"en": text})
    key = {"f": [((2, 3), 6.0)], "pick": "a rather long choice 1"}
    assignment, pieces = one(exercise, Variant(exercise, {"_hidden": 4711}, key))
    files = student_files(assignment, Student("1"), pieces, "en")
    code = cells(files["hw.ipynb"])["q01-answer"]
    assert '    # your text, between the quotation marks\n    "why": """\n\n""",\n' in code
    assert '"f": ...,  # a function: its name, without brackets' in code
    assert max(map(len, code.splitlines())) <= 100 and "a rather long choice 8" in code
    compile(code, "cell", "exec")
    assert "q01-data" not in cells(files["hw.ipynb"])
    assert not any(hidden in b"".join(files.values()).decode() for hidden in ("4711", "6.0", "[2, 3]"))


def test_the_folder_and_what_is_private(desk):
    made = make(desk)
    out = desk / "out"
    assert made.written == ("401", "402") and made.kept == () and made.for_students == out / "for-students"
    assert sorted(p.name for p in out.iterdir()) == ["for-students", "keep-private"]
    assert sorted(p.name for p in (out / "keep-private").iterdir()) == ["README.txt", "key.json", "roster.json"]
    assert sorted(contents(out / "for-students" / "401")) == [
        "data/1-customers.csv", "data/2-answers_given.csv", "data/3-receipts.csv", "data/forms.json", "hw.ipynb",
    ]  # fmt: skip
    if sys.platform != "win32":
        assert stat.S_IMODE((out / "keep-private/key.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((out / "keep-private").stat().st_mode) == 0o700
    assert Roster.read(out / "keep-private/roster.json").students[1].name == "سارا نمونه"
    assert "for-students" in (out / "keep-private/README.txt").read_text(encoding="utf-8")
    assignment = read_assignment(desk / "hw.toml")
    kept = json.loads((out / "keep-private/key.json").read_text(encoding="utf-8"))
    assert kept["digest"] == assignment.digest
    for student in ("401", "402"):
        for said, piece in zip(kept["students"][student], assignment.pieces(SECRET.encode(), student), strict=True):
            given = {name: unpack(value) for name, value in said["answers"].items()}
            assert said["exercise"] == piece.exercise.slug and piece.variant.judge(given).right
    handed = b"".join(contents(out / "for-students").values())
    assert SECRET.encode() not in handed and hashlib.sha256(SECRET.encode()).hexdigest().encode() not in handed


def test_made_again_nothing_changes_and_lost_folders_come_back(desk):
    make(desk)
    before = contents(desk / "out")
    (desk / "out/for-students/401/my notes.txt").write_text("mine", encoding="utf-8")
    (desk / "out/for-students/402").rename(desk / "402")
    again = make(desk, jobs=2)
    assert (again.written, again.kept) == (("402",), ("401",))
    assert contents(desk / "out") == before | {"for-students/401/my notes.txt": b"mine"}
    make(desk, "other")
    assert contents(desk / "other") == before


def test_what_is_changed_between_two_calls_counts(desk):
    make(desk)
    spec = desk / "hw.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("Homework", "Another title"), encoding="utf-8")
    make(desk, "other", jobs=1)
    assert "# Another title" in (desk / "other/for-students/401/hw.ipynb").read_text(encoding="utf-8")


def test_another_secret_or_spec_is_refused_before_anything_is_written(desk):
    make(desk)
    before = contents(desk / "out")
    (desk / "other.key").write_text("6" * 64, encoding="utf-8")
    with pytest.raises(DataError, match=r"files that differ .* already: 8 \(for example 401/data/1-customers"):
        make(desk, secret=desk / "other.key")
    (desk / "out/for-students/402/data/forms.json").unlink()
    with pytest.raises(DataError, match="are there already: 1 "):
        make(desk)
    assert contents(desk / "out") == {n: c for n, c in before.items() if n != "for-students/402/data/forms.json"}


def test_the_secret_must_not_lie_among_what_is_handed_out(desk):
    inside = desk / "out" / "for-students" / "401"
    inside.mkdir(parents=True)
    (inside / "secret.key").write_text(SECRET, encoding="utf-8")
    with pytest.raises(OptionError, match="Move it first"):
        make(desk, secret=inside / "secret.key")
    (desk / "link.key").symlink_to(inside / "secret.key")
    with pytest.raises(OptionError, match="Move it first"):
        make(desk, secret=desk / "link.key")


def test_what_cannot_be_used(desk):
    with pytest.raises(OptionError, match="language="):
        make(desk, language="de")
    with pytest.raises(OptionError, match="jobs=0"):
        make(desk, jobs=0)
    with pytest.raises(OptionError, match="No secret can be read"):
        make(desk, secret=desk / "none")
    (desk / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(CrmlabError, match="cannot be written"):
        make(desk)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exercise_that_fails_names_the_student(desk, jobs):
    bank = desk / "bank" / "bad"
    bank.mkdir(parents=True)
    code = '"""x"""\nlesson, level, tags = 4, 1, ("x",)\nanswers = {"a": {"kind": "number"}}\nmistakes = {}\n'
    code += 'def draw(rng): return {"n": 1}\ndef solve(n): return {"a": 1 / 0}\n'
    (bank / "exercise.py").write_text(code, encoding="utf-8")
    for name in ("en", "fa"):
        (bank / f"{name}.md").write_text("# T\n\nP\n\n## Hint\nH\n\n## Solution\nS\n", encoding="utf-8")
    spec = "id = 'hw'\ntitle = 'x'\nbank = 'bank'\n[[exercises]]\nslug = 'bad'\npoints = 1\n"
    (desk / "hw.toml").write_text(spec, encoding="utf-8")
    with pytest.raises(CrmlabError, match=r"student 401 cannot be made: ZeroDivisionError"):
        make(desk, jobs=jobs)
    assert not (desk / "out" / "for-students").exists() and not list((desk / "out").iterdir())


def hashes(desk: Path, **environment: str) -> str:
    """SHA-256 over all files for students, made in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from crmlab.course.making import make_assignment; d = Path(sys.argv[1]);"
        "make_assignment(d/'hw.toml', d/'roster.csv', d/'secret.key', d/sys.argv[2], jobs=1)"
    )
    out = "-".join(environment) + "".join(environment.values()).replace("/", "")
    env = os.environ | {"PYTHONPATH": str(Path(crm.__file__).parent.parent)} | environment
    subprocess.run([sys.executable, "-c", code, str(desk), out], env=env, check=True, capture_output=True)
    whole = hashlib.sha256()
    for name, content in sorted(contents(desk / out).items()):
        whole.update(f"{name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def test_hash_seed_time_zone_locale_and_threads_change_nothing(desk):
    found = {
        hashes(desk, PYTHONHASHSEED="1", TZ="Asia/Tehran", LC_ALL="C", OMP_NUM_THREADS="1"),
        hashes(desk, PYTHONHASHSEED="2", TZ="America/Lima", LC_ALL="C.UTF-8", OMP_NUM_THREADS="2"),
    }
    assert len(found) == 1


def test_the_bundled_assignment_has_the_same_data_on_every_machine(desk):
    # another NumPy, Python or processor must not change it; a changed exercise may: then write the new hash here
    make(desk, spec="lifetime-value")
    whole = hashlib.sha256()
    for student in ("401", "402"):
        folder = desk / "out/for-students" / student
        code = cells((folder / "lifetime-value.ipynb").read_bytes())
        for text in (code[name] for name in sorted(code) if name.endswith("-data")):
            whole.update(text.encode())
        for file in sorted((folder / "data").glob("*.csv")):
            whole.update(file.read_bytes())
    assert whole.hexdigest() == "5c625d0d23cfb92f40333fd452e1f4ed59c588a14faeec1807ba8b3057479af4"


CHECKED = {"top_share": 0.5, "gini": float("nan")}


def test_check_form_says_what_is_expected_and_never_what_is_right(desk):
    make(desk)
    folder = desk / "out/for-students/401"
    key = read_assignment(desk / "hw.toml").pieces(SECRET.encode(), "401")[0].variant.key
    right, wrong = crm.check_form(1, dict(key), folder), crm.check_form(1, {"top_share": 0.5, "gini": 0.1}, folder)
    assert right.text == wrong.text
    assert "- `gini`: The form is right.\n\nThis looks at the form only" in right.text
    text = crm.check_form(1, CHECKED, folder).text
    assert "`gini`: A finite number is expected" in text and "`top_share`: The form is right." in text
    assert "`gini`: Not answered yet." in crm.check_form(1, {"top_share": 1, "gini": ...}, folder).text
    text = crm.check_form(1, {"top": 1}, folder).text
    assert "`top` is not asked for. The answers are `top_share`, `gini`." in text
    assert "give each by name" in crm.check_form(1, 0.5, folder).text
    assert "`gini`: Not answered yet." in crm.check_form(1, ..., folder).text
    text = crm.check_form(2, {"reverse": ["q9"], "alpha": "high"}, folder).text
    assert "A list of some of these is expected, each as text: `q1`, `q2`" in text
    assert "The table lacks the columns" in crm.check_form(3, pd.DataFrame({"a": [1]}), folder).text
    assert "A DataFrame is expected" in crm.check_form(3, {"summary": 3}, folder).text
    assert crm.check_form(9, 1, folder).text == "There is no exercise 9 in this notebook; there are `1`, `2`, `3`."
    assert crm.check_form(1, {"top_share": 1}, desk / "out/for-students/402").text.startswith("- `top_share`: شکل پاسخ")
    assert "forms.json" in crm.check_form(1, 1, desk).text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"language": "en", "exercises": 3}', '{"language": "en", "exercises": {"a": 1}}']
)
def test_a_broken_forms_file_does_not_raise(tmp_path, text):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/forms.json").write_text(text, encoding="utf-8")
    assert "forms.json" in crm.check_form(1, 1, tmp_path).text


def test_one_answer_alone_may_be_given_bare(tmp_path):
    exercise = load_exercise("break-even-response")
    assignment, pieces = one(exercise)
    run = student_files(assignment, Student("1"), pieces, "en")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/forms.json").write_bytes(run["data/forms.json"])
    name = next(iter(exercise.answers))
    for given in (0.1, {name: 0.1}):
        assert f"`{name}`: The form is right." in crm.check_form(1, given, tmp_path).text
    assert f"`{name}`: A single number is expected" in crm.check_form(1, "x", tmp_path).text
    assert "is not asked for" in crm.check_form(1, {"other": 1}, tmp_path).text
