"""Plugs pulled at full speed on real parts: nothing is lost and nothing doubled."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.faults import CutNetwork, FullDisk, SmallDisk
from benchmarks.kill_drill import Drill, Findings, Killable, Plug, judge, judge_graph, with_bad_records
from data.canonical import read_transactions
from data.simulate import simulate
from data.tokenise import tokenise_table
from fraud.processes import free_port
from fraud.services.kafka import KafkaService
from fraud.services.neo4j import Neo4jService
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from stream.publish import messages_of
from stream.seed import seed
from tests.conftest import UNDER_CI, service_cache
from tests.fraud.bad_records import KINDS, bad_records
from tests.stream.conftest import KEY, World

HUNDREDTH = 100
MOST_ENDED = 6


@dataclass(frozen=True)
class Payments:
    """A world bigger than the model's own, of which the days after ``since`` are streamed."""

    raw: pd.DataFrame
    history: pd.DataFrame
    live: pd.DataFrame


def payments(folder: Path, *, accounts: int, days: int, live: int) -> Payments:
    raw = read_transactions(simulate(folder, days=days, accounts=accounts, seed=11).transactions)
    table = tokenise_table(raw, Tokeniser(KEY))
    return Payments(raw, table.iloc[:-live].reset_index(drop=True), raw.iloc[-live:].reset_index(drop=True))


def settings_for(home: Path, world: World, broker: str, name: str, **more: object) -> Settings:
    return Settings.load(
        home=home,
        token_key=KEY.decode(),
        stream={
            "broker": broker,
            "prefix": f"{name}.",
            "group": name,
            "partitions": 6,
            "model": world.model,
            "snapshot_seconds": 5.0,
        },
        online={"memory_mb": 512},
        **more,
    )


def run(
    drill: Drill, made: Payments, plugs: Sequence[Plug], *, graph: bool = False, may_end: bool = False
) -> Findings:
    """Stream at full speed, pull the plugs, stop everything, and judge what was kept."""
    settings = drill.settings
    ids = set(made.live["transaction_id"])
    bad = len(ids) // HUNDREDTH
    seed(settings, made.history)

    async def whole() -> Findings:
        for name in drill.names:
            drill.start_worker(name)
        if graph:
            drill.start_graph_writer()
        messages = with_bad_records(
            messages_of(made.live), (value for _, value in bad_records(7, bad)), HUNDREDTH
        )
        found = await drill.run(messages, len(ids) + bad, plugs, may_end=may_end)
        await drill.settle(found)
        return await judge(settings, ids, bad, found)

    try:
        return asyncio.run(whole())
    finally:
        drill.stop()


@pytest.mark.slow
def test_five_workers_a_broker_and_two_graphs_are_killed(
    tmp_path: Path, world: World, own_kafka: KafkaService, own_neo4j: Neo4jService
) -> None:
    made = payments(tmp_path / "world", accounts=3_000, days=45, live=100_000)
    graph = {"uri": own_neo4j.address, "user": own_neo4j.user, "password": own_neo4j.password}
    settings = settings_for(tmp_path / "home", world, own_kafka.address, "kill", graph=graph)
    services: dict[str, Killable] = {"kafka": own_kafka, "neo4j": own_neo4j}
    plugs = [
        Plug(0.1, "worker-0"),
        Plug(0.2, "neo4j"),
        Plug(0.3, "worker-1"),
        Plug(0.45, "kafka"),
        Plug(0.55, "worker-0"),
        Plug(0.7, "worker-1"),
        Plug(0.8, "neo4j"),
        Plug(0.9, "worker-0"),
    ]
    # A worker that comes back while there is no broker says so and ends; its supervisor tries again.
    found = run(Drill(settings, services), made, plugs, graph=True, may_end=True)
    judge_graph(settings, tokenise_table(made.live, Tokeniser(KEY)), found)
    print(found)
    assert found.faults == []
    assert found.ended <= MOST_ENDED
    assert len(found.pulled) == len(plugs)
    assert (found.accepted, found.refused) == (100_000, 1_000)
    assert found.refused >= 40 and len(KINDS) >= 40
    assert found.alerts > 0
    assert found.relationships > 0


@pytest.mark.slow
def test_a_network_is_cut(tmp_path: Path, world: World) -> None:
    made = payments(tmp_path / "world", accounts=800, days=45, live=20_000)
    port = free_port()
    behind = free_port({port})
    kafka = KafkaService(tmp_path / "kafka", cache=service_cache("kafka"), ports={"broker": behind})
    kafka.advertised = f"127.0.0.1:{port}"
    with ExitStack() as stack:
        network = stack.enter_context(CutNetwork(behind, port))
        stack.enter_context(kafka)
        settings = settings_for(tmp_path / "home", world, kafka.advertised, "cut")
        found = run(Drill(settings, {"network": network}), made, [Plug(0.4, "network")], may_end=True)
    print(found)
    assert found.faults == []
    assert len(found.pulled) == 1


@pytest.mark.slow
def test_a_disk_is_full(tmp_path: Path, world: World, kafka: KafkaService) -> None:
    made = payments(tmp_path / "world", accounts=800, days=45, live=20_000)
    home = tmp_path / "home"
    with ExitStack() as stack:
        try:
            stack.enter_context(SmallDisk(home, megabytes=400))
        except (OSError, subprocess.CalledProcessError) as error:
            message = f"no file system of its own can be mounted here ({error})"
            if UNDER_CI:
                pytest.fail(message)
            pytest.skip(message)
        settings = settings_for(home, world, kafka.address, "full")
        found = run(Drill(settings, {"disk": FullDisk(home)}), made, [Plug(0.4, "disk")], may_end=True)
        print(found)
    assert found.faults == []
    assert len(found.pulled) == 1
