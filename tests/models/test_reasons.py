from __future__ import annotations

import math

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from graph.features import FEATURE_NAMES
from models.artefact import SAGE_NAMES, input_names
from models.booster import margin_of
from models.phrases import phrase, topic_of
from models.reasons import explain_rows
from models.tree_shap import TreeShap
from tests.models.made import booster, rows


@pytest.mark.parametrize("name", [*FEATURE_NAMES, *SAGE_NAMES])
def test_every_feature_has_a_phrase(name: str) -> None:
    for transfer in (False, True):
        for value in (0.0, 1.0, 3.21, -2.0, 1e6, math.inf, math.nan):
            text = phrase(name, value, transfer=transfer)
            assert text[0].isupper() and text == text.strip()
            assert "_" not in text and "{" not in text and "|" not in text and "nan" not in text.split()
    if name != "amount":
        assert topic_of(name) != name, "told only by the fall-back; add it to the grammar"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("account_count_1h", 7, "Payments by this account in the last hour: 7"),
        ("target_distinct_30d", 41, "Different accounts paying this merchant in the last 30 days: about 41"),
        ("device_distinct_1d", 4.273, "Different accounts on this device in the last day: about 4"),
        ("device_distinct_1d", 1.016, "Different accounts on this device in the last day: 1"),
        ("device_degree", 5, "Different accounts on this device so far: 5"),
        ("pair_is_new", 1, "First of payments by this account to this merchant"),
        (
            "amount_ratio_mean_30d",
            8.25,
            "Amount against the average of payments by this account in the last 30 days: 8.2 times",
        ),
        (
            "target_fraud_rate_30d",
            0.333,
            "Share of fraud in outcomes of the last 30 days for payments to this merchant: 33%",
        ),
        ("device_fraud_rate_last_1", 0, "Share of fraud in the latest known outcome for payments from this device: 0%"),
        ("account_hours_since_last", 0.2, "Time since the latest of payments by this account: 12 minutes"),
        ("account_hours_since_last", math.nan, "Time since the latest of payments by this account: none known"),
        ("log_amount", math.log1p(1234.5), "Amount: 1,234.50"),
        ("hour", 3.5, "Time of day, UTC: 03:30"),
        ("weekday", 5, "Day of the week: Saturday"),
        ("channel", 2, "Payment channel: online"),
        ("is_transfer", 0, "Purchase at a merchant"),
        ("something_odd_7d", 2.5, "Something odd in the last 7 days: 2.5"),
        ("sage_logit", 0.0, "Recent neighbourhood in the payment graph resembles that of known frauds: 50 of 100"),
    ],
)  # fmt: skip
def test_phrases(name: str, value: float, text: str) -> None:
    assert phrase(name, value) == text


def test_a_transfer_has_a_receiving_account() -> None:
    text = phrase("target_count_1d", 3, transfer=True)
    assert text == "Payments to this receiving account in the last day: 3"


@given(st.text(min_size=1).filter(str.strip), st.floats())
def test_any_name_and_value_is_told(name: str, value: float) -> None:
    assert phrase(name, value)


def test_reasons_are_the_topics_that_raise_the_score() -> None:
    model = booster()
    X, _ = rows(200, len(input_names(True)), 5)
    top = np.argsort(-margin_of(model, X))[:20]
    explained = explain_rows(TreeShap.from_booster(model), tuple(model.feature_names), X[top], most=4)
    contributions = model.predict(
        xgboost.DMatrix(X[top], feature_names=model.feature_names), pred_contribs=True
    )
    for reasons, row in zip(explained, contributions, strict=True):
        strengths = [reason.contribution for reason in reasons]
        assert 1 <= len(reasons) <= 4 and strengths == sorted(strengths, reverse=True) and strengths[-1] > 0
        topics = [topic_of(reason.feature) for reason in reasons]
        assert len(set(topics)) == len(topics)
        columns = [i for i, name in enumerate(model.feature_names) if topic_of(name) == topics[0]]
        assert strengths[0] == pytest.approx(row[columns].sum(), abs=1e-5)


def test_infinite_features_can_be_explained() -> None:
    model = booster()
    X = np.full((1, len(input_names(True))), np.inf, np.float32)
    shap = TreeShap.from_booster(model)
    assert all(reason.text for reason in explain_rows(shap, tuple(model.feature_names), X)[0])


def test_no_rows() -> None:
    model = booster()
    none = np.empty((0, len(input_names(True))), np.float32)
    assert explain_rows(TreeShap.from_booster(model), tuple(model.feature_names), none) == []
