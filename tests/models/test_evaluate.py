from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, brier_score_loss

from data.simulate import simulate
from fraud.__main__ import main
from fraud.errors import InputError
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from models.episodes import find_episodes
from models.evaluate import evaluate, read_scores
from models.report import summary_lines, write_report
from models.ring_matching import RingAlert, TrueRing, match_rings

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
Rows = list[tuple[str, str, float, float, int, str | None, str | None, str]]


def payments(rows: Rows) -> pd.DataFrame:
    """Rows of account, day, amount, score, is_fraud, fraud_type, ring_id, decision."""
    columns = ["account_id", "day", "amount", "score", "is_fraud", "fraud_type", "ring_id", "decision"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["transaction_id"] = [f"t{i}" for i in range(len(frame))]
    frame["event_time"] = (START + frame["day"].astype(float) * DAY).astype("datetime64[us, UTC]")
    frame["alert"] = frame["decision"] != "approve"
    return frame


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return frame[["transaction_id", "score", "decision"]], frame.drop(columns=["score", "decision", "alert"])


SMALL: Rows = [
    ("a", 0.0, 10.0, 0.1, 0, None, None, "approve"),
    ("b", 0.1, 50.0, 0.9, 1, "stolen_card", None, "block"),
    ("b", 0.5, 70.0, 0.2, 1, "stolen_card", None, "approve"),
    ("c", 1.0, 20.0, 0.8, 0, None, None, "review"),
    ("c", 1.2, 30.0, 0.7, 0, None, None, "block"),
    ("d", 2.0, 40.0, 0.1, 1, "bust_out", "R1", "approve"),
    ("e", 3.0, 60.0, 0.6, 1, "bust_out", "R1", "review"),
    ("d", 9.5, 100.0, 0.3, 1, "bust_out", "R1", "approve"),
]  # fmt: skip


def test_figures_by_hand() -> None:
    metrics = evaluate(*split(payments(SMALL)), budget=1, rounds=50)
    assert (metrics.span.transactions, metrics.span.frauds, metrics.span.days) == (8, 5, 5)
    assert metrics.alerts.precision.value == 0.5
    assert metrics.alerts.recall.value == 2 / 5
    assert metrics.alerts.false_positives_per_1000.value == 250.0
    assert (metrics.alerts.reviews, metrics.alerts.blocks, metrics.alerts.alerts_per_day) == (2, 2, 0.8)
    assert (metrics.money.at_stake, metrics.money.stopped) == (320.0, 110.0)
    assert (metrics.money.genuine_reviewed, metrics.money.genuine_blocked) == (20.0, 30.0)
    # One alert a day: b's .9, c's .8, d's .1, e's .6, d's .3.
    assert metrics.ranking.precision_at_budget.value == 4 / 5
    assert metrics.ranking.recall_at_budget.value == 4 / 5
    # The same, but d was found on day 2 and is out on day 9.
    assert metrics.ranking.card_precision_at_budget.value == 3 / 5
    frame = payments(SMALL)
    assert metrics.ranking.average_precision.value == pytest.approx(
        average_precision_score(frame["is_fraud"], frame["score"])
    )
    assert metrics.calibration.brier == pytest.approx(brier_score_loss(frame["is_fraud"], frame["score"]))
    kinds = {scenario.kind: scenario for scenario in metrics.by_scenario}
    assert kinds["stolen_card"].recall == 0.5 and kinds["stolen_card"].money_stopped_share == 50 / 120
    assert kinds["bust_out"].episodes.episodes == 1
    assert json.loads(metrics.model_dump_json())["rings"] is None


def test_lead_time_and_money_ahead_by_hand() -> None:
    episodes = find_episodes(payments(SMALL)).set_index("kind")
    stolen, ring = episodes.loc["stolen_card"], episodes.loc["bust_out"]
    assert stolen["lead_hours"] == pytest.approx(0.4 * 24) and stolen["money_ahead"] == 1.0
    assert ring["lead_hours"] == pytest.approx(6.5 * 24) and ring["money_ahead"] == 160 / 200
    assert ring["ring_id"] == "R1" and ring["frauds"] == 3


def test_a_pause_parts_an_accounts_episodes_but_not_a_rings() -> None:
    rows: Rows = [
        ("a", day, 10.0, 0.5, 1, "stolen_card", ring, "approve")
        for ring in (None, "R1") for day in (0.0, 6.9, 14.0, 15.0)
    ]  # fmt: skip
    episodes = find_episodes(payments(rows))
    assert sorted(episodes.loc[episodes["ring_id"].isna(), "frauds"]) == [2, 2]
    assert episodes.loc[episodes["ring_id"].notna(), "frauds"].tolist() == [4]
    assert not episodes["found"].any() and episodes["lead_hours"].isna().all()


def test_calibration_error_is_small_for_honest_scores_and_large_for_boastful_ones() -> None:
    random = np.random.default_rng(0)
    score = random.beta(0.3, 3.0, 20_000)
    rows = pd.DataFrame({
        "account_id": random.integers(0, 900, 20_000).astype(str), "day": np.sort(random.uniform(0, 9, 20_000)),
        "amount": 10.0, "score": score, "is_fraud": (random.random(20_000) < score).astype(int),
        "fraud_type": None, "ring_id": None, "decision": "approve",
    })  # fmt: skip
    frame = payments(list(rows.itertuples(index=False, name=None)))
    honest = evaluate(*split(frame), rounds=5).calibration
    boastful = evaluate(*split(frame.assign(score=np.sqrt(score))), rounds=5).calibration
    assert honest.expected_error < 0.01 < 0.1 < boastful.expected_error
    assert honest.brier < boastful.brier and honest.brier < honest.brier_of_base_rate
    assert sum(b.payments for b in honest.bins) == 20_000


def ring(ring_id: str, accounts: str, end: float = 10.0) -> TrueRing:
    return TrueRing(ring_id, "mule", frozenset(accounts), START, START + end * DAY)


def alert(ring_id: str, accounts: str, at: float = 4.0) -> RingAlert:
    return RingAlert(ring_id, START + at * DAY, frozenset(accounts))


def test_rings_are_found_by_half_and_alerts_right_by_half() -> None:
    rings = [ring("R1", "abcd"), ring("R2", "efg"), ring("R3", "hijk", end=1.0)]
    alerts = [alert("A1", "abxy", at=5.0), alert("A2", "abc", at=6.0), alert("A3", "e"), alert("A4", "xyz")]
    found = match_rings(rings, alerts)
    assert (found.true_rings, found.found, found.alerts, found.right_alerts) == (3, 1, 4, 3)
    assert found.median_lead_hours == 5 * 24
    assert match_rings(rings, alerts, since=START + 2 * DAY).true_rings == 2


def test_one_alert_over_everything_is_wrong_though_it_finds_all() -> None:
    rings = [ring("R1", "abc"), ring("R2", "efg")]
    found = match_rings(rings, [alert("A1", "abcdefghijklmnop")])
    assert (found.recall, found.precision) == (1.0, 0.0)


def moving(*moves: tuple[str, float, float]) -> pd.DataFrame:
    """Payments of rings: ring, day, amount."""
    frame = pd.DataFrame(moves, columns=["ring_id", "day", "amount"])
    return frame.assign(event_time=START + frame["day"] * DAY)


def test_lead_is_the_money_that_had_moved_when_the_alert_was_raised() -> None:
    rings = [ring("R1", "abcd"), ring("R2", "efg"), ring("R3", "hijk")]
    alerts = [alert("A1", "abcd", at=3.0), alert("A2", "efg", at=1.0), alert("A3", "ef", at=5.0)]
    payments = moving(("R1", 1, 30), ("R1", 3, 50), ("R1", 4, 20), ("R2", 1, 10), ("R2", 2, 90), ("R3", 1, 1))
    found = match_rings(rings, alerts, payments=payments)
    assert found.median_money_moved == pytest.approx((0.3 + 0.0) / 2)
    assert found.alerts_per_ring == 1.5


def test_a_ring_counts_when_half_of_its_money_moves_in_the_period() -> None:
    """One that began before it has no lead: part of its money was gone before anybody could be alerted."""
    rings = [ring("R1", "abcd"), ring("R2", "efg")]
    payments = moving(("R1", 1, 51), ("R1", 9, 49), ("R2", 1, 49), ("R2", 9, 51))
    found = match_rings(rings, [alert("A1", "efg", at=9.5)], since=START + 2 * DAY, payments=payments)
    assert (found.true_rings, found.found, found.median_money_moved) == (1, 1, None)


def test_no_rings_and_no_alerts() -> None:
    found = match_rings([], [])
    assert (found.recall, found.precision, found.median_lead_hours) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(score=1.5), "not a number from 0 to 1"),
        (lambda f: f.assign(score=np.nan), "not a number from 0 to 1"),
        (lambda f: f.assign(decision="maybe"), "'maybe' is not one of approve, review, block"),
        (lambda f: pd.concat([f, f]), "appears twice"),
        (lambda f: f.assign(transaction_id="x" + f["transaction_id"]), "8 of 8 belong to no transaction"),
        (lambda f: f.iloc[:0], "no scored transaction"),
    ],
)
def test_unsound_scores_are_refused(change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    scores, transactions = split(payments(SMALL))
    with pytest.raises(InputError, match=message):
        evaluate(change(scores), transactions)


def test_no_fraud_at_all_is_still_an_evaluation(tmp_path: Path) -> None:
    metrics = evaluate(*split(payments([row for row in SMALL if not row[4]])), rounds=5)
    assert metrics.ranking.average_precision.value is None and metrics.episodes.episodes == 0
    write_report(tmp_path / "report", metrics)
    assert any("not defined" in line for line in summary_lines(metrics))


def test_scores_without_a_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("transaction_id,score\nt1,0.5\n")
    with pytest.raises(InputError, match="lacks the column decision"):
        read_scores(tmp_path / "scores.csv")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    simulate(folder, days=25, accounts=600, seed=5)
    return folder


def write_scores(world: Path, folder: Path) -> None:
    """Scores of a good but not perfect model over the later days, and ring alerts under tokens."""
    frame = pd.read_parquet(world / "transactions.parquet")
    frame = frame[frame["event_time"] >= frame["event_time"].min() + 10 * DAY]
    random = np.random.default_rng(0)
    logit = random.normal(-5, 1.5, len(frame)) + 5 * frame["is_fraud"]
    score = 1 / (1 + np.exp(-logit))
    decision = np.select([score > 0.6, score > 0.2], ["block", "review"], "approve")
    table = pd.DataFrame({
        "transaction_id": frame["transaction_id"], "event_time": frame["event_time"], "score": score,
        "decision": decision, "top_reason": "",
    })  # fmt: skip
    table.to_csv(folder / "scores.csv", index=False)
    tokeniser = Tokeniser.from_settings(Settings.load())
    truth = pd.read_csv(world / "rings.csv")
    members = truth[truth["member_kind"] == "account"].groupby("ring_id")["member_id"].apply(list)
    rows = [(f"A{i}", frame["event_time"].min(), 0.9,
             ";".join(["d_device", *(tokeniser.token("account", account) for account in accounts)]))
            for i, accounts in enumerate(members)]  # fmt: skip
    pd.DataFrame(rows, columns=["ring_id", "first_alert_time", "score", "members"]).to_csv(
        folder / "rings.csv", index=False
    )


def test_the_command_writes_a_whole_report(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scores(world, tmp_path)
    words = ["evaluate", "--scores", str(tmp_path / "scores.csv"), "--transactions",
             str(world / "transactions.parquet"), "--rings", str(tmp_path / "rings.csv"),
             "--truth", str(world / "rings.csv"), "--report", str(tmp_path / "report")]  # fmt: skip
    assert main(words) == 0
    assert "Average precision" in capsys.readouterr().out
    report = tmp_path / "report"
    metrics = json.loads((report / "metrics.json").read_text())
    assert metrics["rings"]["recall"] == 1.0 and metrics["rings"]["precision"] == 1.0
    assert 0.3 < metrics["ranking"]["average_precision"]["value"] < 1.0
    page = (report / "index.html").read_text()
    for name in ("precision_recall", "calibration", "lead_time", "by_scenario"):
        assert f"{name}.png" in page
        with Image.open(report / f"{name}.png") as picture:
            assert picture.width > 600
    assert "http" not in page
    first = {path.name: path.read_bytes() for path in report.iterdir()}
    assert main(words) == 0
    assert {path.name: path.read_bytes() for path in report.iterdir()} == first


def test_rings_without_their_truth_are_refused(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--scores", "s.csv", "--transactions", "t.csv", "--rings", "r.csv", "--report", "x"]
    assert main(words) == 2
    assert "give both or neither" in capsys.readouterr().err


def test_a_missing_file_is_one_line(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--scores", str(tmp_path / "none.csv"), "--transactions",
             str(world / "transactions.parquet"), "--report", str(tmp_path / "report")]  # fmt: skip
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "none.csv: cannot be read" in error and error.count("\n") == 1
    assert not (tmp_path / "report").exists()
