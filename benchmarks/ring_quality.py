"""Rings found on the simulator: recall, precision, alerts a ring, and how much money had moved by the alert.

Protocol: worlds of several seeds with their hard negatives; a model learns from the days before a cut, as the demo's
does, and the days after it are decided once by the online pipeline and the ring desk. The rules of the desk were tuned
on the seeds ``TUNED``, the results are those of ``SEEDS``. A true ring counts when half of its money or more moves
after the cut. Run alone: ``python -m benchmarks.ring_quality``; with ``--keep FOLDER`` what the desk is told is kept
there, so that the desk alone can be run again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from benchmarks.results import machine, write_result, write_section
from benchmarks.token_key import TOKEN_KEY
from data.canonical import read_transactions
from data.simulate import simulate
from data.timeline import Timeline
from data.tokenise import TOKEN_KINDS, tokenise_table
from fraud.progress import stage
from fraud.ring import NodeKind, Ring, RingStatus
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from graph.events import TRANSACTION, FrameEvents
from graph.online import OnlineGraph
from graph.ring_judge import RingJudge
from models.ring_matching import RingAlert, RingMetrics, TrueRing, match_rings, read_true_rings
from models.scorer import Scorer
from models.training import train
from stream.desk import RingDesk
from stream.pipeline import Pipeline
from stream.suspicion import Suspicion

DAYS, ACCOUNTS, TEST_DAYS = 60, 3_000, 15
START = date(2025, 9, 1)
CUT = datetime(START.year, START.month, START.day, tzinfo=UTC) + timedelta(days=DAYS - TEST_DAYS)
TUNED = (1, 3, 5, 7, 8, *range(31, 36), *range(41, 46), *range(51, 61))
SEEDS = tuple(range(61, 71))
CHUNK = 4_096
BARS = {"recall": 0.85, "precision": 0.8, "alerts a ring": 1.2, "money moved": 0.5}


class World(msgspec.Struct):
    """What the desk is told of one world, and what is true there."""

    seed: int
    rows: int
    """Transactions decided."""
    suspicions: list[Suspicion]
    names: dict[str, str]
    """Account by token."""


def main(seeds: Iterable[int], keep: Path | None, only: str) -> None:
    """Prepare the worlds, judge the desk on them, print the table and write its section."""
    results: list[tuple[World, RingMetrics]] = []
    chosen = list(seeds)
    with tempfile.TemporaryDirectory() as passing, stage("Ring quality", total=len(chosen)) as advance:
        for seed in chosen:
            folder = (keep or Path(passing)) / str(seed)
            if not (folder / "world.msgpack").exists():
                _prepare(folder, seed)
            if only != "prepare":
                results.append(_judge(folder))
            advance()
    if not results:
        return
    text = _render(results)
    print(text)
    if tuple(chosen) == SEEDS:
        write_section("ring_quality", text)
        write_result("ring_quality", {"seeds": {str(w.seed): m.model_dump() for w, m in results}})


def _prepare(folder: Path, seed: int) -> None:
    """Simulate, train on the days before the cut, and score the days after it; a model that is there is taken."""
    settings = Settings.load(home=folder, token_key=TOKEN_KEY)
    world = simulate(folder / "world", days=DAYS, accounts=ACCOUNTS, seed=seed, start=START)
    raw = read_transactions(world.transactions)
    frame = tokenise_table(raw, Tokeniser.from_settings(settings))
    if not (folder / "model").exists():
        train(frame, folder / "model", settings, until=CUT, seed=seed)
    rows, suspicions = 0, []
    pipeline = Pipeline(OnlineGraph.within(settings.online), Scorer.load(folder / "model"))
    for count, some in _scored(frame, pipeline):
        rows += count
        suspicions += some
    names: dict[str, str] = {}
    for column in TOKEN_KINDS:
        names.update(zip(frame[column].dropna(), raw.loc[frame[column].notna(), column], strict=True))
    kept = World(seed, rows, suspicions, names)
    (folder / "world.msgpack").write_bytes(msgspec.msgpack.encode(kept))


def _scored(frame: pd.DataFrame, pipeline: Pipeline) -> Iterator[tuple[int, list[Suspicion]]]:
    source, ids = FrameEvents(frame), frame["transaction_id"].to_numpy(dtype=object)
    cut = int(CUT.timestamp() * 1e6)
    for chunk in Timeline(frame, chunk_rows=CHUNK):
        at = int(np.searchsorted(chunk.time, cut, side="left"))
        if at:
            pipeline.warm(source.take(chunk.kind[:at], chunk.row[:at], chunk.time[:at]))
        if at < len(chunk):
            kind, row = chunk.kind[at:], chunk.row[at:]
            told = ids[row[kind == TRANSACTION]].tolist()
            step = pipeline.process(source.take(kind, row, chunk.time[at:]), told)
            yield len(told), step.suspicions


def _judge(folder: Path) -> tuple[World, RingMetrics]:
    """The desk over what it is told, against the truth."""
    world = msgspec.msgpack.decode((folder / "world.msgpack").read_bytes(), type=World)
    raw = read_transactions(folder / "world" / "transactions.parquet")
    rings = _reported(world, Scorer.load(folder / "model").ring_judge)
    alerts = [
        RingAlert(
            ring.ring_id,
            pd.Timestamp(ring.first_alert_time),
            frozenset(world.names[one.member_id] for one in ring.members if one.kind is NodeKind.ACCOUNT),
        )
        for ring in rings
    ]
    payments = raw.loc[raw["ring_id"].notna(), ["ring_id", "event_time", "amount"]]
    truth: list[TrueRing] = read_true_rings(folder / "world" / "rings.csv")
    return world, match_rings(truth, alerts, since=pd.Timestamp(CUT), payments=payments)


def _reported(world: World, judge: RingJudge | None) -> list[Ring]:
    """The newest state of each ring that was reported and did not go on in another."""
    desk = RingDesk(Settings.load().costs.review_cost, judge)
    rings = {ring.ring_id: ring for ring in desk.observe(world.suspicions).rings}
    return [ring for ring in rings.values() if ring.status is not RingStatus.MERGED]


def _render(results: list[tuple[World, RingMetrics]]) -> str:
    lines = [
        "## Rings on the simulator",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.ring_quality`, {machine('leidenalg', 'xgboost')}. Worlds of "
        f"{DAYS} days and {ACCOUNTS:,} accounts, judged on the last {TEST_DAYS}; tuned on seeds "
        f"{', '.join(map(str, TUNED))}. A ring is found when one alert holds half of its accounts, an alert is right "
        "when half of its accounts are of one ring. Money moved: the share of a found ring's money that had moved when "
        "its alert was first raised, median over the rings that began within the judged days.",
        "",
        "| seed | rings found | recall | alerts right | precision | alerts a ring | money moved | told to the desk |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for world, one in results:
        lines.append(f"| {world.seed} | {_row(one)} | {len(world.suspicions) / world.rows:.1%} |")
    metrics = [one for _, one in results]
    found, rings = sum(m.found for m in metrics), sum(m.true_rings for m in metrics)
    right, alerts = sum(m.right_alerts for m in metrics), sum(m.alerts for m in metrics)
    each = np.mean([m.alerts_per_ring for m in metrics if m.alerts_per_ring is not None])
    moved = np.mean([m.median_money_moved for m in metrics if m.median_money_moved is not None])
    lines += [
        f"| all | {found} of {rings} | {found / rings:.2f} | {right} of {alerts} | {right / alerts:.2f} "
        f"| {each:.2f} | {moved:.2f} | |",
        "| bar | | ≥ {recall} | | ≥ {precision} | ≤ {alerts a ring} | ≤ {money moved} | |".format(**BARS),
        "",
        "| kind | "
        + " | ".join(kinds := sorted({kind for m in metrics for kind in m.recall_by_kind}))
        + " |",
        "|---|" + "---|" * len(kinds),
        "| recall, mean over seeds | " + " | ".join(_mean_of(metrics, kind) for kind in kinds) + " |",
    ]
    return "\n".join(lines)


def _row(one: RingMetrics) -> str:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    return (
        f"{one.found} of {one.true_rings} | {share(one.recall)} | {one.right_alerts} of {one.alerts} "
        f"| {share(one.precision)} | {share(one.alerts_per_ring)} | {share(one.median_money_moved)}"
    )


def _mean_of(metrics: list[RingMetrics], kind: str) -> str:
    return f"{np.mean([one.recall_by_kind[kind] for one in metrics if kind in one.recall_by_kind]):.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--keep", type=Path, default=None)
    parser.add_argument("--only", choices=("prepare", "all"), default="all")
    given = parser.parse_args()
    main(given.seeds, given.keep, given.only)
