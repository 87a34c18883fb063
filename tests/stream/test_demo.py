"""The main job at a small size, as a user runs it: one command, embedded defaults, a summary, files that agree."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from fraud.access import Person, Role
from fraud.case import Disposition
from fraud.cases import Cases
from fraud.record import Record
from fraud.record_tables import transactions
from fraud.standing_scores import StandingScores
from tests.dashboard.served_demo import served_demo

ROOT = Path(__file__).resolve().parents[2]
TOKEN_KEY = "0" * 64
"""A fixed one: some features count by hashes of tokens."""


@pytest.mark.slow
def test_the_demo_runs_end_to_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fraud", "demo", "--days", "40", "--accounts", "600", "--no-serve"],
        cwd=ROOT,
        env={**os.environ, "RINGFENCE_HOME": str(tmp_path), "RINGFENCE_TOKEN_KEY": TOKEN_KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Average precision" in done.stdout
    folder = tmp_path / "demo"
    scores = pd.read_parquet(folder / "scores.parquet")
    record = Record.open(f"sqlite:///{folder}/record.sqlite3")
    assert record.count(transactions) == len(scores) > 1_000
    metrics = json.loads((folder / "report" / "metrics.json").read_text())
    assert metrics["span"]["transactions"] == len(scores)
    assert metrics["ranking"]["average_precision"]["value"] > 5 * scores_base_rate(metrics)
    assert record.unsent_alerts() == []
    assert sum(record.positions().values()) >= len(scores), "the last days went through the worker"
    assert any((folder / "outbox").iterdir())


@pytest.mark.slow
def test_while_the_demo_is_served_decided_cases_move_scores(tmp_path: Path) -> None:
    """Through the worker that decided its last days; Ctrl-C ends all of it.

    By its own engine, where there is no broker: tests/dashboard/test_shift.py.
    """
    ann = Person("ann", "Ann", Role.SUPERVISOR)
    with served_demo(tmp_path, "--days", "40", "--accounts", "600", "--broker") as demo:
        record = Record.open(f"sqlite:///{demo.folder}/record.sqlite3")
        cases, standing = Cases(record), StandingScores(record)
        case = max(cases.queue(limit=50).rows, key=lambda one: len(cases.evidence(one.case_id)))
        ids = [one.transaction_id for one in cases.evidence(case.case_id)]
        cases.dispose(
            case.case_id,
            ann,
            case.version,
            Disposition.CONFIRMED_FRAUD,
            "collusion",
            fraud_transactions=ids,
        )
        end = time.monotonic() + 180
        while not standing.moved_by(case.case_id):
            assert time.monotonic() < end, f"{standing.labels_waiting()} labels wait"
            time.sleep(0.1)
        assert standing.labels_waiting() == 0
        record.close()
        assert demo.end() == 0
    assert not [one for one in _running() if str(tmp_path) in one], "a process stayed behind"


def _running() -> list[str]:
    """Command line and environment of every process of this machine, as far as they can be read."""
    said = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            said.append((folder / "cmdline").read_text() + (folder / "environ").read_text())
    return said


def scores_base_rate(metrics: dict[str, dict[str, float]]) -> float:
    return metrics["span"]["frauds"] / metrics["span"]["transactions"]
