"""Shared by all tests: one Spark session, a browser, and logs that several packages read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Ibis on Spark in local mode. Without pyspark or Java: skipped, but a failure where CI=true."""
    try:
        import ibis
        from pyspark.sql import SparkSession

        missing = "" if shutil.which("java") or os.environ.get("JAVA_HOME") else "Java is not installed"
    except ImportError as error:
        missing = f"pyspark is not installed ({error})"
    if missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"Spark must be tested in CI: {missing}")
        pytest.skip(missing)
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("spark")))
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield ibis.pyspark.connect(session)
    session.stop()


@pytest.fixture
def agg() -> Iterator[None]:
    """Pictures drawn in memory, and closed again."""
    from matplotlib import pyplot

    before = pyplot.get_backend()
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")
    pyplot.switch_backend(before)


@pytest.fixture
def browser(tmp_path: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Chromium without a window, with scripts unless parametrized with False. Skipped without it, but failed in CI."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        if os.environ.get("CI") == "true":
            pytest.fail("CI has no chromium and chromedriver; .ci/run installs them")
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    flags = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
        --disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1400,1000"""
    for flag in [*flags.split(), f"--user-data-dir={tmp_path / 'chromium'}"]:
        options.add_argument(flag)
    if not getattr(request, "param", True):
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield page
    page.quit()


@pytest.fixture
def small_log() -> pd.DataFrame:
    """Five customers on one screen; every number that the tests ask of it was worked out by hand."""
    rows = [
        ("a", "2024-01-01", 10.0), ("a", "2024-01-08", 20.0), ("a", "2024-01-08", 5.0), ("a", "2024-01-29", 15.0),
        ("b", "2024-01-10", 40.0),
        ("c", "2024-01-15", 8.0), ("c", "2024-01-15", 2.0), ("c", "2024-03-01", 30.0),
        ("d", "2024-02-01", 12.0), ("d", "2024-02-02", 12.0), ("d", "2024-03-10", 6.0), ("d", "2024-03-11", 8.0),
        ("e", "2024-03-05", 99.0),
    ]  # fmt: skip
    log = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    return log.assign(date=pd.to_datetime(log["date"]))


@pytest.fixture(scope="session")
def sandboxed() -> None:
    """Bubblewrap works here. Skipped without it, but failed in CI."""
    from crmlab.course.sandbox import sandbox_problem

    if problem := sandbox_problem():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the sandbox must be tested in CI: {problem}")
        pytest.skip(problem)
