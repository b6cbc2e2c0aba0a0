"""The bundled data sets: where they lie, what they are, and one loader each."""

from __future__ import annotations

import tomllib
from typing import Literal

import pandas as pd

from crmlab.base.errors import check_option
from crmlab.base.share import share


def datasets() -> pd.DataFrame:
    """Which data sets come with the course? Name, rows, what they are, source and licence of each.

    >>> datasets().name.tolist()
    ['bfi', 'cdnow', 'crm_project', 'crm_survey', 'definitions', 'flashcards', 'grocer', 'holzinger_swineford',
     'hotel_ratings', 'messy_log', 'mobi', 'political_democracy']
    """
    found = [
        tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(share("datasets").glob("*/dataset.toml"))
    ]
    return pd.DataFrame(found)[["name", "rows", "what", "source", "licence"]]


def load_cdnow(sample: bool = False) -> pd.DataFrame:
    """What did CDNOW's new customers of early 1997 buy until mid-1998?

    Columns customer_id, date, quantity (CDs) and amount (US dollars): 69,659 orders of 23,570 customers,
    or with `sample` those of the 2,357 in the systematic 10% sample that the papers use, under the same
    numbers. Fader & Hardie (2001), Interfaces 31(3); limits in datasets/cdnow/README.md.

    >>> load_cdnow(sample=True).customer_id.nunique()
    2357
    """
    log = pd.read_parquet(share("datasets", "cdnow", "cdnow.parquet"))
    if sample:
        log = log[log["in_sample"]].reset_index(drop=True)
    log["date"] = log["date"].astype("datetime64[us]")
    return log.drop(columns="in_sample").astype({"customer_id": "int64", "quantity": "int64"})


def load_messy_log() -> pd.DataFrame:
    """What does a raw export look like? A made-up bookshop's log with planted faults, all columns text.

    Columns customer_id, order_id, date, product, category, quantity, price, discount, amount and channel;
    an empty cell is missing. What was planted, and how often: datasets/messy_log/README.md.

    >>> load_messy_log().columns[:3].tolist()
    ['customer_id', 'order_id', 'date']
    """
    path = share("datasets", "messy_log", "messy_log.csv")
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])


def load_mobi() -> pd.DataFrame:
    """What did 250 customers say of their mobile phone provider? 24 items of the ECSI questionnaire, each 1 to 10.

    Tenenhaus, Esposito Vinzi, Chatelin & Lauro (2005), Computational Statistics & Data Analysis 48(1). GPL-3:
    datasets/mobi/README.md.

    >>> load_mobi().shape
    (250, 24)
    """
    return pd.read_csv(share("datasets", "mobi", "mobi.csv"))


def load_holzinger_swineford() -> pd.DataFrame:
    """How did 301 pupils of two schools do in nine tests of ability (x1 to x9)? The textbook case of a factor model.

    Holzinger & Swineford (1939), in the extract that lavaan's documentation uses.

    >>> load_holzinger_swineford()["school"].unique().tolist()
    ['Pasteur', 'Grant-White']
    """
    return pd.read_csv(share("datasets", "holzinger_swineford", "holzinger_swineford.csv"))


def load_political_democracy() -> pd.DataFrame:
    """How democratic (y1 to y8) and how industrial (x1 to x3) were 75 countries in 1960 and 1965? Bollen (1989).

    >>> load_political_democracy().shape
    (75, 11)
    """
    return pd.read_csv(share("datasets", "political_democracy", "political_democracy.csv"))


def load_bfi() -> pd.DataFrame:
    """How did 2,800 people answer 25 items on their personality (1 to 6)? With gender, education and age.

    From the R package psych (GPL); an empty cell is a missing answer. Complete in all 25 items: 2,436.

    >>> load_bfi().iloc[:, :25].dropna().shape
    (2436, 25)
    """
    return pd.read_csv(share("datasets", "bfi", "bfi.csv"))


def load_crm_survey() -> pd.DataFrame:
    """What would managers say of their firm's CRM? A synthetic survey of 500 answers to 25 items, with planted faults.

    As exported: codes 1 to 5 (99 is "no answer"), impossible codes, straight-liners and copies left in. Its instrument
    is `Instrument.bundled("crm_survey")`, whose `read` cleans and screens it; the truth stands in
    datasets/crm_survey/README.md.

    >>> load_crm_survey().shape
    (500, 31)
    """
    return pd.read_csv(share("datasets", "crm_survey", "crm_survey.csv"))


def load_definitions() -> pd.DataFrame:
    """How has marketing, and how has CRM, been defined? One row a definition, paraphrased in English and Persian.

    Columns id, subject (marketing, crm), author, year, work, perspective, status (checked, unverified), note, text_en,
    text_fa, and A, B, C: three worked codings of the CRM definitions. What they are: datasets/definitions/README.md.

    >>> load_definitions().groupby("subject").size().to_dict()
    {'crm': 34, 'marketing': 16}
    """
    return pd.read_csv(share("datasets", "definitions", "definitions.csv"), keep_default_na=False)


def load_flashcards(lesson: int | None = None) -> pd.DataFrame:
    """What is there to remember (of one lesson, if given)? One row a card, in English and Persian.

    Columns lesson, id, group, front_en, back_en, front_fa, back_fa, source. Backs of one `group` exclude one another.

    >>> (load_flashcards(lesson=2)["lesson"] == 2).all()
    np.True_
    """
    files = sorted(share("datasets", "flashcards").glob("[0-9][0-9].csv"))
    parts = [pd.read_csv(file, dtype=str, keep_default_na=False).assign(lesson=int(file.stem)) for file in files]
    cards = pd.concat(parts, ignore_index=True)
    cards = cards[["lesson", "id", "group", "front_en", "back_en", "front_fa", "back_fa", "source"]]
    return cards if lesson is None else cards[cards["lesson"] == lesson].reset_index(drop=True)


def load_grocer() -> pd.DataFrame:
    """What did 600 customers of a chain of five grocers buy, which brand, where, from whom? Synthetic.

    A row a purchased line: customer_id, date, order_id (a visit), product, category, brand, store, seller, price (list
    price of a unit) and amount (paid), both in thousand Toman, discount (share of the price), quantity. What each
    customer is truly loyal to: datasets/grocer/truth.csv.

    >>> log = load_grocer()
    >>> log.shape, log.customer_id.nunique()
    ((17797, 12), 600)
    """
    return pd.read_csv(share("datasets", "grocer", "grocer.csv"), parse_dates=["date"])


def load_hotel_ratings() -> pd.DataFrame:
    """How mature do six managers of a hotel group find their CRM? One row a manager and indicator. Synthetic.

    Columns respondent (a role), indicator (of `MaturityModel.bundled("gartner")`) and rating (1 to 5). The truth
    behind them stands in datasets/hotel_ratings/README.md.

    >>> load_hotel_ratings().groupby("respondent").size().to_dict()
    {'finance': 40, 'front_office': 40, 'general_manager': 40, 'hr': 40, 'it': 40, 'marketing': 40}
    """
    return pd.read_csv(share("datasets", "hotel_ratings", "hotel_ratings.csv"))


def load_crm_project(table: Literal["log", "survey", "finance"] = "log") -> pd.DataFrame:
    """What did an online grocer's customers buy in the two years around its CRM project? Synthetic, effect known.

    The log: order_id, customer_id, date, store (a delivery district), region, category, amount and cost in euros; the
    project went live in the region north on 2024-07-01. "survey": four waves of answers; "finance": a row a quarter
    and region. The columns and the truth: datasets/crm_project/README.md.

    >>> load_crm_project().groupby("region")["store"].nunique().to_dict()
    {'north': 6, 'south': 6}
    """
    check_option("table", table, ("log", "survey", "finance"))
    file = "crm_project.csv" if table == "log" else f"{table}.csv"
    dates = None if table == "finance" else ["date"]
    return pd.read_csv(share("datasets", "crm_project", file), parse_dates=dates)
