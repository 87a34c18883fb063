"""The main job at a small size, as a user runs it: one command, embedded defaults, a summary, files that agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from fraud.record import Record
from fraud.record_tables import transactions

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_demo_runs_end_to_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fraud", "demo", "--days", "40", "--accounts", "600", "--no-serve"],
        cwd=ROOT,
        env={**os.environ, "RINGFENCE_HOME": str(tmp_path)},
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


def scores_base_rate(metrics: dict[str, dict[str, float]]) -> float:
    return metrics["span"]["frauds"] / metrics["span"]["transactions"]
