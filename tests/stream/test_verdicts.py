"""Verdicts put together for one write are the same verdicts."""

from __future__ import annotations

import numpy as np

from fraud.decision import Reason
from stream.verdicts import ScoredBy, Verdicts, joined
from tests.fraud.payments import plain_payments

WHY = (Reason("night", "The account has never paid at this hour", None, 0.3),)


def verdicts(first: int, count: int, model: str = "model-1") -> Verdicts:
    """The last of them is no approval."""
    transactions = plain_payments(first, count)
    numbers = np.arange(first, first + count)
    return Verdicts(
        transactions,
        scores=numbers / 100,
        outcomes=np.array([0] * (count - 1) + [1], dtype=np.int8),
        reasons={count - 1: WHY},
        arrays={"features": np.repeat(numbers[:, None], 4, axis=1).astype(np.float32)},
        model=ScoredBy(model, "f" * 64, {"review": 0.3, "block": 0.9}),
    )


def test_decisions_and_receipts_are_those_of_the_parts() -> None:
    parts = [verdicts(0, 3), verdicts(3, 1), verdicts(4, 5)]
    (whole,) = joined(parts)
    assert whole.decisions() == [one for part in parts for one in part.decisions()]
    assert [one.transaction_id for one in whole.decisions() if one.reasons] == ["t2", "t3", "t8"]
    together, single = whole.receipts(), [part.receipts() for part in parts]
    assert together.row(4).to_bytes() == single[2].row(0).to_bytes()
    assert together.row(2).to_bytes() == single[0].row(2).to_bytes()


def test_other_thresholds_begin_another_piece() -> None:
    parts = [verdicts(0, 2), verdicts(2, 2), verdicts(4, 2, "model-1/thresholds-2"), verdicts(6, 2)]
    pieces = joined(parts)
    assert [len(one.transactions) for one in pieces] == [4, 2, 2]
    assert [one.model.version for one in pieces] == ["model-1", "model-1/thresholds-2", "model-1"]


def test_of_none_there_are_none() -> None:
    assert joined([]) == []
