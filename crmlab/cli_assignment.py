"""`crmlab assignment`: from a roster to a gradebook, a verb a function of crmlab.course."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from crmlab.base.words import Language

app = typer.Typer(help="Make, export and grade assignments, other numbers for each student.", no_args_is_help=True)

Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="The assignment, as a .toml file, or a bundled one's name.")]
Students = Annotated[Path, typer.Option(help="The list of students: .csv or .xlsx, as your LMS exports it.")]
Secret = Annotated[Path, typer.Option(help="The file with your secret.")]
Out = Annotated[Path, typer.Option(help="The folder of this assignment.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes; by default one for each CPU.")]
Spoken = Annotated[Language | None, typer.Option(help="For students whose row names none; by default SPEC's.")]
ShowKey = Annotated[bool, typer.Option("--show-key", help="Show right answers and solutions in the feedback.")]


def _say(*lines: str) -> None:
    for line in lines:
        Console(soft_wrap=True).print(Text(line))


@app.command()
def secret(file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make.")]) -> None:
    """Make a secret. Keep it: it makes every student's variant again, and whoever has it has every answer."""
    from crmlab.course.assignment import write_secret

    _say(f"{write_secret(file)}: keep it where no student can read it; without it nothing can be graded.")


@app.command()
def make(spec: Spec, students: Students, secret: Secret, out: Out, language: Spoken = None, jobs: Jobs = None) -> None:
    """Make each student's notebook and data, and apart from them the key."""
    from crmlab.course.making import make_assignment

    made = make_assignment(spec, students, secret, out, language, jobs, progress=True)
    there = f" ({len(made.kept):,} were there already, the same)" if made.kept else ""
    number = f"{len(made.written) + len(made.kept):,}{there}"
    _say(
        f"{made.assignment.id}: exercises: {made.assignment.size}, students: {number}.",
        f"Hand out: {made.for_students}, to each student the folder with their id.",
        f"Keep to yourself: {made.keep_private} and {secret}.",
    )


@app.command()
def export(
    spec: Spec,
    secret: Secret,
    to: Annotated[Literal["moodle", "qti", "nbgrader", "html", "pdf"], typer.Option(help="For which platform.")],
    out: Annotated[Path, typer.Option(help="The file or folder to write.")],
    students: Annotated[Path | None, typer.Option(help="The list of students (nbgrader, html, pdf).")] = None,
    variants: Annotated[
        int | None,
        typer.Option(min=1, help="Of each exercise (moodle, qti: 20), of the whole (nbgrader: 1)."),
    ] = None,
    language: Spoken = None,
) -> None:
    """Write the assignment for Moodle, QTI 2.1, nbgrader or paper."""
    from crmlab.course.export import export_assignment

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        written = export_assignment(spec, students, secret, to, out, variants, language)
    for note in dict.fromkeys(str(one.message) for one in said):
        Console(stderr=True, soft_wrap=True).print(Text(f"Note: {note}", style="yellow"))
    _say(f"Written: {written}")


@app.command()
def rehearse(
    spec: Spec,
    students: Students,
    secret: Secret,
    out: Annotated[Path, typer.Option(help="The folder to write: what these students would hand in.")],
    language: Spoken = None,
) -> None:
    """Let the students of a list hand in made-up work, one of them cheating: to see the grading before it matters."""
    from crmlab.course.rehearsal import rehearse as played

    for student, role in played(spec, students, secret, out, language=language).items():
        _say(f"{student}: {role}")
    _say(f"Handed in: {out}. Grade it: crmlab assignment grade {spec} --submissions {out} ...")


@app.command()
def grade(
    spec: Spec,
    submissions: Annotated[Path, typer.Option(help="The folder with what the students handed in.")],
    secret: Secret,
    out: Out,
    students: Annotated[Path | None, typer.Option(help="The list of students; by default that of `make`.")] = None,
    jobs: Jobs = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Run without the sandbox: students' code can do all that you can.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Grade this student only; may be repeated.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Run what has been graded already once more.")] = False,
    show_key: ShowKey = False,
) -> None:
    """Run each notebook in a sandbox, judge its answers, write gradebook, feedback and report. Stopped, it goes on."""
    from crmlab.course.grading import grade_assignment

    try:
        graded = grade_assignment(
            spec, submissions, secret, out, students=students, jobs=jobs, unsafe=unsafe, only=tuple(only or ()),
            again=again, show_key=show_key,
        )  # fmt: skip
    except KeyboardInterrupt:
        _say("Stopped. The same command goes on where it was.")
        raise typer.Exit(130) from None
    _say(str(graded))


@app.command()
def marks(
    spec: Spec,
    marks: Annotated[Path, typer.Option(help="The marks given by hand, as marking.html saved them.")],
    secret: Secret,
    out: Out,
    show_key: ShowKey = False,
) -> None:
    """Import marks given by hand, and write gradebook, feedback and report again."""
    from crmlab.course.assignment import read_assignment, read_secret
    from crmlab.course.feedback import write_all
    from crmlab.course.gradebook import Gradebook
    from crmlab.course.hand_marking import read_marks
    from crmlab.course.making import KEEP_PRIVATE, check_handed_out
    from crmlab.course.roster import Roster

    private = out / KEEP_PRIVATE
    assignment, key, roster = read_assignment(spec), read_secret(secret), Roster.read(private / "roster.json")
    given = read_marks(marks, assignment, roster)
    check_handed_out(private, assignment, key, roster.students)
    with Gradebook(private / "gradebook.sqlite") as book:
        book.bind(assignment, key)
        for one in given:
            book.set_marks(one.student, one.slug, one.answer, one.points, one.comment, one.attempt)
        *_, paths = write_all(book, assignment, roster, key, out, show_key)
    _say(
        f"{len(given):,} answers marked by hand are in the gradebook; {private} and {out / 'feedback'} are up to date."
    )
    if "marks" in paths and paths["marks"].name != "marks.csv":
        kept = f"{private / 'marks.csv'} holds marks that are not in the gradebook, and stays as it is"
        _say(f"{kept}. What still waits is listed in {paths['marks']}.")
