"""BankSim (Lopez-Rojas and Axelsson, 2014): simulated card payments, ``bs140513_032310.csv``.

A step is a day; the simulation was calibrated on a bank's data from November 2012 on, so day 0 is 2012-11-01 here.
Texts stand in single quotes in the file. Age, gender and zip codes (all the same) have no place in the schema.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from data.admission import Columns, ReadOptions
from data.loaders.source import load_table
from data.source_block import DAY, SourceBlock

__all__ = ["COLUMNS", "load"]

COLUMNS = ("step", "customer", "merchant", "category", "amount", "fraud")
START = datetime(2012, 11, 1, tzinfo=UTC)


def load(path: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads the file into a canonical table; transaction ids are made from row numbers, the category is the mcc."""
    return load_table("BankSim", path, COLUMNS, _convert, options, personal=("customer",))


def _convert(rows: SourceBlock) -> Columns:
    return {
        "transaction_id": rows.row_ids("banksim-"),
        "event_time": rows.steps("step", start=START, unit=DAY),
        "account_id": rows.text("customer", strip="'"),
        "merchant_id": rows.text("merchant", strip="'"),
        "amount": rows.raw("amount"),
        "currency": rows.constant("EUR"),
        "mcc": rows.text("category", strip="'"),
        "is_fraud": rows.raw("fraud"),
    }
