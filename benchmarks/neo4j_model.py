"""What each choice of what goes into the graph store costs to write and to ask, on both engines, for RESULTS.md.

Run: python -m benchmarks.neo4j_model [--transactions 40000]

The same decided transactions go into a fresh store, warmed up by 4,000 others, as ``WriteBehind`` would write them, in
portions of 1,000; then the pages' questions are asked, and the history of an account where its transactions are
there one by one. Without them the same history comes from the record. No disk or network is spared: each portion is
one acknowledged transaction of the store.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.results import machine, write_result, write_section
from fraud.decision import Outcome
from fraud.progress import stage
from fraud.record_rows import DecidedTransaction, Following
from fraud.ring import NodeKind
from fraud.services.neo4j import Neo4jService
from fraud.settings import ServicesSettings
from graph.arcade import ArcadeServer
from graph.kept import Kept
from graph.store import GraphStore

__all__ = ["main", "write_rate"]

PORTION = 1_000
WARM_WRITTEN = 4 * PORTION
HELD = 0.01
ASKED = 300
WARM = 50
START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(seconds=20)
ACCOUNTS, MERCHANTS, DEVICES, ADDRESSES = 20_000, 1_000, 18_000, 8_000

CHOICES = {"alerted": Kept(), "window of half": Kept("window", days=0.0), "all": Kept("all")}

HISTORY = """
MATCH (:Account {id: $id})-[:MADE]->(t:Transaction)
OPTIONAL MATCH (t)-[:TO]->(payee)
RETURN t.id AS id, t.time AS time, t.amount AS amount, payee.id AS payee ORDER BY time DESC LIMIT 200
"""


def made(count: int, seed: int = 0) -> list[DecidedTransaction]:
    """Decided transactions, of which one in a hundred was not approved."""
    random = np.random.default_rng(seed)
    accounts, merchants = (
        random.integers(0, ACCOUNTS, count),
        (MERCHANTS * random.random(count) ** 2).astype(int),
    )
    others, devices = random.integers(0, ACCOUNTS, count), random.integers(0, DEVICES, count)
    addresses, scores = (ADDRESSES * random.random(count) ** 2).astype(int), random.random(count)
    transfer = random.random(count) < 0.1
    run = random.integers(0, 2**31)
    return [
        DecidedTransaction(
            transaction_id=f"{run:08x}{i:024x}",
            event_time=START + i * STEP,
            account_id=f"a_{accounts[i]:026d}",
            merchant_id=None if transfer[i] else f"m_{merchants[i]}",
            counterparty_id=f"a_{others[i]:026d}" if transfer[i] else None,
            amount=float(1 + i % 500),
            currency="USD",
            device_id=f"d_{devices[i]:026d}",
            ip=f"i_{addresses[i]:026d}",
            channel="online",
            mcc=None,
            latitude=None,
            longitude=None,
            score=float(scores[i]),
            outcome=Outcome.REVIEW if scores[i] > 1 - HELD else Outcome.APPROVE,
        )
        for i in range(count)
    ]


def write_rate(store: GraphStore, keep: Kept, count: int, *, stream: str = "bench") -> float:
    """Transactions a second into a store, in portions as the writer behind the record makes them."""
    transactions = made(count, seed=count)
    now = transactions[count // 2].event_time
    after = store.position(stream)
    began = time.perf_counter()
    for first in range(0, count, PORTION):
        portion = tuple(transactions[first : first + PORTION])
        passing = keep.in_passing(portion, now)
        if not store.apply(stream, Following(after, after + 1, portion), (), passing):
            raise AssertionError("another writer is at work")
        after += 1
    return count / (time.perf_counter() - began)


def main() -> None:
    """Write, ask and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transactions", type=int, default=40_000)
    count = parser.parse_args().transactions
    measured = []
    for engine in (_arcade, _neo4j):
        for title, keep in CHOICES.items():
            # A server of its own: what was deleted before slows the embedded one down.
            with TemporaryDirectory() as folder, engine(Path(folder)) as store:
                store.prepare()
                write_rate(store, keep, WARM_WRITTEN, stream="warm-up")
                with stage(f"{engine.__name__[1:]}: {title}"):
                    measured.append(
                        {"engine": engine.__name__[1:], "kept": title, **_measure(store, keep, count)}
                    )
    result = {
        "machine": machine("neo4j", "arcadedb-embedded"),
        "load": os.getloadavg()[2],
        "transactions": count,
        "measured": measured,
    }
    text = _section(result)
    print(text)
    write_section("neo4j_model", text)
    write_result("neo4j_model", result)


def _measure(store: GraphStore, keep: Kept, count: int) -> dict[str, Any]:
    rate = write_rate(store, keep, count)
    random = np.random.default_rng(3)
    accounts = [f"a_{i:026d}" for i in random.integers(0, ACCOUNTS, ASKED)]

    def history(account: str) -> object:
        return store.read(lambda work: work.run(HISTORY, id=account).data())

    return {
        "rate": rate,
        "nodes": store.counts()["Transaction"],
        "around": _times(accounts, lambda one: store.around(NodeKind.ACCOUNT, one)),
        "hub": _times(["m_0"] * ASKED, lambda one: store.around(NodeKind.MERCHANT, one)),
        "history": _times(accounts, history) if keep.transactions != "alerted" else None,
    }


def _times(ids: list[str], ask: Callable[[str], object]) -> tuple[float, float]:
    """p50 and p99 in ms."""
    for one in ids[:WARM]:
        ask(one)
    found = []
    for one in ids:
        began = time.perf_counter()
        ask(one)
        found.append(1e3 * (time.perf_counter() - began))
    return float(np.percentile(found, 50)), float(np.percentile(found, 99))


@contextmanager
def _arcade(folder: Path) -> Iterator[GraphStore]:
    with ArcadeServer(folder / "arcade", memory_mb=512) as server, server.connect() as store:
        yield store


@contextmanager
def _neo4j(folder: Path) -> Iterator[GraphStore]:
    with (
        Neo4jService(folder / "neo4j", cache=ServicesSettings().cache, memory_mb=512) as service,
        GraphStore.connect(service.address, service.user, service.password, "neo4j") as store,
    ):
        yield store


def _section(result: dict[str, Any]) -> str:
    lines = [
        "## What goes into the graph store",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.neo4j_model --transactions {result['transactions']}`, "
        f"{result['machine']}, load {result['load']:.1f} over the last 15 minutes. "
        f"Into a fresh store, warmed up by {WARM_WRITTEN:,} others, in portions of {PORTION:,}; "
        "one transaction in a hundred is not "
        "approved. Times of the whole call in Python.",
        "",
        "| engine | kept one by one | transactions/s | Transaction nodes | around an account, p50 / p99 ms | "
        "around the busiest merchant | history of an account |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in result["measured"]:
        asked = [
            "from the record" if row[name] is None else f"{row[name][0]:.1f} / {row[name][1]:.1f}"
            for name in ("around", "hub", "history")
        ]
        lines.append(
            f"| {row['engine']} | {row['kept']} | {row['rate']:,.0f} | {row['nodes']:,} | {' | '.join(asked)} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
