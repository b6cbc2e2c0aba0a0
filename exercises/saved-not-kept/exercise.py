"""What does it cost to keep a customer who would have left?"""

lesson = 7
level = 1
tags = ("retention", "cost", "average")
answers = {"cost": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.05}}


def draw(rng):
    without = int(rng.integers(50, 76))
    return {
        "customers": 100 * int(rng.integers(20, 90)),
        "spend": int(rng.integers(4, 17)) / 2,
        "without": without,
        "stay": without + int(rng.integers(4, 13)),
    }


def solve(customers, spend, without, stay):
    return {"cost": customers * spend / (customers * (stay - without) / 100)}


def per_kept(customers, spend, without, stay):
    return {"cost": spend / (stay / 100)}


def per_head(customers, spend, without, stay):
    return {"cost": spend}


def per_leaver(customers, spend, without, stay):
    return {"cost": spend / (1 - without / 100)}


def per_point(customers, spend, without, stay):
    return {"cost": customers * spend / (stay - without)}


mistakes = {"per_kept": per_kept, "per_head": per_head, "per_leaver": per_leaver, "per_point": per_point}
