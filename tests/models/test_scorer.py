from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import InputError
from fraud.receipt import ReceiptBatch
from gnn.serving import SageKernel
from graph.features import FEATURE_NAMES
from graph.observation import ARRAYS, Observation
from models.booster import margin_of
from models.scorer import RECEIPT_ARRAYS, Scorer, Scores
from tests.models.made import booster, observation, sage_weights, scorer


@pytest.fixture(scope="module", params=[True, False], ids=["with GraphSAGE", "without"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return scorer(tmp_path_factory.mktemp("models") / "model", with_sage=request.param)


def part(whole: Observation, rows: slice) -> Observation:
    arrays = {name: getattr(whole, name)[rows] for name in ARRAYS}
    return Observation(**arrays, first_event=whole.first_event)


def assert_same(one: Scores, other: Scores) -> None:
    for name in ("margin", "score", "decision", "inputs"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "inputs"), name


def joined(scores: Sequence[Scores]) -> Scores:
    return Scores(*(np.concatenate([getattr(s, f.name) for s in scores]) for f in fields(Scores)))


def test_scores_are_those_of_the_parts(model: Scorer) -> None:
    seen = observation(300, 1)
    scores = model.score(seen)
    X = seen.features
    with_sage = scores.inputs.shape[1] > len(FEATURE_NAMES)
    if with_sage:
        embedding, logit = SageKernel(sage_weights()).embed(seen)
        X = np.column_stack((X, embedding, logit))
    assert np.array_equal(scores.inputs, X, equal_nan=True)
    assert np.array_equal(scores.margin, margin_of(booster(with_sage), X))
    assert np.array_equal(scores.decision, model.thresholds.decide(scores.score))
    assert np.array_equal(np.argsort(scores.score, kind="stable"), np.argsort(scores.margin, kind="stable"))
    assert len(set(scores.decision.tolist())) > 1


@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_scores_do_not_depend_on_the_batch(model: Scorer, seed: int, sizes: list[int]) -> None:
    seen = observation(sum(sizes), seed)
    cuts = np.cumsum([0, *sizes])
    parts = [model.score(part(seen, slice(start, end))) for start, end in pairwise(cuts)]
    assert_same(model.score(seen), joined(parts))


def test_one_by_one_equals_the_batch(model: Scorer) -> None:
    seen = observation(64, 7)
    assert_same(model.score(seen), joined([model.score(part(seen, slice(i, i + 1))) for i in range(64)]))


def test_a_receipt_gives_the_same_score_again(model: Scorer) -> None:
    seen = observation(50, 3)
    scores = model.score(seen)
    rows = np.flatnonzero(scores.decision).tolist()
    assert rows
    batch = ReceiptBatch(
        transaction_ids=[f"t{row}" for row in rows],
        scores=scores.score[rows],
        reasons=model.explain(scores, rows),
        model_version=model.version,
        feature_hash=model.feature_hash,
        thresholds={"review": model.thresholds.review, "block": model.thresholds.block},
        arrays=model.receipt(seen.take(np.asarray(rows))),
    )
    read = ReceiptBatch.from_bytes(batch.to_bytes())
    again = model.rescore(read.arrays)
    assert np.array_equal(again.score, read.scores)
    assert np.array_equal(again.decision, scores.decision[rows])
    single = read.row(len(rows) - 1)
    assert model.rescore(single.arrays).score[0] == single.score


def test_a_score_depends_on_nothing_outside_the_receipt(model: Scorer) -> None:
    seen = observation(20, 4)
    outside = set(ARRAYS) - set(RECEIPT_ARRAYS)
    changed = replace(seen, **{name: getattr(seen, name) + 1 for name in outside}, first_event=99)
    assert_same(model.score(seen), model.score(changed))


def test_reasons_only_for_the_rows_asked_for(model: Scorer) -> None:
    seen = observation(40, 5)
    scores = model.score(seen)
    strongest = np.argsort(-scores.score)[:4].tolist()
    reasons = model.explain(scores, strongest, most=2)
    assert [1 <= len(some) <= 2 for some in reasons] == [True] * 4
    for row, some in zip(strongest, reasons, strict=True):
        if some[0].feature in FEATURE_NAMES and some[0].value is not None:
            assert some[0].value == seen.features[row, FEATURE_NAMES.index(some[0].feature)]
    assert model.explain(scores, []) == []


def test_an_incomplete_receipt_is_refused(model: Scorer) -> None:
    with pytest.raises(InputError, match="receipt: lacks"):
        model.rescore({})


def test_other_features_are_refused(model: Scorer) -> None:
    seen = observation(3, 0)
    with pytest.raises(InputError, match="the model needs"):
        model.score(replace(seen, features=seen.features[:, :-1]))


def test_loads_from_a_folder(tmp_path: Path) -> None:
    made = scorer(tmp_path / "model")
    loaded = Scorer.load(tmp_path / "model")
    assert loaded.version == made.version
    seen = observation(10, 0)
    assert_same(made.score(seen), loaded.score(seen))
