"""The `crmlab` command: a verb a function, each a few lines over the package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crmlab.base.errors import CrmlabError, require
from crmlab.base.words import Language

app = typer.Typer(
    help="Customer relationship management that runs: lessons, data sets and published numbers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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
def reproduce() -> None:
    """Compare published numbers with ours, each with its source; exit with 1 if one is missed."""
    from crmlab.reports.reproduce import reproduce as compared

    table = compared()
    for (model, data), group in table.groupby(["model", "data"], sort=False):
        Console().print(Text(f"{model}, {data}", style="bold"))
        rows = [
            (
                row["quantity"], *(f"{row[name]:.{row['decimals']}f}" for name in ("published", "ours")),
                "yes" if row["ok"] else "NO", "; ".join(filter(None, (row["source"], row["note"]))),
            )
            for row in group.to_dict("records")
        ]  # fmt: skip
        _show(("quantity", "published", "ours", "ok", "source"), rows)
    missed = int((~table["ok"].astype(bool)).sum())
    Console().print(f"{len(table) - missed} of {len(table)} numbers agree.")
    if missed:
        raise typer.Exit(1)


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
