"""IBM AMLworld (Altman et al., 2023): simulated bank transfers, ``HI-Small_Trans.csv`` and its kin.

An account is bank and account number. Money that stays in one account (the file's reinvestments) is a dealing with the
bank, so the bank stands as the merchant there. ``HI-Small_Patterns.txt`` beside the file names the laundering attempts:
where it is given, an attempt is a ring and its kind the fraud type.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data.admission import Columns, ReadOptions
from data.delimited import DelimitedFile
from data.loaders.source import admit_source
from data.source_block import SourceBlock
from fraud.errors import InputError

__all__ = ["COLUMNS", "load"]

COLUMNS = (
    "Timestamp",
    "From Bank",
    "Account",
    "To Bank",
    "Account.1",
    "Amount Received",
    "Receiving Currency",
    "Amount Paid",
    "Payment Currency",
    "Payment Format",
    "Is Laundering",
)
"""The file names Account twice; the second is the receiver's."""

_CURRENCIES = {
    "US Dollar": "USD",
    "Euro": "EUR",
    "UK Pound": "GBP",
    "Swiss Franc": "CHF",
    "Yuan": "CNY",
    "Yen": "JPY",
    "Rupee": "INR",
    "Ruble": "RUB",
    "Australian Dollar": "AUD",
    "Canadian Dollar": "CAD",
    "Mexican Peso": "MXN",
    "Brazil Real": "BRL",
    "Saudi Riyal": "SAR",
    "Shekel": "ILS",
    "Bitcoin": "XBT",
}
_ATTEMPT = re.compile(r"BEGIN LAUNDERING ATTEMPT - ([^:]+)")
_PERSONAL = ("Account", "Account.1")

Attempts = dict[str, tuple[str, str]]
"""Line of the transaction file to ring and fraud type."""


def load(path: Path, options: ReadOptions | None = None, *, patterns: Path | None = None) -> pd.DataFrame:
    """Reads the file into a canonical table; transaction ids are made from row numbers.

    Amount and currency are those of the payer. ``patterns`` is the patterns file. Raises InputError.
    """
    attempts = _read_attempts(patterns) if patterns else {}
    file = DelimitedFile(path, number_repeats=True)
    return admit_source(
        "AMLworld", file, COLUMNS, lambda rows: _convert(rows, attempts), options, personal=_PERSONAL
    )


def _convert(rows: SourceBlock, attempts: Attempts) -> Columns:
    payer = rows.joined("From Bank", "Account")
    payee = rows.joined("To Bank", "Account.1")
    stays = pc.equal(payer, payee)
    bank = pc.binary_join_element_wise("bank", rows.text("To Bank"), " ")
    return {
        "transaction_id": rows.row_ids("amlworld-"),
        "event_time": rows.written_time("Timestamp", "%Y/%m/%d %H:%M"),
        "account_id": payer,
        "merchant_id": pc.if_else(stays, bank, None),
        "counterparty_id": pc.if_else(stays, None, payee),
        "amount": rows.raw("Amount Paid"),
        "currency": rows.renamed("Payment Currency", _CURRENCIES),
        "channel": rows.raw("Payment Format"),
        "is_fraud": rows.raw("Is Laundering"),
        **_rings(rows, attempts),
    }


def _rings(rows: SourceBlock, attempts: Attempts) -> Columns:
    if not attempts:
        return {}
    lines = rows.joined(*COLUMNS, separator=",").to_numpy(zero_copy_only=False)
    found = [attempts.get(line, (None, None)) for line in lines]
    rings, kinds = np.array(found, object).reshape(-1, 2).T
    return {"ring_id": pa.array(rings, pa.string()), "fraud_type": pa.array(kinds, pa.string())}


def _read_attempts(path: Path) -> Attempts:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: cannot be read as text; name the patterns file of the data set") from None
    attempts: Attempts = {}
    number, kind = 0, None
    for line in map(str.strip, lines):
        begin = _ATTEMPT.match(line)
        if begin:
            number, kind = number + 1, begin[1].strip().lower().replace(" ", "_").replace("-", "_")
        elif line.startswith("END LAUNDERING"):
            kind = None
        elif kind and line:
            attempts[line] = (f"attempt-{number}", kind)
    if not attempts:
        raise InputError(f"{path}: names no laundering attempt; is it the patterns file of the data set?")
    return attempts
