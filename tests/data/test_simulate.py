from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from data.simulate import simulate
from data.world.batch import CHANNELS, RING_KINDS, SOLO_KINDS
from data.world.payments import Payments
from data.world.writing import SCHEMA
from fraud.__main__ import main
from fraud.errors import InputError
from tests.data.world import simulated

NEVER = pd.Timestamp("9999-12-31", tz="UTC")
SMALL: dict[str, Any] = {"days": 14, "accounts": 200}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("preset", ["payments", "welfare-india"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_world(
    tmp_path: Path, preset: str
) -> None:
    first = simulate(tmp_path / "1", seed=5, preset=preset, **SMALL)
    again = simulate(tmp_path / "2", seed=5, preset=preset, **SMALL)
    other = simulate(tmp_path / "3", seed=6, preset=preset, **SMALL)
    assert _digest(first.transactions) == _digest(again.transactions)
    assert _digest(first.rings) == _digest(again.rings)
    assert _digest(first.transactions) != _digest(other.transactions)
    assert _digest(first.rings) != _digest(other.rings)


def test_a_day_is_the_same_however_often_it_is_told() -> None:
    def story() -> Payments:
        return Payments(seed=3, days=6, accounts=100, start=date(2025, 9, 1), transactions=None)

    whole = story()
    days = [whole.tell(day) for day in range(6)]
    shorter = story()
    for day in range(4):
        told = shorter.tell(day)
        np.testing.assert_array_equal(told.time, days[day].time)
        np.testing.assert_array_equal(told.amount, days[day].amount)


def test_the_file_holds_the_canonical_columns_in_time_order() -> None:
    frame, _ = simulated(1)
    assert list(frame.columns) == SCHEMA.names
    assert frame.event_time.is_monotonic_increasing
    assert frame.transaction_id.is_unique
    assert str(frame.event_time.dtype) == str(frame.label_time.dtype) == "datetime64[us, UTC]"
    assert (frame.amount > 0).all()
    assert np.isfinite(frame.amount).all()
    assert (frame.amount * 100 - (frame.amount * 100).round()).abs().max() < 1e-6
    assert (frame.merchant_id.notna() ^ frame.counterparty_id.notna()).all()
    assert ((frame.channel == "transfer") == frame.counterparty_id.notna()).all()
    assert (frame.account_id != frame.counterparty_id).all()
    assert set(frame.channel) == set(CHANNELS)
    assert set(frame.currency) == {"USD"}
    assert frame.mcc.dropna().str.fullmatch(r"\d{4}").all()
    assert frame.ip.dropna().str.fullmatch(r"10(\.\d{1,3}){3}").all()
    assert frame.latitude.dropna().between(-90, 90).all()
    assert frame.is_fraud.isin([0, 1]).all()
    assert (frame.fraud_type.notna() == (frame.is_fraud == 1)).all()
    assert (frame.is_fraud[frame.ring_id.notna()] == 1).all()


def test_the_size_is_about_what_was_asked_for(tmp_path: Path) -> None:
    made = simulate(tmp_path, days=20, accounts=300, seed=2, transactions=20_000)
    assert 0.88 * 20_000 < made.rows < 1.12 * 20_000
    assert pq.read_metadata(made.transactions).num_rows == made.rows


def test_frauds_are_rare_of_every_kind_and_half_of_them_by_rings() -> None:
    frame, rings = simulated(1)
    assert 0.005 < frame.is_fraud.mean() < 0.015
    assert 0.4 < frame.ring_id.notna().sum() / frame.is_fraud.sum() < 0.6
    counts = frame.fraud_type.value_counts()
    assert set(counts.index) == {*SOLO_KINDS, *RING_KINDS}
    assert counts.min() >= 10
    assert set(rings.kind) == set(RING_KINDS)


@pytest.mark.parametrize("preset", ["payments", "welfare-india"])
@pytest.mark.parametrize("seed", [1, 2])
def test_ring_truth_agrees_with_the_transactions(preset: str, seed: int) -> None:
    frame, rings = simulated(seed, preset, **({} if preset == "payments" else {"accounts": 1500}))
    assert list(rings.columns) == ["ring_id", "member_id", "member_kind", "kind", "start", "end"]
    assert not rings.duplicated(["ring_id", "member_id"]).any()
    frauds = frame[frame.ring_id.notna()]
    assert set(rings.ring_id) == set(frauds.ring_id)
    ends = {
        "account": ["account_id", "counterparty_id"],
        "merchant": ["merchant_id"],
        "device": ["device_id"],
    }
    for ring_id, members in rings.groupby("ring_id"):
        own = frauds[frauds.ring_id == ring_id]
        assert set(own.fraud_type) == set(members.kind)
        assert pd.to_datetime(members.start, format="ISO8601").eq(own.event_time.min()).all()
        assert pd.to_datetime(members.end, format="ISO8601").eq(own.event_time.max()).all()
        for kind, part in members.groupby("member_kind"):
            seen = set(pd.concat([own[c] for c in ends[str(kind)]]))
            assert set(part.member_id) <= seen
        payers = set(own.account_id) if preset == "payments" else set(own.account_id[own.channel == "atm"])
        assert payers <= set(members.member_id)


def test_rings_have_the_shapes_they_are_named_after() -> None:
    frame, _ = simulated(1)
    by_kind = dict(list(frame[frame.ring_id.notna()].groupby("fraud_type")))
    for _, ring in by_kind["shared_device"].groupby("ring_id"):
        assert ring.merchant_id.nunique() == 1
        assert ring.dropna(subset="device_id").groupby("device_id").account_id.nunique().max() >= 2
    for _, ring in by_kind["round_trip"].groupby("ring_id"):
        first = ring.iloc[0].account_id
        assert 3 <= ring.account_id.nunique() <= 8
        assert set(ring.counterparty_id) <= {*ring.account_id, first}
    for _, ring in by_kind["mule_fan_in"].groupby("ring_id"):
        transfers = ring.dropna(subset="counterparty_id")
        mule = transfers.counterparty_id.value_counts().index[0]
        assert transfers.account_id[transfers.counterparty_id == mule].nunique() >= 2


def test_members_of_rings_also_pay_honestly() -> None:
    frame, rings = simulated(1)
    members = set(rings.member_id[rings.member_kind == "account"])
    honest = set(frame.account_id[frame.is_fraud == 0])
    assert len(members & honest) > 0.9 * len(members)


def test_labels_come_late_sometimes_never_and_sometimes_wrong() -> None:
    frame, _ = simulated(1)
    known = frame.label_time < NEVER
    assert 0.02 < 1 - known.mean() < 0.04
    days = (frame.label_time[known] - frame.event_time[known]).dt.total_seconds() / 86_400
    assert 6.8 < days.median() < 7.2
    assert days.min() > 0
    assert days.quantile(0.95) > 20
    fraud = frame.is_fraud == 1
    assert abs(days[fraud[known]].median() - 7) < 0.7
    assert 0.003 < (frame.reported_fraud[fraud] == 0).mean() < 0.03
    assert 0.0001 < (frame.reported_fraud[~fraud] == 1).mean() < 0.001


def test_honest_people_share_devices_and_addresses_too() -> None:
    frame, _ = simulated(1)
    honest = frame[frame.is_fraud == 0]
    assert honest.groupby("ip").account_id.nunique().max() > 100
    assert honest.groupby("device_id").account_id.nunique().max() > 15
    assert (honest.groupby("device_id").account_id.nunique() > 1).mean() > 0.05
    buyers = honest.groupby("merchant_id").account_id.nunique().sort_values()
    assert buyers.iloc[-1] > 0.5 * frame.account_id.nunique()


@pytest.mark.parametrize("preset", ["payments", "welfare-india"])
@pytest.mark.parametrize("size", [{"days": 14, "accounts": 200}, {"days": 1, "accounts": 50}])
def test_small_worlds_hold_some_rings(tmp_path: Path, preset: str, size: dict[str, Any]) -> None:
    made = simulate(tmp_path, seed=4, preset=preset, **size)
    assert made.ring_count >= 3
    frame = pd.read_parquet(made.transactions)
    assert frame.event_time.dt.floor("D").nunique() == size["days"]
    assert frame.ring_id.nunique() == made.ring_count


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("days", 0),
        ("days", 4000),
        ("accounts", 49),
        ("accounts", 3_000_000),
        ("seed", -1),
        ("preset", "moon"),
        ("transactions", 10),
        ("transactions", 10**9),
        ("start", date(1900, 1, 1)),
    ],
)
def test_arguments_out_of_range_are_named(tmp_path: Path, argument: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"^{argument}: .*choose"):
        simulate(tmp_path / "out", **{argument: value})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_command_writes_both_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = [
        "simulate",
        "--out",
        str(tmp_path / "w"),
        "--days",
        "3",
        "--accounts",
        "60",
        "--start",
        "2024-02-27",
    ]
    assert main([*words, "--seed", "9"]) == 0
    assert sorted(p.name for p in (tmp_path / "w").iterdir()) == ["rings.csv", "transactions.parquet"]
    assert pd.read_parquet(tmp_path / "w" / "transactions.parquet").event_time.dt.date.max() == date(
        2024, 2, 29
    )
    assert "transactions" in capfd.readouterr().out


@pytest.mark.parametrize("wrong", [["--days", "0"], ["--start", "tomorrow"], ["--accounts", "many"]])
def test_the_command_refuses_wrong_usage_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    assert main(["simulate", "--out", str(tmp_path / "w"), *wrong]) == 2
    assert not (tmp_path / "w").exists()
    assert len(capfd.readouterr().err.strip().splitlines()) == 1
