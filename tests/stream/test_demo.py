"""The main job at a small size, as a user runs it: one command, embedded defaults, a summary, files that agree."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pandas as pd
import pytest

from fraud.access import Person, Role
from fraud.case import Disposition
from fraud.cases import Cases
from fraud.record import Record
from fraud.record_tables import transactions
from fraud.standing_scores import StandingScores

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


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["--broker", "--no-broker"])
def test_while_the_demo_is_served_decided_cases_move_scores(tmp_path: Path, broker: str) -> None:
    """Through the worker that decided its last days, or by its own engine; Ctrl-C ends all of it."""
    ann = Person("ann", "Ann", Role.SUPERVISOR)
    with subprocess.Popen(
        [sys.executable, "-m", "fraud", "demo", "--days", "40", "--accounts", "600", broker],
        cwd=ROOT,
        env={**os.environ, "RINGFENCE_HOME": str(tmp_path), "RINGFENCE_DASHBOARD__PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = _until_served(process.stdout)
        record = Record.open(f"sqlite:///{tmp_path}/demo/record.sqlite3")
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
        end = time.monotonic() + 60
        while not standing.moved_by(case.case_id):
            assert time.monotonic() < end, said
            time.sleep(0.1)
        assert standing.labels_waiting() == 0
        record.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    assert not [one for one in _running() if str(tmp_path) in one], "a process stayed behind"


def _running() -> list[str]:
    """Command line and environment of every process of this machine, as far as they can be read."""
    said = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            said.append((folder / "cmdline").read_text() + (folder / "environ").read_text())
    return said


def _until_served(lines: IO[str]) -> str:
    said = ""
    for line in lines:
        said += line
        if line.startswith("Dashboard:"):
            return said
    raise AssertionError(said)


def scores_base_rate(metrics: dict[str, dict[str, float]]) -> float:
    return metrics["span"]["frauds"] / metrics["span"]["transactions"]
