"""How long a worker with a state of ten million events needs after a crash: ``python -m benchmarks.recovery``.

The state is built from ten million payments, saved, and two million more lie in the ledger after the snapshot: the most
that ``RINGFENCE_STREAM__SNAPSHOT_EVENTS`` allows. Recovery is loading the snapshot and taking in those entries.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from benchmarks.payments import Sizes, payments
from benchmarks.results import machine, write_result, write_section
from fraud.exits import exit_status
from fraud.progress import stage
from graph.events import TRANSACTION, FrameEvents
from graph.online import OnlineGraph
from graph.seen import SeenIds
from stream.engine import Engine
from stream.ledger import Entry, decode_entry, encode_entry
from stream.replay import as_transactions
from stream.snapshots import Snapshots
from stream.state import LedgerState

PART = 1_000_000
CHUNK = 4_096
ROWS = 512
GROUP = 16
ACCOUNTS, MERCHANTS, DEVICES = 500_000, 20_000, 400_000
"""Ten million payments of half a million accounts: a fortnight of a mid-sized issuer."""


def parts(events: int, seed: int) -> Iterator[pd.DataFrame]:
    """Payments in tables of a million, one after another in time."""
    for number in range(events // PART):
        frame = payments(
            Sizes(
                payments=PART, accounts=ACCOUNTS, merchants=MERCHANTS, devices=DEVICES, homes=DEVICES, days=2
            ),
            seed=seed + number,
        )
        shift = pd.Timedelta(days=2 * (seed + number))
        frame["event_time"] += shift
        frame["transaction_id"] = f"p{seed + number}-" + frame["transaction_id"]
        yield frame


def build(folder: Path, events: int) -> LedgerState:
    """A state that has taken in ``events`` payments, from its own graph and ids."""
    graph, seen = OnlineGraph(memory_budget=6 << 30, retention_days=180.0), SeenIds(4_000_000)
    with stage("Build the state", total=events) as advance:
        for frame in parts(events, seed=0):
            source = FrameEvents(frame)
            times = source.time
            for start in range(0, PART, CHUNK):
                rows = np.arange(start, min(start + CHUNK, PART))
                kind = np.full(len(rows), TRANSACTION, dtype=np.int8)
                graph.observe(source.take(kind, rows, times[rows]), neighbourhoods=False)
            seen.admit(frame["transaction_id"].tolist())
            advance(PART)
    return LedgerState(graph, seen)


def entries_after(events: int, behind: int) -> list[tuple[int, bytes]]:
    """The ledger after the snapshot: entries as doors write them."""
    found: list[tuple[int, bytes]] = []
    with stage("Write the ledger behind it", total=behind) as advance:
        for frame in parts(behind, seed=events // PART):
            transactions = as_transactions(frame, np.arange(PART))
            for start in range(0, PART, ROWS):
                part = transactions[start : start + ROWS]
                offset = len(found) * ROWS
                stop = offset + len(part)
                entry = Entry("transactions", 0, offset, stop, list(range(offset, stop)), part)
                found.append((len(found), encode_entry(entry)))
            advance(PART)
    return found


def measure(folder: Path, events: int, behind: int) -> dict[str, Any]:
    """Seconds to save, to load and to catch up."""
    state = build(folder, events)
    nodes, size = len(state.graph.index), state.graph.memory()
    snapshots = Snapshots(folder / "state")
    began = time.monotonic()
    saving = snapshots.save_in_background(state)
    pause = time.monotonic() - began
    saving.wait()
    saved = time.monotonic() - began
    del state
    ledger = entries_after(events, behind)
    began = time.monotonic()
    restored = snapshots.newest()
    if restored is None:
        raise RuntimeError("the snapshot is not there")
    loaded = time.monotonic() - began
    engine = Engine(restored, None)  # type: ignore[arg-type] # it owns no partition and scores nothing
    for start in range(0, len(ledger), GROUP):
        engine.take([(offset, decode_entry(one)) for offset, one in ledger[start : start + GROUP]])
    done = time.monotonic() - began
    return {
        "events": events,
        "behind": behind,
        "nodes": nodes,
        "megabytes": size / 1e6,
        "pause_ms": pause * 1e3,
        "save_seconds": saved,
        "load_seconds": loaded,
        "catch_up_seconds": done - loaded,
        "recovery_seconds": done,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def section(found: dict[str, Any]) -> str:
    """The table."""
    return "\n".join(
        [
            "## Recovery of a worker",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, `python -m benchmarks.recovery`, {machine('numpy')}. A state of "
            f"{found['events']:,} payments ({found['nodes']:,} nodes, {found['megabytes']:,.0f} MB) from its snapshot, "
            f"and {found['behind']:,} events of the ledger after it, without a broker.",
            "",
            "| step | seconds |",
            "|---|---:|",
            f"| pause of scoring while a snapshot begins (fork) | {found['pause_ms'] / 1e3:.3f} |",
            f"| snapshot written, in the background | {found['save_seconds']:.1f} |",
            f"| snapshot loaded | {found['load_seconds']:.1f} |",
            f"| ledger after it taken in | {found['catch_up_seconds']:.1f} |",
            f"| **recovery** | **{found['recovery_seconds']:.1f}** |",
        ]
    )


def main(
    events: Annotated[int, typer.Option(help="Payments in the state.")] = 10_000_000,
    behind: Annotated[int, typer.Option(help="Events in the ledger after the snapshot.")] = 2_000_000,
) -> None:
    """Measure and write the section."""
    with tempfile.TemporaryDirectory(prefix="ringfence-recovery-") as name:
        found = measure(Path(name), events, behind)
    write_result("recovery", found)
    write_section("recovery", section(found))
    print(section(found))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
