"""Which labels a decision gives to a case's transactions, and how they leave the record."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, select, update

from fraud.case import Disposition, case_id
from fraud.case_tables import case_evidence, case_labels
from fraud.database import insert_new, portions, store_errors, writing
from fraud.decision import Outcome
from fraud.errors import InputError
from fraud.record_lookup import row_ids
from fraud.record_tables import decisions

__all__ = ["drop_kept", "drop_unsent", "keep_labels", "labels_sent", "release_labels"]


def keep_labels(
    connection: Connection, number: int, disposition: Disposition, chosen: Collection[str] | None
) -> int:
    """Keep the labels that a decision means, to be released when it is final; returns how many there are.

    Confirmed fraud: the transactions that a person chose, else those of the evidence that were scored at or above the
    threshold for a review. A false positive: all of the evidence are not fraud. Any other decision says nothing about
    single transactions. Raises InputError for a chosen one that is not in the evidence.
    """
    if disposition not in (Disposition.CONFIRMED_FRAUD, Disposition.FALSE_POSITIVE):
        if chosen:
            raise InputError(
                f"fraud_transactions: {disposition.value} says nothing about single transactions"
            )
        return 0
    query = select(case_evidence.c.transaction_id).where(case_evidence.c.case_number == number)
    evidence = set(connection.execute(query).scalars())
    is_fraud = disposition is Disposition.CONFIRMED_FRAUD
    if not is_fraud:
        labelled = evidence
    elif chosen is None:
        labelled = _held(connection, evidence)
    else:
        labelled = set(chosen)
        if strange := sorted(labelled - evidence):
            raise InputError(
                f"fraud_transactions: {strange[0][:60]!r} is not in the evidence of {case_id(number)}"
            )
    rows = [{"case_number": number, "transaction_id": one, "is_fraud": is_fraud} for one in sorted(labelled)]
    insert_new(connection, case_labels, rows)
    return len(rows)


def release_labels(connection: Connection, number: int, at: datetime) -> None:
    """Let the kept labels of a case go out: what they say is known from now on."""
    kept = (case_labels.c.case_number == number) & case_labels.c.decided_at.is_(None)
    connection.execute(update(case_labels).where(kept).values(decided_at=at))


def drop_kept(connection: Connection, number: int) -> None:
    """Forget labels of a decision that did not become final."""
    kept = (case_labels.c.case_number == number) & case_labels.c.decided_at.is_(None)
    connection.execute(delete(case_labels).where(kept))


def drop_unsent(connection: Connection, number: int) -> None:
    """Forget labels of a case that did not go out yet, final or not."""
    unsent = (case_labels.c.case_number == number) & case_labels.c.sent_at.is_(None)
    connection.execute(delete(case_labels).where(unsent))


def labels_sent(engine: Engine, keys: Iterable[int], at: datetime) -> None:
    """Note that labels went out; one that is marked keeps its first moment."""
    with store_errors("write"), engine.connect() as connection, writing(connection):
        for some in portions(keys):
            unmarked = case_labels.c.key.in_(some) & case_labels.c.sent_at.is_(None)
            connection.execute(update(case_labels).where(unmarked).values(sent_at=at))


def _held(connection: Connection, transaction_ids: set[str]) -> set[str]:
    """Those that were not approved: their score was at or above the threshold in force then."""
    rows = {row: name for name, row in row_ids(connection, sorted(transaction_ids)).items()}
    held: set[str] = set()
    for some in portions(rows):
        query = select(decisions.c.row_id).where(
            decisions.c.row_id.in_(some), decisions.c.outcome != Outcome.APPROVE.value
        )
        held.update(rows[row] for row in connection.execute(query).scalars())
    return held
