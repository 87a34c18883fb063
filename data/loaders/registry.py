"""The public data sets that can be loaded, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.loaders import amlsim, amlworld, banksim, elliptic, handbook, paysim, sparkov, tabformer

__all__ = ["SOURCES", "Source"]

Load = Callable[[Path, ReadOptions], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of input: how it is loaded, and what to give."""

    load: Load
    summary: str


SOURCES: dict[str, Source] = {
    "canonical": Source(read_transactions, "a file in the canonical schema, to be checked"),
    "handbook": Source(
        handbook.load, "Fraud Detection Handbook: folder of daily pickles, or its Parquet copy"
    ),
    "amlsim": Source(amlsim.load, "IBM AMLSim: folder or transactions.csv(.gz)"),
    "amlworld": Source(amlworld.load, "IBM AMLworld: HI-Small_Trans.csv and its kin"),
    "banksim": Source(banksim.load, "BankSim: bs140513_032310.csv"),
    "paysim": Source(paysim.load, "PaySim: PS_…_log.csv"),
    "tabformer": Source(tabformer.load, "TabFormer: card_transaction.v1.csv"),
    "sparkov": Source(sparkov.load, "Sparkov: fraudTrain.csv or fraudTest.csv"),
    "elliptic": Source(elliptic.load, "Elliptic: folder with the three elliptic_txs_….csv files"),
}
