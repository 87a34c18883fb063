"""Elliptic (Weber et al., 2019): a graph of Bitcoin transactions, three CSV files in one folder.

In that graph the nodes are transactions and an edge says that an output of one is spent by the other; who owns what is
not known. Money moves along the edges, so an *edge* becomes a canonical transaction: the spent node pays, the spending
node is paid. A node thus stands in the place of an account. The truth is about nodes (illicit, licit, unknown): an edge
counts as fraud as its payer does; ``load_nodes`` gives the truth of the nodes themselves.

Amounts are not published: every amount is 1. Nor are dates: edges join nodes of one time step, a step is two weeks, and
step 1 is 2016-01-04 here. The 165 features of a node have no place in the schema.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from data.admission import Columns, ReadOptions
from data.delimited import DelimitedFile
from data.loaders.source import admit_source
from data.source_block import SourceBlock
from fraud.errors import InputError

__all__ = ["COLUMNS", "load", "load_nodes"]

COLUMNS = ("txId1", "txId2")
START = datetime(2016, 1, 4, tzinfo=UTC)
_STEP = timedelta(days=14)
_CLASSES = {"1": 1, "2": 0, "unknown": -1}


def load(folder: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads the edges of a folder into a canonical table; transaction ids are made from row numbers."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; name the one with the three elliptic_txs_….csv files")
    nodes = load_nodes(folder).set_index("node_id")
    file = DelimitedFile(folder / "elliptic_txs_edgelist.csv")
    return admit_source("Elliptic", file, COLUMNS, lambda rows: _convert(rows, nodes), options)


def load_nodes(folder: Path) -> pd.DataFrame:
    """The nodes: node_id (str), time_step (int64, from 1), is_fraud (int8: 1 illicit, 0 licit, −1 unknown)."""
    features, classes = folder / "elliptic_txs_features.csv", folder / "elliptic_txs_classes.csv"
    try:
        steps = pd.read_csv(
            features, header=None, usecols=[0, 1], names=["node_id", "time_step"], dtype={0: str, 1: np.int64}
        )
        known = pd.read_csv(classes, usecols=["txId", "class"], dtype=str).set_index("txId")["class"]
    except (ValueError, OSError) as error:
        raise InputError(f"{folder}: cannot be read as the Elliptic data set ({error})") from None
    repeated = steps["node_id"].duplicated() | steps["node_id"].isin(known.index[known.index.duplicated()])
    if repeated.any():
        raise InputError(
            f"{folder}: node {steps['node_id'][repeated].iloc[0]} is there twice; fetch it again"
        )
    truth = steps["node_id"].map(known.map(_CLASSES)).fillna(-1).astype(np.int8)
    return steps.assign(is_fraud=truth)


def _convert(rows: SourceBlock, nodes: pd.DataFrame) -> Columns:
    payer = pd.Series(rows.text("txId1").to_numpy(zero_copy_only=False), dtype=object)
    step = payer.map(nodes["time_step"]).to_numpy(float)
    rows.refuse(np.isnan(step), "txId1", "is no node of the features file")
    at = [None if np.isnan(number) else START + (int(number) - 1) * _STEP for number in step]
    truth = payer.map(nodes["is_fraud"]).fillna(-1).to_numpy(np.int8)
    return {
        "transaction_id": rows.row_ids("elliptic-"),
        "event_time": pa.array(at, pa.timestamp("us", "UTC")),
        "account_id": rows.raw("txId1"),
        "counterparty_id": rows.raw("txId2"),
        "amount": pa.array(np.ones(len(rows))),
        "currency": rows.constant("XBT"),
        "is_fraud": pa.array(truth),
    }
