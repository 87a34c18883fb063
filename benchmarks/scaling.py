"""What one more worker brings: processor time to take an event in, and to decide one: ``python -m benchmarks.scaling``.

Every worker takes in every event (t), and admits, scores and writes its own share (s), so n workers on cores of their
own decide 10^6 / (t + s/n) a second. Measured in one process without a broker; beside it stand the rates that
``benchmarks.stream_speed`` last measured with one, where there are any.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import typer

from benchmarks.results import RESULTS, machine, write_result, write_section
from benchmarks.stream_speed import HISTORY, LIVE, Prepared, prepare
from fraud.decision import Decision
from fraud.exits import exit_status
from fraud.progress import stage
from fraud.record import Record
from fraud.tokens import Tokeniser
from models.scorer import Scorer
from stream.admission import admit_transactions
from stream.engine import Decided, Engine
from stream.follower import decode_all
from stream.ledger import Entry, encode_entry
from stream.messages import decision_message
from stream.recording import write_verdicts
from stream.seed import seed
from stream.snapshots import Snapshots
from stream.verdicts import verdicts

ROWS, ENTRIES = 512, 8
"""Rows of an entry, and entries taken in one go, as a worker under load has them."""

WORKERS = (1, 2, 4, 8, 16)
WARM = 5
"""Runs of entries that fill caches and are not counted."""

Result = TypeVar("Result")
Subject = TypeVar("Subject")


class Clock:
    """Processor time by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}

    def time(self, name: str, call: Callable[[Subject], Result], subject: Subject) -> Result:
        """Run on a subject and note."""
        began = time.thread_time()
        result = call(subject)
        self.spent.setdefault(name, []).append(time.thread_time() - began)
        return result

    def per_event(self, name: str) -> float:
        """Median over runs, µs an event."""
        return float(np.median(self.spent[name][WARM:])) / (ROWS * ENTRIES) * 1e6


def engine_of(prepared: Prepared, scorer: Scorer, owned: dict[int, int]) -> Engine:
    """An engine over the history's state."""
    settings = prepared.settings()
    seed(settings, prepared.history)
    state = Snapshots(settings.home / "state").newest()
    if state is None:
        raise RuntimeError("the seed is not there")
    engine = Engine(state, scorer)
    engine.own(owned)
    return engine


def measure(prepared: Prepared) -> dict[str, float]:
    """µs an event of each stage."""
    clock, scorer = Clock(), Scorer.load(prepared.model)
    settings = prepared.settings()
    tokeniser = Tokeniser.from_settings(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    record = Record.open(settings.database_url.get_secret_value())
    deciding, following = engine_of(prepared, scorer, {0: 0}), engine_of(prepared, scorer, {})
    messages = [one.value for one in prepared.messages]
    ledger = 0

    def admit(portions: list[list[tuple[int, bytes]]]) -> list[Entry]:
        return [admit_transactions("t", 0, one, tokeniser, "USD") for one in portions]

    def write(decided: Decided) -> list[Decision]:
        return write_verdicts(record, verdicts(decided.step, decided.transactions), stream="s")

    for first in range(0, LIVE - ROWS * ENTRIES + 1, ROWS * ENTRIES):
        portions = [
            [(offset, messages[offset]) for offset in range(start, start + ROWS)]
            for start in range(first, first + ROWS * ENTRIES, ROWS)
        ]
        entries = clock.time("admit", admit, portions)
        contents = clock.time("append", lambda ones: list(map(encode_entry, ones)), entries)
        encoded = [(ledger + place, one) for place, one in enumerate(contents)]
        ledger += ENTRIES
        decoded = clock.time("read", decode_all, encoded)
        clock.time("follow", following.take, decoded)
        taken = clock.time("follow and score", deciding.take, decoded)
        decisions = clock.time("record", write, taken.decided[0])
        clock.time("tell", lambda ones: list(map(decision_message, ones)), decisions)
    record.close()
    return {name: clock.per_event(name) for name in clock.spent}


def main() -> None:
    """Measure and write the section."""
    with tempfile.TemporaryDirectory(prefix="ringfence-scaling-") as name, stage("Measure stages"):
        found: dict[str, Any] = {"stages": measure(prepare(Path(name), "127.0.0.1:1"))}
    stages = found["stages"]
    found["t"] = stages["read"] + stages["follow"]
    found["s"] = (
        stages["admit"] + stages["append"] + stages["follow and score"] - stages["follow"]
        + stages["record"] + stages["tell"]
    )  # fmt: skip
    write_result("scaling", found)
    text = section(found)
    write_section("scaling", text)
    print(text)


def section(found: dict[str, Any]) -> str:
    """The tables."""
    stages, t, s = found["stages"], found["t"], found["s"]
    path = RESULTS.parent / "results" / "stream_speed.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    lines = [
        "## Scaling out",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, `python -m benchmarks.scaling`, {machine('numpy', 'xgboost')}. Processor time "
        f"of one thread, {LIVE:,} payments after {HISTORY:,}; broker clients not counted.",
        "",
        "| stage of a worker | µs an event |",
        "|---|---:|",
        *(f"| {name} | {spent:.2f} |" for name, spent in stages.items()),
        f"| **t**: what every worker spends on every event (read, follow) | {t:.2f} |",
        f"| **s**: what the owner spends besides | {s:.2f} |",
        "",
        "| workers, a core each | 10⁶ / (t + s/n), transactions/s | measured with a broker on this machine's cores |",
        "|---:|---:|---:|",
    ]
    for workers in WORKERS:
        rate = measured.get(f"workers_{workers}", {}).get("rate")
        told = "–" if rate is None else f"{rate:,.0f}"
        lines.append(f"| {workers} | {1e6 / (t + s / workers):,.0f} | {told} |")
    lines.append(f"| ceiling | {1e6 / t:,.0f} | – |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
