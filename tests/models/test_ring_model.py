"""What a model has learned of rings: refused where it is damaged or of another release, the same at any batch size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fraud.errors import ArtefactError
from graph.features import FEATURE_NAMES, RING_NAMES
from graph.ring_figures import FIGURES
from models.booster import BoosterConfig, fit_booster
from models.group_judge import GroupJudge
from models.ring_groups import Group, is_known_ring
from models.ring_model import RING_FILES, RingModel
from models.ring_prior import Groups, join, prior_groups, save_prior, table
from models.ring_rows import fit_ring_rows, ring_probability
from models.ring_rules import RingRules
from tests.models.made import ring_model, rows


def test_round_trip(tmp_path: Path) -> None:
    ring_model().save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(RING_FILES)
    again = RingModel.load(tmp_path)
    X, _ = rows(40, len(FEATURE_NAMES), 1)
    assert np.array_equal(again.rows.score(X), ring_model().rows.score(X))
    figures, _ = rows(1, len(FIGURES), 2)
    assert again.judge.score(figures[0].tolist()) == ring_model().judge.score(figures[0].tolist())
    assert again.rules == ring_model().rules


def test_a_row_scores_the_same_alone_as_among_others_and_as_by_xgboost() -> None:
    X, _ = rows(50, len(FEATURE_NAMES), 1)
    score = ring_model().rows.score(X)
    assert np.array_equal(np.concatenate([ring_model().rows.score(X[i : i + 1]) for i in range(50)]), score)
    assert np.array_equal(ring_probability(ring_model().rows.booster, X), score)


def test_rows_are_learned_blind_to_what_the_ring_desk_said() -> None:
    """Else it would believe its own word."""
    X, y = rows(300, len(FEATURE_NAMES), 3)
    other = X.copy()
    columns = [FEATURE_NAMES.index(name) for name in RING_NAMES]
    X[:, columns], other[:, columns] = y[:, None], 1 - y[:, None]
    one, two = (fit_ring_rows(some, y, FEATURE_NAMES, 0) for some in (X, other))
    assert one.save_raw("ubj") == two.save_raw("ubj")
    assert not set(RING_NAMES) & one.get_score().keys()
    assert (X[:, columns] == y[:, None]).all()


@pytest.mark.parametrize(
    "change", [{"told_from": 1.5}, {"base_rate": 0.0}, {"report_from": float("nan")}, {"more": 1}]
)
def test_rules_that_are_none_are_refused(change: dict[str, float]) -> None:
    fields = json.loads(ring_model().rules.to_json())
    with pytest.raises(ArtefactError, match="ring rules"):
        RingRules.from_json(json.dumps(fields | change))


def test_a_judge_of_other_figures_is_refused() -> None:
    X, y = rows(300, len(FIGURES), 6)
    names = ("members", *FIGURES[1:])
    other = fit_booster(X, y, names, BoosterConfig(trees=3, depth=2), threads=1)
    with pytest.raises(ArtefactError, match="other figures"):
        GroupJudge(other, ring_model().rules)


def test_the_prior_holds_rings_and_other_groups_of_todays_figures() -> None:
    prior = prior_groups()
    assert prior.figures.shape == (len(prior.is_ring), len(FIGURES))
    assert np.isfinite(prior.figures).all()
    assert 50 < prior.weight[prior.is_ring == 1].sum() < prior.weight.sum() - 50


def test_a_prior_of_other_figures_is_refused(tmp_path: Path) -> None:
    groups = table([(Group("r", 0, frozenset("abc"), tuple(range(len(FIGURES)))), True)])
    path = tmp_path / "prior.npz"
    save_prior(groups, path)
    assert all(map(np.array_equal, prior_groups(path), groups))
    names = np.array(["members", *FIGURES[1:]])
    np.savez(path, names=names, figures=groups.figures, is_ring=groups.is_ring, weight=groups.weight)
    with pytest.raises(ArtefactError, match="other figures"):
        prior_groups(path)


def test_the_states_of_a_group_weigh_as_one() -> None:
    states = [(Group(name, 0, frozenset("abc"), (0.0,) * len(FIGURES)), True) for name in ("r", "r", "s")]
    both: Groups = join([table(states), table(states[:1])])
    assert both.weight.tolist() == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("ring_of", "known", "expected"),
    [
        ({"a": ["r"], "b": ["r"]}, "", True),
        ({"a": ["r"], "b": ["s"]}, "cd", False),
        ({"a": ["r"]}, "cd", None),
        ({"a": ["r"]}, "bcd", False),
        ({}, "", None),
    ],
)
def test_a_group_is_called_a_ring_only_by_what_is_known(
    ring_of: dict[str, list[str]], known: str, expected: bool | None
) -> None:
    group = Group("g", 0, frozenset("abcd"), ())
    assert is_known_ring(group, ring_of, set(known)) is expected
