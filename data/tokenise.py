"""Personal identifiers of a whole table replaced by tokens, before anything else reads it."""

from __future__ import annotations

import pandas as pd

from fraud.tokens import Tokeniser, TokenKind

__all__ = ["PERSONAL_COLUMNS", "tokenise_table"]

PERSONAL_COLUMNS: dict[str, TokenKind] = {
    "account_id": "account",
    "counterparty_id": "account",
    "device_id": "device",
    "ip": "ip",
}
"""Columns that hold personal identifiers; payer and counterparty share one kind, so that they meet in the graph."""


def tokenise_table(frame: pd.DataFrame, tokeniser: Tokeniser) -> pd.DataFrame:
    """A copy of a canonical table with tokens in its personal columns; the other columns are shared."""
    tokens = {
        column: pd.Series(tokeniser.tokens(kind, frame[column].tolist()), index=frame.index, dtype=object)
        for column, kind in PERSONAL_COLUMNS.items()
    }
    return frame.assign(**tokens)
