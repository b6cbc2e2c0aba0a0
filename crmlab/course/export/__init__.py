"""An assignment for the platforms of others: Moodle, QTI, nbgrader, paper."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal, get_args

from crmlab.base.errors import OptionError, check_count, check_option
from crmlab.base.words import Language
from crmlab.course.assignment import read_assignment, read_secret
from crmlab.course.whole import whole

To = Literal["moodle", "qti", "nbgrader", "html", "pdf"]


def export_assignment(
    spec: str | Path, students: str | Path | None, secret: str | Path, to: To, out: str | Path,
    variants: int | None = None, language: Language | None = None,
) -> Path:  # fmt: skip
    """Which file or folder does another platform read?

    to: "moodle" (Moodle XML) and "qti" (a QTI 2.1 package, zip) hold a pool of `variants` (20) of each exercise, of
    which the platform draws one for a student; "nbgrader" (a course folder with `variants` (1) of the whole), "html"
    and "pdf" (handouts) need the roster `students`. language: by default the assignment's. The same input gives the
    same bytes. Warns of each answer that a platform cannot mark. Raises OptionError where `out` is there already or an
    option is not known.
    """
    check_option("to", to, get_args(To))
    check_option("language", language, (None, *get_args(Language)))
    if variants is None:
        variants = 1 if to == "nbgrader" else 20
    variants = check_count("variants", variants)
    target = Path(out)
    if target.exists():
        raise OptionError(f"{target} is there already; choose another name, or clear it away first.")
    assignment, key = read_assignment(spec), read_secret(secret)
    if to in ("moodle", "qti"):
        from crmlab.course.export.moodle import moodle_xml
        from crmlab.course.export.qti import qti_package
        from crmlab.course.export.questions import pools

        spoken = language or assignment.language
        found = pools(assignment, key, variants, spoken)
        for note in dict.fromkeys(note for pool in found for question in pool.questions for note in question.notes):
            warnings.warn(f"{note}.", UserWarning, stacklevel=2)
        with whole(target) as half:
            half.write_bytes((moodle_xml if to == "moodle" else qti_package)(assignment, found, spoken))
        return target
    if students is None:
        raise OptionError(f"to={to!r} writes something for each student; give the roster as students.")
    from crmlab.course.roster import read_roster

    roster = read_roster(students)
    if to == "nbgrader":
        from crmlab.course.export.nbgrader import write_nbgrader

        write_nbgrader(assignment, roster, key, target, variants, language)
    else:
        from crmlab.course.export.printable import write_printable

        write_printable(assignment, roster, key, target, language, pdf=to == "pdf")
    return target
