"""By how much must sales rise for a loyalty programme to pay?"""

lesson = 8
level = 3
tags = ("programme", "break-even", "decision")
answers = {
    "uplift": {"kind": "number", "tolerance": 0.0005},
    "start": {"kind": "choice", "choices": ("yes", "no", "test first")},
}


def draw(rng):
    wanted = rng.choice(answers["start"]["choices"])  # each as often as the others
    while True:
        low = int(rng.integers(2, 40)) / 200
        given = {
            "sales": int(rng.integers(8, 30)) * 100,
            "margin": int(rng.choice([15, 20, 25, 30, 40])) / 100,
            "reward": int(rng.choice([10, 15, 20, 25, 30])) / 1000,
            "redeemed": int(rng.choice([60, 70, 80, 90])) / 100,
            "fixed": int(rng.integers(2, 12)) * 2,
            "low": low,
            "high": low + int(rng.integers(4, 12)) / 200,
        }
        solved = solve(**given)
        if solved["start"] == wanted and min(abs(solved["uplift"] - given[end]) for end in ("low", "high")) > 0.005:
            return given


def solve(sales, margin, reward, redeemed, fixed, low, high):
    # the reward is paid on the additional sales too
    uplift = (reward * redeemed + fixed / sales) / (margin - reward * redeemed)
    return {"uplift": uplift, "start": "yes" if low > uplift else "no" if high < uplift else "test first"}


def old_sales_only(sales, margin, reward, redeemed, fixed, low, high):
    return {"uplift": (reward * redeemed + fixed / sales) / margin}


def without_margin(sales, margin, reward, redeemed, fixed, low, high):
    return {"uplift": reward * redeemed + fixed / sales}


def without_breakage(sales, margin, reward, redeemed, fixed, low, high):
    return {"uplift": (reward + fixed / sales) / (margin - reward)}


def new_sales_only(sales, margin, reward, redeemed, fixed, low, high):
    return {"uplift": fixed / sales / (margin - reward * redeemed)}


mistakes = {
    "old_sales_only": old_sales_only,
    "without_margin": without_margin,
    "without_breakage": without_breakage,
    "new_sales_only": new_sales_only,
}
