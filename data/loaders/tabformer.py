"""TabFormer (Padhi et al., 2021): simulated card payments over decades, ``card_transaction.v1.csv``.

An account is a card (user and card number). Refunds stand as negative amounts in the file and are refused as such.
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
    "User",
    "Card",
    "Year",
    "Month",
    "Day",
    "Time",
    "Amount",
    "Use Chip",
    "Merchant Name",
    "MCC",
    "Is Fraud?",
)


def load(path: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads the file into a canonical table; transaction ids are made from row numbers."""
    return load_table("TabFormer", path, COLUMNS, _convert, options, personal=("User", "Card"))


def _convert(rows: SourceBlock) -> Columns:
    widths = {"Year": 4, "Month": 2, "Day": 2}
    date = pc.binary_join_element_wise(
        *(pc.utf8_lpad(rows.text(name), width, "0") for name, width in widths.items()), "-"
    )
    return {
        "transaction_id": rows.row_ids("tabformer-"),
        "event_time": pc.binary_join_element_wise(date, rows.text("Time"), "T"),
        "account_id": rows.joined("User", "Card", separator="-"),
        "merchant_id": rows.raw("Merchant Name"),
        "amount": rows.number("Amount", strip="$"),
        "currency": rows.constant("USD"),
        "channel": rows.raw("Use Chip"),
        "mcc": rows.raw("MCC"),
        "is_fraud": rows.flag("Is Fraud?", fraud=["Yes"], honest=["No"]),
    }
