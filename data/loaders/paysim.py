"""PaySim (Lopez-Rojas, Elmir and Axelsson, 2016): simulated mobile money, ``PS_…_log.csv``.

A step is an hour; hour 0 is 2016-01-01 here. Names that begin with M are merchants, others accounts. Balances are left
out: they are end-of-step book values, among them the fraud's own outcome.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc

from data.admission import Columns, ReadOptions
from data.loaders.source import load_table
from data.source_block import HOUR, SourceBlock

__all__ = ["COLUMNS", "load"]

COLUMNS = ("step", "type", "amount", "nameOrig", "nameDest", "isFraud")
START = datetime(2016, 1, 1, tzinfo=UTC)


def load(path: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads the file into a canonical table; transaction ids are made from row numbers, the type is the channel."""
    return load_table("PaySim", path, COLUMNS, _convert, options, personal=("nameOrig", "nameDest"))


def _convert(rows: SourceBlock) -> Columns:
    payee = rows.text("nameDest")
    is_merchant = pc.starts_with(payee, "M")
    return {
        "transaction_id": rows.row_ids("paysim-"),
        "event_time": rows.steps("step", start=START, unit=HOUR),
        "account_id": rows.raw("nameOrig"),
        "merchant_id": pc.if_else(is_merchant, payee, None),
        "counterparty_id": pc.if_else(is_merchant, None, payee),
        "amount": rows.raw("amount"),
        "channel": rows.raw("type"),
        "is_fraud": rows.raw("isFraud"),
    }
