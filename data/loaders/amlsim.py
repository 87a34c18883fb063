"""IBM AMLSim (Suzumura and Kanezashi, 2021): simulated transfers between accounts, in the two public layouts.

*Graph* (folders such as ``20K_cycle200``): ``transactions.csv.gz`` with sourceNodeId, targetNodeId, value, time, and
``nodes.csv.gz`` with the truth, which is about accounts: isFraud, and in fraudStep the step at which the account pays
on what it launders. A transaction counts as fraud when both ends are fraudulent and it happens at the payer's step.

*Full* (the simulator's own output): ``transactions.csv`` with TX_ID, SENDER_ACCOUNT_ID, RECEIVER_ACCOUNT_ID, TX_TYPE,
TX_AMOUNT, TIMESTAMP, IS_FRAUD, ALERT_ID; an alert is a ring (−1: none).

A step is a day; day 0 is 2017-01-01, the simulator's default. Steps hold no time of day.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data.admission import Columns, ReadOptions
from data.canonical import open_table
from data.loaders.source import admit_source
from data.source_block import DAY, SourceBlock
from fraud.errors import InputError

__all__ = ["FULL_COLUMNS", "GRAPH_COLUMNS", "load", "load_accounts"]

GRAPH_COLUMNS = ("sourceNodeId", "targetNodeId", "value", "time")
FULL_COLUMNS = (
    "TX_ID",
    "SENDER_ACCOUNT_ID",
    "RECEIVER_ACCOUNT_ID",
    "TX_TYPE",
    "TX_AMOUNT",
    "TIMESTAMP",
    "IS_FRAUD",
    "ALERT_ID",
)
START = datetime(2017, 1, 1, tzinfo=UTC)
_NO_STEP = -1
_PERSONAL = ("sourceNodeId", "targetNodeId", "SENDER_ACCOUNT_ID", "RECEIVER_ACCOUNT_ID")


def load(path: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads a folder, or its transaction file, into a canonical table.

    In the graph layout transaction ids are made from row numbers, and without a nodes file no truth is known.
    """
    file = open_table(_beside(path, "transactions") if path.is_dir() else path)
    if "TX_ID" in file.names:
        return admit_source("AMLSim", file, FULL_COLUMNS, _convert_full, options, personal=_PERSONAL)
    nodes = _find(file.path.parent, "nodes")
    accounts = None if nodes is None else load_accounts(file.path.parent)
    return admit_source(
        "AMLSim",
        file,
        GRAPH_COLUMNS,
        lambda rows: _convert_graph(rows, accounts),
        options,
        personal=_PERSONAL,
    )


def load_accounts(folder: Path) -> pd.DataFrame:
    """Truth about accounts in a graph folder: account_id (str), is_fraud (int8), fraud_step (int64, −1 for none)."""
    path = _beside(folder, "nodes")
    try:
        nodes = pd.read_csv(path, usecols=["nodeid", "isFraud", "fraudStep"], dtype=np.int64)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: is no AMLSim nodes file ({error}); fetch it again") from None
    if nodes["nodeid"].duplicated().any():
        raise InputError(f"{path}: names a node twice; fetch it again")
    return pd.DataFrame(
        {
            "account_id": nodes["nodeid"].astype(str),
            "is_fraud": nodes["isFraud"].astype(np.int8),
            "fraud_step": nodes["fraudStep"],
        }
    )


def _convert_graph(rows: SourceBlock, accounts: pd.DataFrame | None) -> Columns:
    payer, payee = rows.text("sourceNodeId"), rows.text("targetNodeId")
    columns = {
        "transaction_id": rows.row_ids("amlsim-"),
        "event_time": rows.steps("time", start=START, unit=DAY),
        "account_id": payer,
        "counterparty_id": payee,
        "amount": rows.raw("value"),
    }
    if accounts is not None:
        steps = rows.number("time").to_numpy(zero_copy_only=False)
        columns["is_fraud"] = _is_laundering(payer, payee, steps, accounts)
    return columns


def _is_laundering(
    payer: pa.Array,
    payee: pa.Array,
    steps: np.ndarray[tuple[int], np.dtype[np.float64]],
    accounts: pd.DataFrame,
) -> pa.Array:
    known = accounts.set_index("account_id")
    is_fraud = known["is_fraud"].astype(bool)
    pays = pd.Series(payer.to_numpy(zero_copy_only=False))
    paid = pd.Series(payee.to_numpy(zero_copy_only=False))
    both = pays.isin(is_fraud.index[is_fraud]) & paid.isin(is_fraud.index[is_fraud])
    own_step = pays.map(known["fraud_step"]).fillna(_NO_STEP).to_numpy()
    return pa.array((both & (own_step >= 0) & (own_step == steps)).to_numpy(np.int8))


def _convert_full(rows: SourceBlock) -> Columns:
    alert = rows.text("ALERT_ID")
    return {
        "transaction_id": rows.raw("TX_ID"),
        "event_time": rows.steps("TIMESTAMP", start=START, unit=DAY),
        "account_id": rows.raw("SENDER_ACCOUNT_ID"),
        "counterparty_id": rows.raw("RECEIVER_ACCOUNT_ID"),
        "amount": rows.raw("TX_AMOUNT"),
        "channel": rows.raw("TX_TYPE"),
        "is_fraud": rows.flag("IS_FRAUD", fraud=["True", "true", "1"], honest=["False", "false", "0"]),
        "ring_id": pc.if_else(pc.equal(alert, str(_NO_STEP)), None, alert),
    }


def _beside(folder: Path, stem: str) -> Path:
    found = _find(folder, stem)
    if found is None:
        raise InputError(f"{folder}: holds no {stem}.csv or {stem}.csv.gz; name an AMLSim folder")
    return found


def _find(folder: Path, stem: str) -> Path | None:
    candidates = (folder / f"{stem}{suffix}" for suffix in (".csv", ".csv.gz"))
    return next((path for path in candidates if path.is_file()), None)
