"""Which statements belong to the relationship view of marketing, and which to the view of single deals?"""

import numpy as np

lesson = 1
level = 1
tags = ("marketing", "relationship view")
answers = {"relationship": {"kind": "choices", "choices": ("A", "B", "C", "D", "E")}}

# relationship view?, names the customer?, English, Persian
STATEMENTS = (
    (True, True, "Success is a customer who comes back for years.", "موفقیت یعنی مشتری‌ای که سال‌ها بازمی‌گردد."),
    (
        True,
        False,
        "Service after the sale is part of what is sold.",
        "خدمات پس از فروش بخشی از چیزی است که فروخته می‌شود.",
    ),
    (True, True, "The customer helps to shape what is made.", "مشتری در شکل‌دادن به محصول یاری می‌دهد."),
    (
        True,
        False,
        "All departments answer for quality, not production alone.",
        "همه‌ی واحدها پاسخ‌گوی کیفیت‌اند، نه تنها تولید.",
    ),
    (
        True,
        False,
        "A complaint is a chance to mend something that should last.",
        "شکایت فرصتی است برای ترمیم چیزی که باید پایدار بماند.",
    ),
    (
        True,
        False,
        "Some small orders pay, because of what will follow them.",
        "برخی سفارش‌های کوچک می‌ارزند، به سبب آنچه در پی دارند.",
    ),
    (False, True, "Success is the number of new customers this month.", "موفقیت یعنی شمار مشتریان تازه‌ی این ماه."),
    (False, False, "Success is market share and the volume sold.", "موفقیت یعنی سهم بازار و حجم فروش."),
    (False, True, "When the customer has paid, the work is done.", "وقتی مشتری پول را پرداخت، کار تمام است."),
    (
        False,
        False,
        "The right mix of product, price, place and promotion sells.",
        "آمیخته‌ی درست محصول، قیمت، مکان و ترفیع می‌فروشد.",
    ),
    (
        False,
        True,
        "Every customer gets the same message and the same price.",
        "همه‌ی مشتریان یک پیام و یک قیمت می‌گیرند.",
    ),
    (False, False, "Quality is the concern of production.", "کیفیت به واحد تولید مربوط است."),
)


def draw(rng):
    while True:
        chosen = [STATEMENTS[i] for i in rng.permutation(len(STATEMENTS))[:5]]
        drawn = {
            "text_en": "\n".join(f"- **{letter}** {one[2]}" for letter, one in zip("ABCDE", chosen, strict=True)),
            "text_fa": "\n".join(f"- **{letter}** {one[3]}" for letter, one in zip("ABCDE", chosen, strict=True)),
            "_sides": [one[0] for one in chosen],
            "_named": [one[1] for one in chosen],
        }
        sets = {frozenset(way(**drawn)["relationship"]) for way in (solve, *mistakes.values())}
        if len(sets) == 3 and 1 < np.sum(drawn["_sides"]) < 5 and any(drawn["_named"]):
            return drawn


def solve(text_en, text_fa, _sides, _named):
    return {"relationship": [letter for letter, yes in zip("ABCDE", _sides, strict=True) if yes]}


def the_other_view(text_en, text_fa, _sides, _named):
    return {"relationship": [letter for letter, yes in zip("ABCDE", _sides, strict=True) if not yes]}


def names_the_customer(text_en, text_fa, _sides, _named):
    return {"relationship": [letter for letter, yes in zip("ABCDE", _named, strict=True) if yes]}


mistakes = {"the_other_view": the_other_view, "names_the_customer": names_the_customer}
