"""Personal identifiers of a whole table replaced by tokens, before anything else reads it."""

from __future__ import annotations

import pandas as pd

from fraud.tokens import Tokeniser, TokenKind

__all__ = ["TOKEN_KINDS", "tokenise_table"]

TOKEN_KINDS: dict[str, TokenKind] = {
    "account_id": "account",
    "counterparty_id": "account",
    "device_id": "device",
    "ip": "ip",
}
"""What each column of personal identifiers names; payer and counterparty share one kind, to meet in the graph."""


def tokenise_table(frame: pd.DataFrame, tokeniser: Tokeniser) -> pd.DataFrame:
    """A copy of a canonical table with tokens in its personal columns; the other columns are shared."""
    tokens = {
        column: pd.Series(tokeniser.tokens(kind, frame[column].tolist()), index=frame.index, dtype=object)
        for column, kind in TOKEN_KINDS.items()
    }
    return frame.assign(**tokens)
