"""By how much must sales rise for a loyalty programme to pay?"""

lesson = 8
level = 3
tags = ("programme", "break-even", "decision")
answers = {
    "uplift": {"kind": "number", "tolerance": 0.0005},
    "start": {"kind": "choice", "choices": ("yes", "no")},
}


def draw(rng):
    while True:
        given = {
            "sales": int(rng.integers(8, 30)) * 100,
            "margin": int(rng.choice([15, 20, 25, 30, 40])) / 100,
            "reward": int(rng.choice([10, 15, 20, 25, 30])) / 1000,
            "redeemed": int(rng.choice([60, 70, 80, 90])) / 100,
            "fixed": int(rng.integers(2, 12)) * 2,
            "expected": int(rng.integers(4, 30)) / 200,
        }
        gap = solve(**given)["uplift"] - given["expected"]
        if 0.01 < abs(gap) < 0.08:
            return given


def _answer(uplift, expected):
    return {"uplift": uplift, "start": "yes" if expected > uplift else "no"}


def solve(sales, margin, reward, redeemed, fixed, expected):
    # the reward is paid on the additional sales too
    return _answer((reward * redeemed + fixed / sales) / (margin - reward * redeemed), expected)


def old_sales_only(sales, margin, reward, redeemed, fixed, expected):
    return {"uplift": (reward * redeemed + fixed / sales) / margin}


def without_margin(sales, margin, reward, redeemed, fixed, expected):
    return {"uplift": reward * redeemed + fixed / sales}


def without_breakage(sales, margin, reward, redeemed, fixed, expected):
    return {"uplift": (reward + fixed / sales) / (margin - reward)}


def new_sales_only(sales, margin, reward, redeemed, fixed, expected):
    return {"uplift": fixed / sales / (margin - reward * redeemed)}


mistakes = {
    "old_sales_only": old_sales_only,
    "without_margin": without_margin,
    "without_breakage": without_breakage,
    "new_sales_only": new_sales_only,
}
