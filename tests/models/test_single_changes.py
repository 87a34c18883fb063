from __future__ import annotations

import numpy as np
import pytest

from fraud.errors import InputError
from models.scorer import Scorer
from models.single_changes import normal_values, single_changes
from tests.models.made import observation, scorer


@pytest.fixture(scope="module", params=[True, False], ids=["with GraphSAGE", "without"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return scorer(tmp_path_factory.mktemp("models") / "model", with_sage=request.param)


def test_each_change_gives_the_score_that_scoring_it_gives(model: Scorer) -> None:
    seen = observation(200, 3)
    scores = model.score(seen)
    worst = int(np.argmax(scores.score))
    receipt = {name: array[worst] for name, array in model.receipt(seen).items()}
    normal = normal_values(list(seen.features[scores.decision == 0]))
    found = single_changes(model, receipt, normal, float(scores.score[worst]), most=1_000)
    assert found.score == scores.score[worst]
    assert found.changes
    assert found.tried <= len(model.feature_names)
    for change in found.changes:
        column = model.feature_names.index(change.feature)
        moved = {name: np.array(array) for name, array in receipt.items()}
        moved["features"][column] = normal[column]
        assert model.rescore(moved).score[0] == change.score < found.below
    assert found.best == found.changes[0]
    assert [c.score for c in found.changes] == sorted(c.score for c in found.changes)


def test_nothing_is_claimed_where_nothing_differs(model: Scorer) -> None:
    seen = observation(3, 1)
    receipt = {name: array[0] for name, array in model.receipt(seen).items()}
    found = single_changes(model, receipt, seen.features[0], 0.0)
    assert (found.tried, found.changes, found.best) == (0, (), None)


def test_normal_is_the_median_and_mostly_missing_stays_missing() -> None:
    rows = np.array([[1, np.nan, 5], [2, np.nan, np.nan], [9, 4, np.nan]], np.float32)
    assert normal_values(list(rows))[0] == 2
    assert np.isnan(normal_values(list(rows))[1:]).all()
    with pytest.raises(InputError, match="no receipts"):
        normal_values([])


def test_a_receipt_of_another_model_is_refused(model: Scorer) -> None:
    with pytest.raises(InputError, match="another model"):
        single_changes(model, {"features": np.zeros(3, np.float32)}, np.zeros(3, np.float32), 0.5)
