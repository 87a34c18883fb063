"""Fraud Detection Handbook (Le Borgne et al., 2022): simulated card payments at terminals.

The authors publish one pickle a day; a Parquet copy of the same table is read as well. Times are in UTC. Amounts
are rounded to cents, and the few that round to nothing are read as one cent, the least that can be paid: to refuse them
would change the book's own test sets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data.admission import Columns, ReadOptions
from data.blocks import TableFile
from data.canonical import open_table
from data.loaders.handbook_pickles import PickleFolder
from data.loaders.source import admit_source
from data.source_block import SourceBlock

__all__ = ["COLUMNS", "load"]

COLUMNS = (
    "TRANSACTION_ID",
    "TX_DATETIME",
    "CUSTOMER_ID",
    "TERMINAL_ID",
    "TX_AMOUNT",
    "TX_FRAUD",
    "TX_FRAUD_SCENARIO",
)
_CENT = 0.01


def load(path: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads a folder of daily pickles, one such pickle, or a Parquet or CSV copy into a canonical table.

    The customer is the account, the terminal the merchant. The scenario is truth: it becomes the fraud type
    (``scenario_1`` to ``scenario_3``). Raises InputError, also for a pickle that holds anything but a table.
    """
    file: TableFile = PickleFolder(path) if path.is_dir() or path.suffix == ".pkl" else open_table(path)
    return admit_source("Handbook", file, COLUMNS, _convert, options, personal=("CUSTOMER_ID",))


def _convert(rows: SourceBlock) -> Columns:
    amount = rows.number("TX_AMOUNT").to_numpy(zero_copy_only=False)
    scenario = rows.text("TX_FRAUD_SCENARIO")
    named = pc.binary_join_element_wise("scenario", scenario, "_")
    return {
        "transaction_id": rows.raw("TRANSACTION_ID"),
        "event_time": rows.raw("TX_DATETIME"),
        "account_id": rows.raw("CUSTOMER_ID"),
        "merchant_id": rows.raw("TERMINAL_ID"),
        "amount": pa.array(np.where(amount == 0, _CENT, amount)),
        "is_fraud": rows.raw("TX_FRAUD"),
        "fraud_type": pc.if_else(pc.equal(scenario, "0"), None, named),
    }
