"""The tables of standing scores: what was rescored because of which case, and what came of it."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, String, Table, Text

from fraud.record_tables import Instant, metadata

__all__ = ["rescorings", "standing_scores"]

rescorings = Table(
    "rescorings",
    metadata,
    Column("because_of", String, primary_key=True),
    Column("decided_at", Instant, nullable=False),
    Column("transaction_ids", Text, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("done_at", Instant),
    Index("rescorings_by_work", "done_at"),
)
"""The newest rescoring because of each case; ``transaction_ids`` are those labelled, as JSON, ``decided_at`` is when
they were. Not done yet while ``done_at`` is empty."""

standing_scores = Table(
    "standing_scores",
    metadata,
    Column("because_of", String, ForeignKey("rescorings.because_of"), primary_key=True),
    Column("account_id", String, primary_key=True),
    Column("transaction_id", String, nullable=False),
    Column("event_time", Instant, nullable=False),
    Column("score_decided", Float(53), nullable=False),
    Column("score_before", Float(53), nullable=False),
    Column("score_now", Float(53)),
    Column("rescored_at", Instant),
    Index("standing_scores_by_account", "account_id", "rescored_at"),
)
"""One payment of each account near what was labelled: its score when it was decided, and what a payment like it would
have got just before the labels counted and once they did."""
