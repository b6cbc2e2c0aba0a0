"""A mission, a vision, or a goal?"""

import crmlab as crm

lesson = 3
level = 1
tags = ("mission", "vision")
answers = {"kind": {"kind": "choice", "choices": ["mission", "vision", "goal"]}}
KINDS = ["mission", "vision", "goal"]
FIRMS = {"Tesla": "تسلا", "Amazon": "آمازون", "Google": "گوگل", "a hotel group": "یک گروه هتل"}


def draw(rng):
    table = crm.statements()
    row = table[table["kind"] == str(rng.choice(KINDS))].sample(1, random_state=rng).iloc[0]
    return {"firm": row["firm"], "firm_fa": FIRMS[row["firm"]], "statement": row["en"], "statement_fa": row["fa"]}


def solve(firm, firm_fa, statement, statement_fa):
    table = crm.statements()
    return {"kind": table.loc[table["en"] == statement, "kind"].item()}


def swapped(firm, firm_fa, statement, statement_fa):
    kind = solve(firm, firm_fa, statement, statement_fa)["kind"]
    return {"kind": {"mission": "vision", "vision": "mission", "goal": "vision"}[kind]}


def mixed_with_goal(firm, firm_fa, statement, statement_fa):
    kind = solve(firm, firm_fa, statement, statement_fa)["kind"]
    return {"kind": {"mission": "goal", "vision": "goal", "goal": "mission"}[kind]}


mistakes = {"swapped": swapped, "mixed_with_goal": mixed_with_goal}
