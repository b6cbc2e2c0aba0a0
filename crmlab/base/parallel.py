"""Long work: spread over processes, with a bar that shows how far it is."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from crmlab.base.errors import OptionError


def spread(work: Callable[[Any], Any], items: Iterable[Any], workers: int) -> Iterator[Any]:
    """What does `work` give for each item, in the items' order, on this many processes?

    OptionError where `work` cannot be sent to another process.

    >>> list(spread(abs, [-1, 2], workers=1))
    [1, 2]
    """
    if workers == 1:
        yield from map(work, items)
        return
    try:
        pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError):
        raise OptionError(
            "What is defined in a notebook (stages, policies, programmes) runs with workers=1 only."
        ) from None
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, items)


@contextmanager
def progress_bar(wanted: bool, steps: int) -> Iterator[Callable[[int, str], None]]:
    """A bar on the standard error, where somebody looks at it; call what it gives with steps done and a text."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    shown = wanted and (console.is_terminal or console.is_jupyter)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=steps)

        def show(done: int, text: str) -> None:
            bar.update(task, completed=done, description=text)

        yield show
