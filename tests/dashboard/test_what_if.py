from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from dashboard.desk import Desk
from dashboard.what_if import what_if_panel
from fraud.decision import Decision, Outcome
from fraud.receipt import ReceiptBatch
from fraud.record import Record
from fraud.transaction import Transaction
from models.scorer import Scorer
from models.thresholds import OUTCOMES
from tests.models.made import observation, scorer

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def model(tmp_path: Path) -> Scorer:
    return scorer(tmp_path / "model", with_sage=True)


def scored(record: Record, model: Scorer) -> str:
    """One account's payments, scored by the model; the id of the worst."""
    seen = observation(400, 5)
    scores = model.score(seen)
    # The worst comes last, so that all else is earlier.
    order = np.argsort(scores.score)
    paid = [
        Transaction(
            transaction_id=f"t{place}",
            event_time=START + timedelta(hours=place),
            account_id="a_one",
            merchant_id="shop",
            amount=10.0,
        )
        for place in range(len(order))
    ]
    decisions = [
        Decision(
            t.transaction_id,
            t.event_time,
            float(scores.score[row]),
            OUTCOMES[scores.decision[row]],
            model.version,
        )
        for t, row in zip(paid, order.tolist(), strict=True)
    ]
    receipts = ReceiptBatch(
        transaction_ids=[t.transaction_id for t in paid],
        scores=scores.score[order],
        reasons=[()] * len(paid),
        model_version=model.version,
        feature_hash=model.feature_hash,
        thresholds={"review": model.thresholds.review, "block": model.thresholds.block},
        arrays=model.receipt(seen.take(order)),
    )
    record.write_batch(paid, decisions, receipts)
    assert decisions[-1].outcome is not Outcome.APPROVE
    return paid[-1].transaction_id


def told(record: Record, folder: Path | None, transaction_id: str, **changes: Any) -> str:
    desk = Desk(record, None, "USD", None, model=folder)  # type: ignore[arg-type]
    receipt = record.receipt(transaction_id)
    assert receipt is not None
    if changes:
        receipt = type(receipt)(**{name: getattr(receipt, name) for name in receipt.__slots__} | changes)
    panel = what_if_panel(desk, receipt)
    return msgspec.json.encode(panel.to_plotly_json(), enc_hook=lambda part: part.to_plotly_json()).decode()


def test_single_values_that_would_have_changed_it_are_named(
    record: Record, model: Scorer, tmp_path: Path
) -> None:
    worst = scored(record, model)
    text = told(record, tmp_path / "model", worst)
    assert "brings" in text or "No single value" in text
    assert "the account's own earlier approved payments" in text
    assert "what the score hangs on, not what happened" in text


def test_what_cannot_be_said_is_not_said(record: Record, model: Scorer, tmp_path: Path) -> None:
    worst = scored(record, model)
    assert "artefact is not on this machine" in told(record, None, worst)
    assert "artefact is not on this machine" in told(record, tmp_path / "nowhere", worst)
    assert "scored by other" in told(record, tmp_path / "model", worst, model_version="other")
    assert "nothing to bring below" in told(record, tmp_path / "model", "t0")
    assert "No receipt was kept" in str(what_if_panel(Desk(record, None, "USD", None), None))  # type: ignore[arg-type]
