"""Pulls plugs on a stream at full speed and counts what was lost or doubled: ``python -m benchmarks.kill_drill``.

Two workers, a real Kafka and the graph's writer run while transactions and one per cent of malformed records come in.
Workers are killed with SIGKILL five times, the broker once, Neo4j twice, each is started again, and at the end

- every accepted transaction has exactly one decision, bit for bit that of an uninterrupted replay of the ledger;
- every malformed record lies in the dead letters, once;
- every alert that an uninterrupted ring desk raises was handed over, once;
- the graph holds every transaction once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isclose
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
import pandas as pd
import typer
from aiokafka import TopicPartition

from benchmarks.results import machine, write_result, write_section
from data.canonical import read_transactions
from data.simulate import simulate
from data.tokenise import tokenise_table
from fraud import record_tables
from fraud.alert import Alert
from fraud.errors import RingfenceError, StoreUnavailable
from fraud.exits import exit_status
from fraud.progress import stage
from fraud.record import Record
from fraud.services.kafka import KafkaService
from fraud.services.neo4j import Neo4jService
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from gnn.training import SageConfig
from graph.opening import open_graph_store
from models.scorer import Scorer
from models.training import train
from stream.audit import Audit, audit
from stream.broker import Topics, tail
from stream.desk import RingDesk
from stream.desk_follower import desk_position
from stream.follower import ledger_end
from stream.ledger_replay import replay_ledger
from stream.publish import messages_of
from stream.publisher import Message, publisher
from tests.fraud.bad_records import bad_records

__all__ = [
    "Drill",
    "Findings",
    "Killable",
    "Plug",
    "environment",
    "judge",
    "judge_graph",
    "with_bad_records",
]

FULL_SPEED = 2_048
PATIENCE = 600.0
LEARNED_DAYS, LEARNED_ACCOUNTS = 60, 3_000
"""The world that the model learns from, whatever the size of the one that is streamed."""
SETTLE_SECONDS = 300.0
MOST_FAULTS = 5
NOTHING = (0, 0, 0.0)
"""What a graph store says of a type of relationship that it does not hold."""


class Killable(Protocol):
    """A service that may be killed and started again where it was."""

    def kill(self) -> None:
        """SIGKILL."""

    def restart(self) -> object:
        """Start on the same data and address; returns when it answers."""


@dataclass(frozen=True, slots=True)
class Plug:
    """One plug to pull, when this share of the transactions has been decided."""

    share: float
    what: str
    """worker-0, worker-1, or the name of a service."""


@dataclass(slots=True)
class Findings:
    """What a drill found; every list of faults is empty when nothing was lost or doubled."""

    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    pulled: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    repeated_messages: int = 0
    """Decisions that were sent to their topic more than once, always with the same content."""
    alerts: int = 0
    relationships: int = 0
    """Relationships of payments that the graph holds, where the drill had one."""
    ended: int = 0
    """Processes that ended by themselves and were started again."""


class Drill:
    """Workers as processes of their own over one home folder, and the plugs."""

    def __init__(self, settings: Settings, services: dict[str, Killable], workers: int = 2) -> None:
        self.settings = settings
        self.services = services
        self.names = [f"worker-{number}" for number in range(workers)]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._coming_back: dict[str, asyncio.Task[object]] = {}

    def start_worker(self, name: str) -> None:
        """Start a worker process; its log goes on in the home folder."""
        self._start(name, "worker")

    def start_graph_writer(self) -> None:
        """Start the process that brings the graph store up to the record."""
        self._start("graph", "graph", "follow")

    def _start(self, name: str, *command: str) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with (self.settings.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "fraud", *command],
                env=os.environ | environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def pull(self, what: str) -> None:
        """Kill with SIGKILL and start again: a service beside the stream, which goes on meanwhile."""
        if what in self.services:
            if what in self._coming_back:
                await self._coming_back[what]
            await asyncio.to_thread(self.services[what].kill)
            self._coming_back[what] = asyncio.create_task(asyncio.to_thread(self.services[what].restart))
            return
        process = self.processes[what]
        process.kill()
        process.wait()
        if what == "graph":
            self.start_graph_writer()
        else:
            self.start_worker(what)

    def stop(self) -> None:
        """SIGTERM to all, and wait."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    async def run(
        self,
        portions: Iterator[list[Message]],
        expected: int,
        plugs: Sequence[Plug],
        *,
        may_end: bool = False,
    ) -> Findings:
        """Publish at full speed and pull the plugs as decisions come in, until ``expected`` records are settled.

        ``may_end``: a process that gives up for a planted fault is only started again, and counted.
        """
        found = Findings()
        began = time.monotonic()
        record = Record.open(self.settings.database_url.get_secret_value())
        publishing = asyncio.create_task(self._publish(portions))
        waiting = sorted(plugs, key=lambda plug: plug.share)
        try:
            while True:
                settled = await asyncio.to_thread(_settled, record)
                if waiting and settled >= waiting[0].share * expected:
                    plug = waiting.pop(0)
                    found.pulled.append(f"{plug.what} at {settled:,}")
                    await self.pull(plug.what)
                if publishing.done():
                    publishing.result()
                    if settled >= expected and not waiting:
                        await asyncio.gather(*self._coming_back.values())
                        break
                self._start_the_ended(found, may_end)
                if time.monotonic() - began > PATIENCE + expected / 1_000:
                    found.faults.append(f"stalled at {settled:,} of {expected:,} records")
                    break
                await asyncio.sleep(0.1)
        finally:
            record.close()
        found.seconds = time.monotonic() - began
        return found

    def _start_the_ended(self, found: Findings, may_end: bool) -> None:
        """Start again what ended by itself, as a supervisor would; it is a fault where it should not have."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                found.ended += 1
                if not may_end:
                    found.faults.append(f"{name} ended by itself with status {process.returncode}")
                self.start_graph_writer() if name == "graph" else self.start_worker(name)
        if len(found.faults) > MOST_FAULTS:
            raise RuntimeError("; ".join(found.faults))

    async def settle(self, found: Findings, patience: float = SETTLE_SECONDS) -> None:
        """Wait until the ring desk has seen the whole ledger, and the graph store the whole record; then stop all."""
        record = Record.open(self.settings.database_url.get_secret_value())
        until = time.monotonic() + patience
        try:
            while time.monotonic() < until:
                told = await asyncio.to_thread(desk_position, record) >= await ledger_end(self.settings)
                drawn = "graph" not in self.processes or await asyncio.to_thread(self._graph_is_whole, record)
                if told and drawn:
                    break
                await asyncio.sleep(0.5)
            else:
                found.faults.append("the ring desk or the graph store did not catch up")
        finally:
            record.close()
        await asyncio.to_thread(self.stop)

    def _graph_is_whole(self, record: Record) -> bool:
        try:
            with open_graph_store(self.settings) as store:
                return record.waiting(store.positions()) == 0
        except StoreUnavailable:
            return False

    async def _publish(self, portions: Iterator[list[Message]]) -> None:
        async with publisher(self.settings) as out:
            for portion in portions:
                for first in range(0, len(portion), FULL_SPEED):
                    await asyncio.gather(*await out.send(portion[first : first + FULL_SPEED]))


def environment(settings: Settings) -> dict[str, str]:
    """The variables that make another process use these settings."""
    stream, graph = settings.stream, settings.graph
    said = {
        "RINGFENCE_HOME": str(settings.home),
        "RINGFENCE_DATABASE_URL": settings.database_url.get_secret_value(),
        "RINGFENCE_STREAM__BROKER": stream.broker,
        "RINGFENCE_STREAM__PREFIX": stream.prefix,
        "RINGFENCE_STREAM__GROUP": stream.group,
        "RINGFENCE_STREAM__PARTITIONS": str(stream.partitions),
        "RINGFENCE_STREAM__MODEL": str(stream.model or ""),
        "RINGFENCE_STREAM__SNAPSHOT_SECONDS": str(stream.snapshot_seconds),
        "RINGFENCE_ONLINE__MEMORY_MB": str(settings.online.memory_mb),
        "RINGFENCE_LOG_LEVEL": "info",
    }
    if settings.token_key is not None:
        said["RINGFENCE_TOKEN_KEY"] = settings.token_key.get_secret_value()
    if graph.uri is not None and graph.password is not None:
        said |= {
            "RINGFENCE_GRAPH__URI": graph.uri,
            "RINGFENCE_GRAPH__USER": graph.user,
            "RINGFENCE_GRAPH__PASSWORD": graph.password.get_secret_value(),
        }
    return said


def with_bad_records(
    portions: Iterator[list[Message]], bad: Iterator[bytes], every: int
) -> Iterator[list[Message]]:
    """One malformed record after each ``every`` good messages."""
    count = 0
    for portion in portions:
        mixed = []
        for one in portion:
            mixed.append(one)
            count += not one.is_label
            if not one.is_label and count % every == 0:
                mixed.append(Message(False, b"bad-%d" % count, next(bad)))
        yield mixed


def _settled(record: Record) -> int:
    return sum(offset for source, offset in record.positions().items() if source.startswith("transactions-"))


async def judge(settings: Settings, ids: set[str], bad: int, found: Findings) -> Findings:
    """Compare everything that was kept with an uninterrupted replay of the ledger."""
    record = Record.open(settings.database_url.get_secret_value())
    try:
        scorer = Scorer.load(settings.stream.model or settings.home / "model")
        said = await audit(settings, scorer, record)
        found.accepted = said.decided
        _judge_decisions(said, ids, record, found)
        _judge_dead_letters(record, bad, found)
        await _judge_alerts(settings, scorer, record, found)
        await _judge_topic(settings, ids, found)
    finally:
        record.close()
    return found


def judge_graph(settings: Settings, table: pd.DataFrame, found: Findings) -> None:
    """Every payment of the tokenised ``table`` is counted once, on the one relationship of its two ends."""
    with open_graph_store(settings) as store:
        held = store.totals()
    target = table["merchant_id"].fillna(table["counterparty_id"])
    for kind, end in (("PAID", target), ("USES", table["device_id"]), ("FROM", table["ip"])):
        there = end.notna()
        pairs = pd.DataFrame({"account": table["account_id"], "end": end})[there].drop_duplicates()
        expected = (len(pairs), int(there.sum()))
        relationships, transactions, _ = held.get(kind, NOTHING)
        found.relationships += relationships
        if (relationships, transactions) != expected:
            found.faults.append(
                f"{relationships:,} {kind} hold {transactions:,} transactions, "
                f"{expected[0]:,} of {expected[1]:,} expected"
            )
    money, paid = held.get("PAID", NOTHING)[2], float(table["amount"].sum())
    if not isclose(money, paid, rel_tol=1e-9):
        found.faults.append(f"the graph holds payments of {money:,.2f}, {paid:,.2f} expected")


def _judge_decisions(said: Audit, ids: set[str], record: Record, found: Findings) -> None:
    if said.decided != len(ids):
        found.faults.append(f"the ledger holds {said.decided:,} transactions, {len(ids):,} were published")
    for what, some in (("differ", said.different), ("missing", said.missing)):
        if some:
            found.faults.append(f"{len(some):,} decisions {what}, such as {some[0]}")
    decisions = record.count(record_tables.decisions)
    if decisions != len(ids):
        found.faults.append(f"{decisions:,} decisions for {len(ids):,} transactions")


def _judge_dead_letters(record: Record, bad: int, found: Findings) -> None:
    found.refused = record.count(record_tables.dead_letters)
    if found.refused != bad:
        found.faults.append(f"{found.refused:,} dead letters for {bad:,} malformed records")


async def _judge_alerts(settings: Settings, scorer: Scorer, record: Record, found: Findings) -> None:
    expected = {alert.idempotency_key: alert for alert in await _uninterrupted_alerts(settings, scorer)}
    files = [one.read_bytes() for one in settings.alert_outbox.glob("*.json")]
    handed_over = {
        alert.idempotency_key: alert for alert in (msgspec.json.decode(one, type=Alert) for one in files)
    }
    found.alerts = len(files)
    if record.unsent_alerts():
        found.faults.append("alerts were left unsent")
    kept = record.count(record_tables.alert_outbox)
    if not kept == len(files) == len(handed_over):
        found.faults.append(f"{kept:,} alert states on record, {len(files):,} handed over")
    for what, keys in (
        ("were handed over that no uninterrupted desk raises", handed_over.keys() - expected.keys()),
        ("are missing", expected.keys() - handed_over.keys()),
        ("differ", {key for key, alert in handed_over.items() if alert != expected.get(key, alert)}),
    ):
        if keys:
            found.faults.append(f"{len(keys):,} alert states {what}, such as {', '.join(sorted(keys)[:3])}")


async def _uninterrupted_alerts(settings: Settings, scorer: Scorer) -> list[Alert]:
    desk = RingDesk(settings.costs.review_cost, scorer.ring_judge)
    alerts: list[Alert] = []
    async with aclosing(replay_ledger(settings, scorer)) as replayed:
        async for decided in replayed:
            alerts += desk.observe(decided.step.suspicions).alerts
    return alerts


async def _judge_topic(settings: Settings, ids: set[str], found: Findings) -> None:
    """Every decision is on its topic, and one that was sent again says the same."""
    consumer = tail(settings)
    await consumer.start()
    seen: dict[bytes, bytes] = {}
    try:
        topic = Topics.named(settings.stream.prefix).decisions
        partitions = [TopicPartition(topic, one) for one in range(settings.stream.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while [one for one in partitions if await consumer.position(one) < ends[one]]:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for one in records:
                    first = seen.setdefault(one.key, one.value)
                    if one.value != first:
                        found.faults.append(f"two different decisions were sent for {one.key.decode()}")
                    found.repeated_messages += one.value is not first
    finally:
        await consumer.stop()
    if {key.decode() for key in seen} != ids:
        found.faults.append(f"decisions of {len(seen):,} transactions on the topic, {len(ids):,} expected")


def main(
    transactions: Annotated[int, typer.Option(help="Transactions to stream, about.")] = 2_000_000,
    graph: Annotated[
        bool,
        typer.Option(
            help="Neo4j and its writer too, killed twice; it takes about a thousand transactions a second."
        ),
    ] = False,
) -> None:
    """Pull plugs on a stream at full speed; write the section."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringfence-drill-")))
        cache = Settings.load().services.cache
        kafka = stack.enter_context(KafkaService(folder / "kafka", cache=cache, memory_mb=1_024))
        services: dict[str, Killable] = {"kafka": kafka}
        plugs = [Plug(share, f"worker-{place % 2}") for place, share in enumerate((0.1, 0.3, 0.5, 0.7, 0.9))]
        plugs.append(Plug(0.4, "kafka"))
        store: dict[str, object] = {}
        if graph:
            neo4j = stack.enter_context(Neo4jService(folder / "neo4j", cache=cache))
            services["neo4j"] = neo4j
            plugs += [Plug(0.2, "neo4j"), Plug(0.6, "neo4j")]
            store = {"uri": neo4j.address, "user": neo4j.user, "password": neo4j.password}
        found = asyncio.run(_stream(folder, kafka.address, transactions, services, plugs, store))
    result = msgspec.to_builtins(found)
    write_result("kill_drill", result)
    write_section("kill_drill", _section(found, graph))
    print(_section(found, graph))
    if found.faults:
        raise RingfenceError("; ".join(found.faults))


async def _stream(
    folder: Path,
    broker: str,
    transactions: int,
    services: dict[str, Killable],
    plugs: Sequence[Plug],
    store: dict[str, object],
) -> Findings:
    days = 60
    with stage("Simulate and train"):
        made = simulate(
            folder / "world", days=days, accounts=max(200, transactions * 10 // 11 // days), seed=11
        )
        raw = read_transactions(made.transactions)
        settings = Settings.load(
            home=folder / "home",
            token_key="drill" * 8,
            stream={"broker": broker, "prefix": "drill.", "group": "drill", "model": folder / "model"},
            graph=store or {},
        )
        learned = simulate(folder / "learned", days=LEARNED_DAYS, accounts=LEARNED_ACCOUNTS, seed=12)
        table = tokenise_table(read_transactions(learned.transactions), Tokeniser.from_settings(settings))
        train(table, folder / "model", settings, device="cpu", seed=0, sage_config=SageConfig(epochs=1))
    ids, bad = set(raw["transaction_id"]), len(raw) // 100
    drill = Drill(settings, services)
    try:
        for name in drill.names:
            drill.start_worker(name)
        if store:
            drill.start_graph_writer()
        damaged = (value for _, value in bad_records(7, bad))
        found = await drill.run(with_bad_records(messages_of(raw), damaged, 100), len(ids) + bad, plugs)
        # The ring desk, one for all, comes after the workers: some milliseconds a suspicion.
        await drill.settle(found, SETTLE_SECONDS + len(ids) / 1_000)
    finally:
        drill.stop()
    if store:
        judge_graph(settings, tokenise_table(raw, Tokeniser.from_settings(settings)), found)
    return await judge(settings, ids, bad, found)


def _section(found: Findings, graph: bool) -> str:
    faults = "; ".join(found.faults) or "none"
    return "\n".join(
        [
            "## Plugs pulled at full speed",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, `python -m benchmarks.kill_drill{' --graph' if graph else ''}`, "
            f"{machine('aiokafka', 'faust-streaming')}. Two workers on one real Kafka"
            f"{', Neo4j with its writer' if graph else ''}; all killed with SIGKILL and started again.",
            "",
            "| | |",
            "|---|---|",
            f"| transactions accepted, each with one decision, bit for bit that of a replay | {found.accepted:,} |",
            f"| malformed records, each in the dead letters once | {found.refused:,} |",
            f"| alert states, each handed over once | {found.alerts:,} |",
            *(
                [f"| relationships in Neo4j, each with its transactions once | {found.relationships:,} |"]
                if graph
                else []
            ),
            f"| plugs pulled | {', '.join(found.pulled)} |",
            f"| decisions sent to their topic again, with the same content | {found.repeated_messages:,} |",
            f"| seconds from the first record to the last decision | {found.seconds:,.0f} |",
            f"| lost, doubled or different | {faults} |",
        ]
    )


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
