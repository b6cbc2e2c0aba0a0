"""The hotel group's ratings: made again byte for byte, and as its datasheet says."""

import importlib.util

from crmlab.base.share import share
from crmlab.data.datasets import load_hotel_ratings

FOLDER = share("datasets", "hotel_ratings")


def test_build_makes_the_same_bytes(tmp_path):
    spec = importlib.util.spec_from_file_location("hotel_ratings_build", FOLDER / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    assert build.build(tmp_path).read_bytes() == (FOLDER / "hotel_ratings.csv").read_bytes()


def test_six_managers_rate_forty_indicators():
    ratings = load_hotel_ratings()
    assert ratings.columns.tolist() == ["respondent", "indicator", "rating"]
    assert len(ratings) == 240 and not ratings.duplicated(["respondent", "indicator"]).any()
    assert ratings["respondent"].nunique() == 6 and ratings["rating"].isin(range(1, 6)).all()
