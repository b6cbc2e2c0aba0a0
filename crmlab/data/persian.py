"""Persian and Arabic text as it is typed: one form for each letter and digit, so that equal words compare equal."""

from __future__ import annotations

import re
import unicodedata

# Latin digits, the decimal and thousands separators, Persian kaf and yeh, a plain minus; the tatweel goes
_SAME = str.maketrans(
    {
        **{chr(start + d): str(d) for start in (0x06F0, 0x0660) for d in range(10)},
        "\u066b": ".", "\u066c": "", "\u2212": "-", "\u0640": "",
        "\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9",
    }
)  # fmt: skip
_INVISIBLE = re.compile("[\u200b\u200d-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_BLANKS = re.compile(r"\s+")


def normalise(text: str) -> str:
    """How is this text written with Persian letters, Latin digits and single blanks? Half-spaces (ZWNJ) stay.

    Arabic yeh and kaf become Persian ones, Persian and Arabic digits Latin ones, the Persian decimal
    separator a point; its thousands separator, the tatweel and marks of direction go.

    >>> normalise(" ۱۲٫۵ "), normalise("كتابي") == "کتابی"
    ('12.5', True)
    """
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_SAME)
    return _BLANKS.sub(" ", plain).strip()


def fold(text: str) -> str:
    """What is left of a text for comparing it: no case, blanks, half-spaces, vowel signs, hamzas or punctuation.

    >>> fold("کاملاً  موافقم") == fold("كاملا\u200cموافقم"), fold("Strongly AGREE.") == fold("strongly agree")
    (True, True)
    """
    # yeh with hamza comes apart into Arabic yeh and a mark, hence the second pass
    apart = unicodedata.normalize("NFKD", normalise(text)).translate(_SAME)
    return "".join(c for c in apart.casefold() if c.isalnum())


def number(text: str) -> float | None:
    """Which number does the text name, in Latin, Persian or Arabic digits? None if it names none.

    A decimal comma is not read (1,5 could be two answers); infinite and not-a-number are no numbers.

    >>> number("۳"), number("٤٫٥"), number("3.0"), number("three")
    (3.0, 4.5, 3.0, None)
    """
    plain = normalise(text)
    return float(plain) if re.fullmatch(r"[+-]?(\d{1,300}\.?\d*|\.\d+)", plain, re.ASCII) else None
