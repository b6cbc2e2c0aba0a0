"""Units of time: whole days are counted, then divided by the unit's length."""

from __future__ import annotations

import math
import re
from typing import Literal, get_args

from crmlab.base.errors import OptionError, check_option, is_number

Unit = Literal["D", "W", "M"]

DAYS: dict[str, float] = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


def days_per(unit: str) -> float:
    """How many days is one `unit` of a customer summary ("D", "W" or "M")?

    >>> days_per("M")
    30.4375
    """
    check_option("unit", unit, get_args(Unit))
    return DAYS[unit]


def periods(horizon: float | str, unit: str) -> float:
    """How many `unit`s is `horizon`? A number is taken in `unit`; text is a number with D, W, M or Y.

    >>> periods("2Y", "M")
    24.0
    >>> periods(52, "W")
    52.0
    """
    length = days_per(unit)
    if isinstance(horizon, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([DWMY])\s*", horizon)
        if match is None:
            raise OptionError(f"horizon={horizon!r} is not known; write a number and D, W, M or Y, such as '3Y'.")
        value = float(match[1]) * DAYS[match[2]] / length
    else:
        value = float(horizon) if is_number(horizon) else math.nan
    if not (math.isfinite(value) and value >= 0):
        raise OptionError(f"horizon={horizon!r} is not usable; it must be finite and 0 or more.")
    return value


def discount_rate(annual_discount: float, unit: str) -> float:
    """What continuous rate per `unit` equals a yearly discount? ln(1 + d) x unit / 365.25 days.

    Money due after t units is worth exp(-rate t) today, so every unit gives the same value.

    >>> round(discount_rate(0.10, "W") * 365.25 / 7, 6)
    0.09531
    """
    if not (is_number(annual_discount) and -1 < annual_discount < math.inf):
        raise OptionError(f"annual_discount={annual_discount!r} is not usable; 0.10 means 10% a year.")
    return math.log1p(annual_discount) * days_per(unit) / DAYS["Y"]
