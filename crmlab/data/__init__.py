"""Transactions in and out: tables on any engine, cleaning, bundled data sets, simulators."""
