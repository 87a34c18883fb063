from __future__ import annotations

import numpy as np
import pandas as pd

from data.world.batch import WELFARE_RING_KINDS, WELFARE_SOLO_KINDS
from data.world.india import BOUNDS, DISTRICTS, PLANTED_POSITIONS, SCHEMES
from tests.data.world import simulated


def _is_planted(frame: pd.DataFrame) -> pd.Series:
    return pd.Series(
        [pair in PLANTED_POSITIONS for pair in zip(frame.latitude, frame.longitude, strict=True)],
        index=frame.index,
    )


def test_positions_lie_near_a_district_but_for_a_few_planted_ones() -> None:
    frame, _ = simulated(1, "welfare-india")
    planted = _is_planted(frame)
    assert 5 <= planted.sum() < 0.001 * len(frame)
    assert frame[planted].groupby(["latitude", "longitude"]).ngroups >= 3
    rest = frame[~planted]
    assert rest.latitude.between(BOUNDS[0], BOUNDS[1]).all()
    assert rest.longitude.between(BOUNDS[2], BOUNDS[3]).all()
    centres = np.array([(d.latitude, d.longitude) for d in DISTRICTS])
    gaps = np.abs(rest[["latitude", "longitude"]].to_numpy()[:, None] - centres).max(axis=2).min(axis=1)
    assert gaps.max() < 0.6


def test_planted_positions_are_no_mark_of_fraud() -> None:
    frame, _ = simulated(1, "welfare-india")
    assert frame.is_fraud[_is_planted(frame)].mean() < 0.2


def test_benefits_come_from_four_treasuries_in_rupees() -> None:
    frame, _ = simulated(1, "welfare-india")
    assert set(frame.currency) == {"INR"}
    payees = frame.dropna(subset="counterparty_id").groupby("account_id").counterparty_id.nunique()
    assert (payees > 100).sum() == len(SCHEMES)
    agents = frame[frame.mcc == "6012"]
    assert set(agents.channel) == {"atm"}
    assert agents.groupby("device_id").account_id.nunique().median() > 10


def test_every_welfare_fraud_occurs() -> None:
    frame, rings = simulated(1, "welfare-india")
    assert set(frame.fraud_type.dropna()) == {*WELFARE_SOLO_KINDS, *WELFARE_RING_KINDS}
    assert set(rings.kind) == set(WELFARE_RING_KINDS)
    assert 0.005 < frame.is_fraud.mean() < 0.015


def test_ghosts_share_an_agent_and_a_device() -> None:
    frame, rings = simulated(1, "welfare-india")
    for _, members in rings[rings.kind == "ghost_beneficiary"].groupby("ring_id"):
        own = frame[frame.ring_id == members.ring_id.iloc[0]]
        drawn = own[own.channel == "atm"]
        assert drawn.merchant_id.nunique() <= 1
        assert drawn.device_id.nunique() <= 1
