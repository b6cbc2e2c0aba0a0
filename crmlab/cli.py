"""The `crmlab` command: a verb a function, each a few lines over the package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crmlab.base.errors import CrmlabError, require
from crmlab.base.words import Language
from crmlab.cli_assignment import app as assignment

app = typer.Typer(
    help="Customer relationship management that runs: lessons, data sets and published numbers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

exercise = typer.Typer(help="Write exercises and prove that they hold.", no_args_is_help=True)
app.add_typer(exercise, name="exercise")
app.add_typer(assignment, name="assignment")

Method = Literal["cfa_sem", "pls", "both"]
Gaps = Literal["listwise", "fiml"]
LanguageOption = Annotated[Language, typer.Option(help="Language of the lessons.")]


@app.command()
def lab(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Your folder for the lessons.")] = Path(
        "crmlab-lessons"
    ),
    language: LanguageOption = "en",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Start JupyterLab after copying.")] = True,
) -> None:
    """Copy the lessons into DIR, leave there what is yours, and open JupyterLab."""
    from crmlab.course.lessons import copy_lessons

    if open_:
        require("jupyterlab", "course")
    Console().print(Text(str(copy_lessons(folder, language))))
    if open_:
        command = [sys.executable, "-m", "jupyterlab", str(folder), *([] if browser else ["--no-browser"])]
        raise typer.Exit(subprocess.run(command, check=False).returncode)


@app.command()
def lessons(language: LanguageOption = "en") -> None:
    """List the lessons: number, title, minutes, objectives."""
    from crmlab.course.lessons import lessons as listed

    rows = [
        (
            f"{row['lesson']:02d}",
            row["title"],
            f"{row['minutes']}",
            "\n".join(f"- {one}" for one in row["objectives"]),
        )
        for row in listed(language).to_dict("records")
    ]
    _show(("lesson", "title", "minutes", "objectives"), rows)


@app.command()
def datasets() -> None:
    """List the bundled data sets: name, size, what it is, source, licence."""
    from crmlab.data.datasets import datasets as listed

    table = listed()
    _show(tuple(table.columns), [tuple(map(str, row)) for row in table.itertuples(index=False)])


@app.command()
def cards(
    lesson: Annotated[int | None, typer.Option(help="Cards of one lesson; by default all.")] = None,
    language: Annotated[Language, typer.Option(help="Language of the cards.")] = "en",
    anki: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a deck for Anki (.apkg).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """List the flash cards, or write them as a deck for Anki."""
    from crmlab.course.cards import cards as picked
    from crmlab.course.cards import write_anki

    pile = picked(lesson, language=language)
    if anki is None:
        rows = pile.table.sort_values(["lesson", "id"]).itertuples(index=False)
        _show(("lesson", "front", "back"), [(f"{row.lesson:02d}", str(row.front), str(row.back)) for row in rows])
    else:
        written = write_anki(anki, lesson=lesson, language=language, overwrite=overwrite)
        Console().print(Text(f"{len(pile)} cards are in {written}."))


@exercise.command()
def new(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Its name, such as which-price.")],
    root: Annotated[Path, typer.Option(metavar="DIR", help="The folder of exercises.")] = Path("exercises"),
) -> None:
    """Begin an exercise: a folder that works already, to be changed into yours."""
    from crmlab.course.bank import new_exercise

    made = new_exercise(slug, root)
    Console().print(Text(f"{made}: change it, then: crmlab exercise test {slug} --root {root}"))


@exercise.command()
def test(
    slug: Annotated[list[str] | None, typer.Argument(metavar="[SLUG]...", help="By default all.")] = None,
    draws: Annotated[int, typer.Option(min=1, help="Variants to draw of each.")] = 100,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="By default the bundled exercises.")] = None,
) -> None:
    """Draw each exercise many times: does it solve, mark, and tell mistakes apart? Exit with 1 if one does not."""
    from crmlab.course.bank import prove_exercises

    console, wrong, number = Console(), 0, 0
    for proof in prove_exercises(slug or (), draws=draws, root=root):
        number, wrong = number + 1, wrong + bool(proof.faults)
        verdict = "; ".join(map(str, proof.faults)) or "holds"
        console.print(Text(f"{proof.slug} (lesson {proof.lesson:02d}, {proof.milliseconds:.0f} ms a draw): {verdict}"))
    console.print(f"{number - wrong} of {number} exercises hold in {draws:,} draws.")
    if wrong:
        raise typer.Exit(1)


@app.command()
def reproduce(
    every: Annotated[bool, typer.Option("--all", help="List each number, not only those that are missed.")] = False,
) -> None:
    """Compare published numbers with ours, each with its source; exit with 1 if one is missed."""
    from crmlab.reports.reproduce import reproduce as compared

    table = compared()
    groups = table.groupby(["model", "data"], sort=False)
    rows = [
        (str(model), str(data), f"{len(group)}", f"{int(group['ok'].sum())}", "; ".join(group["source"].unique()[:2]))
        for (model, data), group in groups
    ]
    _show(("model", "data", "numbers", "agree", "source"), rows)
    for (model, data), group in groups:
        shown = group if every else group[~group["ok"].astype(bool)]
        if shown.empty:
            continue
        Console().print(Text(f"{model}, {data}", style="bold"))
        lines = [
            (
                row["quantity"], *(f"{row[name]:.{row['decimals']}f}" for name in ("published", "ours")),
                "yes" if row["ok"] else "NO", "; ".join(filter(None, (row["source"], row["note"]))),
            )
            for row in shown.to_dict("records")
        ]  # fmt: skip
        _show(("quantity", "published", "ours", "ok", "source"), lines)
    missed = int((~table["ok"].astype(bool)).sum())
    Console().print(f"{len(table) - missed:,} of {len(table):,} numbers agree; --all lists each.")
    if missed:
        raise typer.Exit(1)


@app.command()
def survey(
    instrument: Annotated[Path, typer.Argument(metavar="INSTRUMENT", help="The questionnaire, as a .toml file.")],
    answers: Annotated[Path, typer.Argument(metavar="ANSWERS", help="The answers: .csv, .xlsx or .sav.")],
    out: Annotated[Path, typer.Option(help="The file to write: .docx, .xlsx, .tex or .html.")] = Path("chapter4.docx"),
    language: Annotated[Language, typer.Option(help="Language of the chapter.")] = "en",
    method: Annotated[Method, typer.Option(help="CFA and SEM, PLS-SEM, or both.")] = "cfa_sem",
    estimator: Annotated[str, typer.Option(help="Of CFA and SEM: ML, MLM, MLR or WLSMV.")] = "MLR",
    missing: Annotated[Gaps, typer.Option(help="Who left items empty: left out of CFA and SEM, or not.")] = "listwise",
    max_flags: Annotated[int | None, typer.Option(help="Leave out who has more flags; by default nobody.")] = None,
    bootstrap: Annotated[int, typer.Option(help="Bootstrap samples of PLS-SEM.")] = 5000,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 1,
    chapter: Annotated[int | None, typer.Option(help="Number tables as 4-1, 4-2 in chapter 4.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Turn a questionnaire's answers into the tables, figures and sentences of a thesis's chapter."""
    import warnings

    from crmlab.reports.study import study
    from crmlab.reports.write import check_target

    check_target(out, overwrite)  # before the work, not after it
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        found = study(
            instrument, answers, method=method, estimator=estimator, missing=missing, max_flags=max_flags,
            bootstrap=bootstrap, rng=seed,
        )  # fmt: skip
        written = found.write(out, language, chapter=chapter, overwrite=overwrite)
    errors = Console(stderr=True)
    for text in dict.fromkeys(str(one.message) for one in said if issubclass(one.category, UserWarning)):
        errors.print(Text(f"Note: {text}", style="yellow"))
    for step, reason in found.failures.items():
        errors.print(Text(f"Not done: {step}. {reason}", style="red"))
    Console().print(Text(f"{len(found.tables(language))} tables of {len(found.answers):,} answers are in {written}."))


def _show(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def main() -> None:
    """Run the command; crmlab's own errors become a message and exit code 2, never a traceback."""
    try:
        app()
    except CrmlabError as error:
        Console(stderr=True).print(Text(str(error), style="red"))
        sys.exit(2)


if __name__ == "__main__":
    main()
