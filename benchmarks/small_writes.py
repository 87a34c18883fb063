"""What a commit of ten transactions costs the record: names joined or not, checkpoints beside, room made.

``python -m benchmarks.small_writes``. At 1,000 transactions a second a worker commits about a hundred times a second,
ten transactions each, and every decision waits for its commit. All sides write the same transactions in turn, so that
noise falls on all alike; each is a SQLite record of its own with ``synchronous=FULL``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import typer

from benchmarks.record_writes import Batch, batches
from benchmarks.results import machine, write_result, write_section
from fraud import record_eras
from fraud.exits import exit_status
from fraud.progress import stage
from fraud.record import Record
from fraud.record_checkpoints import Checkpoints

ROWS, COMMITS = 10, 1_000
FILL = 8
"""Batches of a thousand that are there already: half an era."""

NEVER = 1 << 30

PAUSE_SECONDS = 0.005
"""Between two commits, in which the thread for checkpoints may work, as it does between those of a worker."""


@dataclass(slots=True)
class Side:
    """One way to write."""

    name: str
    parts: int
    """Parts of an era's names from which on they are joined."""
    record: Record
    log: Path
    """SQLite's write-ahead log."""
    rests: bool
    """Whether room is made between two commits."""
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    logged: list[int] = field(default_factory=list)
    """Bytes by which the log grew, where it did not begin anew."""

    def write(self, batch: Batch, *, counted: bool) -> None:
        """One commit."""
        record_eras.MOST_PARTS = self.parts
        before = self.log.stat().st_size if self.log.exists() else 0
        began, spent = time.perf_counter(), time.thread_time()
        self.record.write_batch(
            batch.transactions, batch.decisions, batch.receipts, positions={"s": len(self.seconds)}
        )
        took, cost = time.perf_counter() - began, time.thread_time() - spent
        if counted:
            self.seconds.append(took)
            self.processor.append(cost)
            if (grown := self.log.stat().st_size - before) > 0:
                self.logged.append(grown)
        if self.rests:
            self.record.make_room()

    def figures(self) -> dict[str, float]:
        """Milliseconds, and kilobytes."""
        wall = np.array(self.seconds) * 1e3
        p50, p99, most = np.percentile(wall, [50, 99, 100]).tolist()
        return {
            "p50": p50,
            "p99": p99,
            "most": most,
            "processor": float(np.mean(self.processor)) * 1e3,
            "logged": float(np.mean(self.logged)) / 1e3,
        }


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Figures by side."""
    parts = record_eras.MOST_PARTS
    with ExitStack() as opened:
        sides = []
        for number, (name, most, aside, rests) in enumerate(
            (
                ("names never joined, checkpoints within commits", NEVER, False, False),
                ("names joined, checkpoints within commits", parts, False, False),
                ("names joined, checkpoints beside", parts, True, False),
                ("the same, and room made between commits", parts, True, True),
            )
        ):
            path = folder / f"record{number}.sqlite3"
            record = Record.open(f"sqlite:///{path}")
            opened.callback(record.close)
            if aside:
                opened.enter_context(Checkpoints(record.engine))
            sides.append(Side(name, most, record, path.with_name(path.name + "-wal"), rests))
        for batch in batches(FILL, 1_000):
            for side in sides:
                side.write(batch, counted=False)
        for number, batch in enumerate(batches(COMMITS, ROWS)):
            time.sleep(PAUSE_SECONDS)
            for side in _turned(sides, number):
                side.write(batch, counted=True)
    return {side.name: side.figures() for side in sides}


def _turned(sides: Sequence[Side], number: int) -> list[Side]:
    return [sides[(number + place) % len(sides)] for place in range(len(sides))]


def section(found: dict[str, Any]) -> str:
    """The table."""
    lines = [
        "## Small commits to the record",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, `python -m benchmarks.small_writes`, {machine('SQLAlchemy')}, "
        f"{found['load']:.1f} processes wanting to run. {COMMITS:,} commits of {ROWS} transactions each to SQLite, "
        f"after {FILL},000 transactions, the four in turn.",
        "",
        "| | p50 ms | p99 ms | longest ms | processor ms | KB to the log |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in found["sides"].items():
        lines.append(
            f"| {name} | {one['p50']:.1f} | {one['p99']:.1f} | {one['most']:.0f} | {one['processor']:.2f} "
            f"| {one['logged']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and write the section."""
    with tempfile.TemporaryDirectory(prefix="ringfence-writes-") as name, stage("Small commits"):
        found: dict[str, Any] = {"sides": measure(Path(name))}
    found["load"] = os.getloadavg()[0]
    write_result("small_writes", found)
    write_section("small_writes", section(found))
    print(section(found))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
