"""Sparkov (Harris, 2020): simulated card payments, ``fraudTrain.csv`` and ``fraudTest.csv``.

The place is the merchant's. Every merchant's name begins with ``fraud_`` in the file, which means nothing and is
dropped. Names, birth dates and addresses of the card holders are not read.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.compute as pc

from data.admission import Columns, ReadOptions
from data.loaders.source import load_table
from data.source_block import SourceBlock

__all__ = ["COLUMNS", "load"]

COLUMNS = (
    "trans_date_trans_time",
    "cc_num",
    "merchant",
    "category",
    "amt",
    "trans_num",
    "merch_lat",
    "merch_long",
    "is_fraud",
)


def load(path: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads the file into a canonical table; the category is the mcc."""
    return load_table("Sparkov", path, COLUMNS, _convert, options, personal=("cc_num",))


def _convert(rows: SourceBlock) -> Columns:
    return {
        "transaction_id": rows.raw("trans_num"),
        "event_time": rows.raw("trans_date_trans_time"),
        "account_id": rows.raw("cc_num"),
        "merchant_id": pc.replace_substring_regex(rows.text("merchant"), "^fraud_", ""),
        "amount": rows.raw("amt"),
        "currency": rows.constant("USD"),
        "mcc": rows.raw("category"),
        "latitude": rows.raw("merch_lat"),
        "longitude": rows.raw("merch_long"),
        "is_fraud": rows.raw("is_fraud"),
    }
