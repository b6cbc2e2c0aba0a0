"""What is a customer worth together with those whom she brings?"""

import crmlab as crm

lesson = 7
level = 2
tags = ("referral", "word of mouth", "clv")
answers = {"worth": {"kind": "number", "unit": {"en": "dollars", "fa": "دلار"}, "tolerance": 0.1}}


def draw(rng):
    return {
        "value": int(rng.integers(40, 160)),
        "brings": int(rng.integers(25, 66)) / 100,
        "reward": int(rng.integers(5, 21)),
        "discount": int(rng.integers(8, 21)) / 100,
    }


def solve(value, brings, reward, discount):
    return {"worth": float(crm.referral_value(value, brings, reward=reward, annual_discount=discount)["value"])}


def first_generation(value, brings, reward, discount):
    return {"worth": value + brings / (1 + discount) * (value - reward)}


def not_discounted(value, brings, reward, discount):
    return solve(value, brings, reward, 0.0)


def no_reward(value, brings, reward, discount):
    return solve(value, brings, 0.0, discount)


def hers_alone(value, brings, reward, discount):
    return {"worth": solve(value, brings, reward, discount)["worth"] - value}


mistakes = {
    "first_generation": first_generation,
    "not_discounted": not_discounted,
    "no_reward": no_reward,
    "hers_alone": hers_alone,
}
